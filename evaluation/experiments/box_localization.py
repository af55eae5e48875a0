"""Does the evidence find the object? Weakly supervised localization on photographs with boxes.

Every method explains the true class of a photograph; its evidence becomes a box (`objects.box_of_evidence`): saliency
and FGVis by GrabCut, Grad-CAM by its 15 % threshold. A box is right if its intersection over union with a true box is
at least 0.5. Everything is measured in the input of the network, so the part of a box outside of the central crop is
left out.

    top-1 error     the most likely class is not the true one, or its box is not right
    top-5 error     the true class is not among the five most likely, or its box is not right
    box error       the box of the true class is not right
    pointing game   the strongest pixel lies in a true box

Shares with Wilson's 95 % intervals. Two rows without evidence: the box of the whole picture, and a random map whose box
is found as Grad-CAM's. FGVis with GrabCut is our choice: the sources do not say how its mask becomes a box.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.experiments.deletion import seeded
from retina_xai.evaluation.objects.box_of_evidence import BoxRule, grabcut_box, threshold_box
from retina_xai.evaluation.objects.boxes import Box, boxes_of, fingerprint, mask_of
from retina_xai.evaluation.tables import mean_of, named, percent, share_of
from retina_xai.explainers.registry import EXPLAINERS
from retina_xai.metrics.pointing import pointing_hit
from retina_xai.models.network import Network

RULES: dict[str, BoxRule] = {
    "saliency": grabcut_box,
    "grad-cam": threshold_box,
    "fgvis": grabcut_box,
    "random": threshold_box,
}
WHOLE = "whole picture"
RIGHT = 0.5
ERRORS = {"top1": "top-1 error", "top5": "top-5 error", "box": "box error", "pointing": "pointing game"}


@dataclass(frozen=True)
class BoxLocalization(Experiment):
    """Localization of objects.

    Args:
        boxes: CSV file or folder of Pascal VOC XML files.
        synsets: text file whose line i begins with the label of class i (ImageNet's synset_words.txt), for labels that
            are no names of classes.
        lam, lr, iterations: settings of FGVis.

    Raises:
        UsageError: settings that FGVis refuses.
    """

    name: ClassVar[str] = "localization"
    title: ClassVar[str] = "Weakly supervised localization"
    boxes: str = ""
    synsets: str = ""
    lam: tuple[float, ...] = (1e-8,)
    lr: float = 0.1
    iterations: int = 100

    def __post_init__(self) -> None:
        seeded(tuple(RULES), {"fgvis": self.game}, 0)

    @property
    def game(self) -> dict[str, Any]:
        """The settings of FGVis."""
        return {"lam": self.lam, "lr": self.lr, "iterations": self.iterations}

    def settings(self) -> dict[str, Any]:
        """All settings, files by their content."""
        if not self.boxes:
            raise UsageError("no boxes: give a CSV file or a folder of Pascal VOC XML files with --set boxes=PATH")
        labels = fingerprint(Path(self.synsets)) if self.synsets else ""
        return {**super().settings(), "boxes": fingerprint(Path(self.boxes)), "synsets": labels}

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """The box and the strongest pixel of every method on one photograph."""
        network, photograph = subject.network, case.photograph()
        if case.path is None:
            raise InputError(f"{case.name}: is no photograph")
        found = boxes_of(Path(self.boxes), case.path)
        target = self._class(network, found[0].label, case.name)
        same = [box for box in found if box.label == found[0].label]
        shape = (photograph.pixels.shape[0], photograph.pixels.shape[1])
        true = [box.in_input(shape, network.preprocessing) for box in same]
        if not any(box.area for box in true):
            raise InputError(f"{case.name}: its boxes lie outside of the part that the network sees; leave it out")
        image = network.input_of(photograph)
        pixels = network.preprocessing.to_pixels(image[0])
        likely = [index for index, _ in network.most_likely(image, 5)]
        seed = (case.seed + subject.seed) % 2**31
        truth = mask_of(true, network.preprocessing.size)
        rows = {WHOLE: _judged(Box(0, 0, *truth.shape[::-1]), true, float("nan"))}
        for key, explain in seeded(tuple(RULES), {"fgvis": self.game}, seed).items():
            evidence = explain(network.model, image, target).evidence[0].cpu()
            box = RULES[key](evidence.double().numpy(), pixels)
            rows[key] = _judged(box, true, pointing_hit(evidence, truth, seed))
        record = {"class": network.classes[target], "rank": likely.index(target) + 1 if target in likely else None}
        return Measurement({**record, "area": float(truth.double().mean()), "methods": rows})

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Errors and hits of every method."""
        figures: dict[str, float] = {"n": len(records), "area": mean_of([one["area"] for one in records])}
        table = {}
        for key in (*RULES, WHOLE):
            parts = _shares(records, key)
            for name, part in parts.items():
                figures |= named(f"{key}.{name}", part)
            label = EXPLAINERS[key].label if key in EXPLAINERS else key
            table[label] = {
                head: percent(parts[name][""], parts[name]["low"], parts[name]["high"]) for name, head in ERRORS.items()
            }
        caption = (
            f"{subject.network.name}, {len(records)} photographs with boxes, in the input of the network (mean share "
            f"of the picture: {figures['area']:.1%}). Errors: IoU of the box with a true box below {RIGHT:g}, or "
            "another class (top-1, top-5). Saliency and FGVis: GrabCut from the strongest 5 % and the weakest 30 % of "
            "the pixels; Grad-CAM and random: 15 % of the maximum. Pointing game: share of hits; a random map hits as "
            "often as the boxes are large. In brackets the 95 % interval (Wilson)."
        )
        return Findings(figures, pd.DataFrame.from_dict(table, orient="index").rename_axis("method"), caption)

    def _class(self, network: Network, label: str, name: str) -> int:
        """The class of a label: its line in `synsets`, otherwise its name or number."""
        if self.synsets:
            lines = Path(self.synsets).read_text(encoding="utf-8").splitlines()
            known = {line.split()[0]: index for index, line in enumerate(lines) if line.strip()}
            if label in known and known[label] < len(network.classes):
                return known[label]
        if not label:
            raise InputError(f"{name}: its box has no label; expected the class, which the errors need")
        try:
            return network.class_index(label)
        except UsageError as error:
            raise InputError(f"{name}: {error}") from error


def _judged(box: Box | None, true: Sequence[Box], hit: float) -> dict[str, Any]:
    iou = 0.0 if box is None else max(box.iou(one) for one in true)
    edges = None if box is None else [box.left, box.top, box.right, box.bottom]
    return {"iou": float(f"{iou:.7g}"), "box": edges, "hit": None if np.isnan(hit) else hit}


def _shares(records: Sequence[Mapping[str, Any]], key: str) -> dict[str, dict[str, float]]:
    right = np.array([one["methods"][key]["iou"] >= RIGHT for one in records])
    ranks = np.array([one["rank"] or np.inf for one in records])
    hits = [one["methods"][key]["hit"] for one in records if one["methods"][key]["hit"] is not None]
    return {
        "top1": share_of(int((~(right & (ranks == 1))).sum()), len(records)),
        "top5": share_of(int((~(right & (ranks <= 5))).sum()), len(records)),
        "box": share_of(int((~right).sum()), len(records)),
        "pointing": share_of(int(sum(hits)), len(hits)),
    }
