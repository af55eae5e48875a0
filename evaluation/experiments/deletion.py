"""Does the score of the class follow the evidence? (FGVis table 2, supplement A4.1)

Every method ranks the pixels of every photograph for its most likely class. The pixels are removed in that order, and
inserted in that order (`retina_xai.metrics.deletion`). Deletion: a smaller area under the curve is better; insertion: a
larger one. FGVis plays the deletion game, lr 0.3, line search over 1e-7 to 1e-10, success p_c(e) < 0.02 p_c(x).

The difference between FGVis and each other method is computed per photograph. Its 95 % interval is the percentile
bootstrap over the photographs: where it excludes 0, FGVis is better (below 0) or worse on photographs like these.

The methods are those of `explainers.registry` in a category that is compared. Ours: saliency and a random order as
further rows; the random order is drawn anew for each photograph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from torch import Tensor

from retina_xai import drawing
from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import DETAIL, Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.plots import Tile, curves, sheet
from retina_xai.evaluation.tables import number
from retina_xai.explainers.explainer import Explainer
from retina_xai.explainers.registry import COMPARED, EXPLAINERS, explainer_named
from retina_xai.metrics.deletion import CurveSettings, removal_curve
from retina_xai.metrics.intervals import bootstrap
from retina_xai.models.network import Network

METHODS = tuple(key for key, spec in EXPLAINERS.items() if spec.category in COMPARED)
PUBLISHED: dict[str, tuple[str, str]] = {
    # deletion AUC of ResNet50 and VGG16
    "fgvis": ("0.0644", "0.0636"),
    "rise": ("0.1076", "0.0980"),
    "lime": ("0.1217", "0.1014"),
    "grad-cam": ("0.1232", "0.108x"),
    "occlusion": ("0.1421", "0.1158"),
}
FGVIS = "fgvis"
MODES = ("deletion", "insertion")
DIGITS = 6


@dataclass(frozen=True)
class Faithfulness(Experiment):
    """Table 2.

    Args:
        lr, lam, iterations, stop_ratio: settings of FGVis.
        masks: of RISE. samples: of LIME.
        resamples: of the bootstrap.
        shown: number of photographs that get a picture.
        methods: keys of `EXPLAINERS`, with FGVis among them.

    Raises:
        UsageError: settings that a method refuses, an unknown method, or no FGVis.
    """

    name: ClassVar[str] = "deletion"
    title: ClassVar[str] = "Deletion and insertion (table 2, A4.1)"
    lr: float = 0.3
    lam: tuple[float, ...] = (1e-7, 1e-8, 1e-9, 1e-10)
    iterations: int = 500
    stop_ratio: float = 0.02
    masks: int = 4000
    samples: int = 1000
    resamples: int = 10000
    shown: int = 8
    methods: tuple[str, ...] = METHODS

    def __post_init__(self) -> None:
        if FGVIS not in self.methods:
            raise UsageError(f"methods {', '.join(self.methods)}: add {FGVIS}, with which the others are compared")
        self.explainers(0)

    def explainers(self, seed: int) -> dict[str, Explainer]:
        """The methods by key; every source of randomness has this seed."""
        own: dict[str, dict[str, Any]] = {
            FGVIS: {
                "game": "deletion",
                "lam": self.lam,
                "lr": self.lr,
                "iterations": self.iterations,
                "stop_ratio": self.stop_ratio,
            },
            "rise": {"masks": self.masks},
            "lime": {"samples": self.samples},
        }
        return seeded(self.methods, own, seed)

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """Both curves of every method on one photograph."""
        network = subject.network
        image = network.input_of(case.photograph())
        target = int(network.logits(image).argmax())
        seed = (case.seed + subject.seed) % 2**31
        maps: dict[str, Tensor] = {}
        record: dict[str, Any] = {"class": network.classes[target]}
        for name, explain in self.explainers(seed).items():
            result = explain(network.model, image, target)
            maps[name] = result.evidence[0]
            if name == FGVIS:
                record["score"] = float(result.score_before)
                record |= {"converged": bool(result.converged), "lambda": float(result.lam)}
        found = {
            mode: {
                name: removal_curve(network.model, image[0], evidence, target, CurveSettings(mode))
                for name, evidence in maps.items()
            }
            for mode in MODES
        }
        record |= {mode: {name: curve.auc for name, curve in row.items()} for mode, row in found.items()}
        record[DETAIL] = {
            mode: {name: np.round(curve.scores, DIGITS).tolist() for name, curve in row.items()}
            for mode, row in found.items()
        }
        record[DETAIL]["fractions"] = found["deletion"][FGVIS].fractions.tolist()
        return Measurement(record, {"maps": _picture(network, image, maps, record)} if case.number < self.shown else {})

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Mean areas, and the paired differences to FGVis with their intervals."""
        figures: dict[str, float] = {"n": len(records)}
        figures["converged"] = float(np.mean([record["converged"] for record in records]))
        areas = {mode: {name: _column(records, mode, name) for name in self.methods} for mode in MODES}
        figures |= {f"auc.{name}": float(values.mean()) for name, values in areas["deletion"].items()}
        figures |= {f"insertion_auc.{name}": float(values.mean()) for name, values in areas["insertion"].items()}
        for mode, prefix in (("deletion", "difference"), ("insertion", "insertion_difference")):
            for name in self._others():
                figures |= self._difference(areas[mode][FGVIS] - areas[mode][name], f"{prefix}.{name}", subject.seed)
        table = pd.DataFrame.from_dict(
            {EXPLAINERS[name].label: _row(figures, name) for name in self.methods}, orient="index"
        )
        caption = (
            f"{subject.network.name}, {len(records)} photographs, {figures['converged']:.0%} of the FGVis games "
            "reached their goal. Deletion and insertion: mean area under the curve of the softmax score (deletion: "
            "small is good, insertion: large is good). FGVis - it: mean paired difference of the deletion areas with "
            "its bootstrap interval. Pixels of equal evidence go in a random order, drawn from a fixed seed. "
            "ResNet50 and VGG16: the published deletion areas (occlusion: the paper's sliding window)."
        )
        return Findings(figures, table.rename_axis("method"), caption, _plots(records))

    def _others(self) -> list[str]:
        return [name for name in self.methods if name != FGVIS]

    def _difference(self, values: np.ndarray, name: str, seed: int) -> dict[str, float]:
        interval = bootstrap(lambda drawn: float(values[drawn].mean()), len(values), self.resamples, seed)
        return {name: float(values.mean()), f"{name}.low": interval.low, f"{name}.high": interval.high}


