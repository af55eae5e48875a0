"""Do the explanations of two classes of one photograph differ? (FGVis supplement A3.2)

The deletion game is played twice on the same photograph, once for each of two classes: the chosen ones, or the two most
likely ones. Good explanations lie in different places, and removing the evidence of one class keeps the other class:

    iou        of the two evidence maps, each binarised at 4 % of its maximum
    overlap    weighted Jaccard index sum min(a, b) / sum max(a, b) of the maps, each scaled to sum 1
    own        p_c(e_c) / p_c(x): share of a class's score after removing its own evidence; small is good
    other      p_c(e_d) / p_c(x): share after removing the evidence of the other class; large is good (it may exceed 1)
    told apart share of explanations with own < other

Ours: the measures. Without chosen classes, a photograph counts only if its second class has a score of at least
`least_score`, because there is no evidence to remove for a class that the network does not see. Photographs left out
are counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from retina_xai import drawing
from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.plots import Tile, ratios, sheet
from retina_xai.evaluation.tables import mean_of, number, percent
from retina_xai.explainers.explainer import Explanation
from retina_xai.explainers.fgvis import FGVis
from retina_xai.lesions.candidates import binarise
from retina_xai.models.network import Network

MEASURES = ("iou", "overlap", "own", "other", "told_apart")


@dataclass(frozen=True)
class TwoObjects(Experiment):
    """Two explanations per photograph by the deletion game with the settings of the faithfulness runs."""

    name: ClassVar[str] = "two-objects"
    title: ClassVar[str] = "Two classes of one photograph (A3.2)"
    classes: tuple[str, ...] = ()
    lr: float = 0.3
    lam: tuple[float, ...] = (1e-7, 1e-8, 1e-9, 1e-10)
    iterations: int = 500
    stop_ratio: float = 0.02
    least_score: float = 0.05

    def __post_init__(self) -> None:
        self._explainer(0)
        if len(self.classes) not in (0, 2):
            raise UsageError(f"{len(self.classes)} classes: give two, or none for the two most likely ones")

    def cases(self, subject: Subject) -> list[ExperimentCase]:
        """The chosen photographs, after a check that the classes exist."""
        self._wanted(subject.network)
        return subject.photographs()

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """Explain both classes and compare."""
        network = subject.network
        image = network.input_of(case.photograph())
        scores = network.scores(image)[0]
        pair = self._wanted(network) or scores.topk(2).indices.tolist()
        names = [network.classes[index] for index in pair]
        record: dict[str, Any] = {"classes": names, "scores": [float(scores[index]) for index in pair]}
        if not self.classes and record["scores"][1] < self.least_score:
            return Measurement({**record, "left_out": True})
        explain = self._explainer(subject.seed)
        results = [explain(network.model, image, index) for index in pair]
        after = torch.cat([network.scores(_explained(result))[:, pair] for result in results]).cpu()
        record |= {
            "left_out": False,
            "converged": [bool(result.converged) for result in results],
            **compare(results[0].evidence[0].cpu().numpy(), results[1].evidence[0].cpu().numpy()),
            **kept(after, scores[pair].cpu()),
        }
        return Measurement(record, {"pair": _picture(network, image, results, names, after)})

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Means over the photographs that count."""
        used = [record for record in records if not record["left_out"]]
        figures: dict[str, float] = {"n": len(used), "left_out": len(records) - len(used)}
        figures |= {name: mean_of([record[name] for record in used]) for name in MEASURES}
        figures["converged"] = mean_of([converged for record in used for converged in record["converged"]])
        rows = {name.replace("_", " "): {"mean": number(figures[name], 3)} for name in MEASURES}
        caption = (
            f"{subject.network.name}, {len(used)} photographs, {figures['left_out']} left out because their second "
            f"class has a score below {self.least_score:g}. Iou and overlap of the two evidence maps; own and other: "
            "score of a class after its own and after the other's evidence was removed, as a share of the one before; "
            "told apart: share of explanations with own below other; undefined values are left out. "
            f"{percent(figures['converged'])} of the games reached their goal. Published: pictures only."
        )
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")
        drawn = [record for record in used if record["overlap"] is not None]
        overlap, other = ([record[name] for record in drawn] for name in ("overlap", "other"))
        axes = "overlap of the two evidence maps", "other: score left, as a share"
        picture = ratios(overlap, other, axes, f"{subject.network.name}: each point a photograph")
        return Findings(figures, table, caption, {"overlap": picture})

    def _explainer(self, seed: int) -> FGVis:
        return FGVis("deletion", self.lam, self.lr, self.iterations, stop_ratio=self.stop_ratio, seed=seed)

    def _wanted(self, network: Network) -> list[int]:
        pair = [network.class_index(name) for name in self.classes]
        if len(network.classes) < 2:
            raise UsageError(f"{network.name}: has one class, and two are compared: give another network")
        if len(pair) == 2 and pair[0] == pair[1]:
            raise UsageError(f"class {network.classes[pair[0]]} was given twice: give two different ones, or none")
        return pair


def compare(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """`iou` and `overlap` of two evidence maps (H, W); of two empty maps both are NaN."""
    first, second = binarise(one), binarise(other)
    union = int((first | second).sum())
    iou = float((first & second).sum() / union) if union else float("nan")
    if not (one.sum() > 0 and other.sum() > 0):
        return {"iou": iou, "overlap": float("nan") if not (one.any() or other.any()) else 0.0}
    parts = one / one.sum(dtype=float), other / other.sum(dtype=float)
    return {"iou": iou, "overlap": float(np.minimum(*parts).sum() / np.maximum(*parts).sum())}


def kept(after: Tensor, before: Tensor) -> dict[str, float]:
    """`own`, `other` and `told_apart`; after (2, 2) holds the score of class k for explanation i at [i, k]."""
    ratios = after.double() / before.double()
    own, other = ratios.diagonal(), ratios.flip(0).diagonal()
    return {
        "own": float(own.mean()),
        "other": float(other.mean()),
        "told_apart": float((own < other).double().mean()),
    }


def _explained(result: Explanation) -> Tensor:
    if result.explained is None:
        raise UsageError("the method gives no explained image: choose one with a mask")
    return result.explained


def _picture(
    network: Network, image: Tensor, results: Sequence[Explanation], names: Sequence[str], after: Tensor
) -> np.ndarray:
    pixels = network.preprocessing.to_pixels(image[0])
    rows = []
    for number_of, (name, result) in enumerate(zip(names, results, strict=True)):
        evidence = result.evidence[0].cpu().numpy()
        left = "\n".join(f"p({other}) {float(after[number_of, k]):.2f}" for k, other in enumerate(names))
        rows.append(
            [
                Tile(pixels, f"p({name})\n{float(result.score_before):.2f}"),
                Tile(drawing.heatmap(evidence), f"evidence for\n{name}"),
                Tile(drawing.overlay(pixels, evidence), "over the photograph"),
                Tile(network.preprocessing.to_pixels(_explained(result)[0]), left),
            ]
        )
    return sheet(rows)