def seeded(
    methods: Sequence[str], own: Mapping[str, Mapping[str, Any]], seed: int, fundus: bool = False
) -> dict[str, Explainer]:
    """The methods by key, with their own settings; every source of randomness has this seed.

    Args:
        fundus: whether they get their settings for fundus photographs first.

    Raises:
        UsageError: an unknown method, or settings that it refuses.
    """
    specs = {key: explainer_named(key) for key in methods}
    presets = {key: (spec.fundus_preset or {}) if fundus else {} for key, spec in specs.items()}
    made = {key: spec.factory(**{**presets[key], **own.get(key, {})}) for key, spec in specs.items()}
    return {key: explainer.with_seed(seed) or explainer for key, explainer in made.items()}


def _column(records: Sequence[Mapping[str, Any]], mode: str, name: str) -> np.ndarray:
    return np.array([record[mode][name] for record in records], dtype=float)


def _row(figures: Mapping[str, float], name: str) -> dict[str, str]:
    resnet, vgg = PUBLISHED.get(name, ("", ""))
    ends = [] if name == FGVIS else [number(figures[f"difference.{name}{end}"]) for end in ("", ".low", ".high")]
    return {
        "deletion": number(figures[f"auc.{name}"]),
        "FGVis - it": "".join(ends[:1]),
        "95 % interval": " to ".join(ends[1:]),
        "insertion": number(figures[f"insertion_auc.{name}"]),
        "ResNet50": resnet,
        "VGG16": vgg,
    }


def _plots(records: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    plots = {}
    for mode in MODES:
        share = {"deletion": "removed", "insertion": "shown"}[mode]
        lines = {}
        for name in records[0][mode]:
            mean = np.mean([record[DETAIL][mode][name] for record in records], axis=0)
            at = np.mean([record[DETAIL]["fractions"] for record in records], axis=0)
            lines[EXPLAINERS[name].label] = (100 * at, mean)
        plots[mode] = curves(lines, (f"% of the pixels {share}", "mean score of the class"), mode.capitalize())
    return plots


def _picture(network: Network, image: Tensor, maps: Mapping[str, Tensor], record: Mapping[str, Any]) -> np.ndarray:
    tiles = [Tile(network.preprocessing.to_pixels(image[0]), f"{record['class']}\np {record['score']:.3f}")]
    for name, evidence in maps.items():
        label = f"{EXPLAINERS[name].label}\ndel {record['deletion'][name]:.3f}, ins {record['insertion'][name]:.3f}"
        tiles.append(Tile(drawing.heatmap(evidence.cpu().numpy()), label))
    return sheet([tiles[first : first + 4] for first in range(0, len(tiles), 4)])
