"""Does a map cover the part that tells the class? an8Flower (VEBI, Oramas et al., ICLR 2019).

For each set of drawn flowers (`an8flower.flowers`) a small network is trained, VEBI is fitted to the flowers of the
training, and the maps of all methods for new flowers are compared with the mask of the coloured part by the area under
the curve of the IoU over the threshold (`metrics.iou_curve`). A case is one new flower; the first one of a set trains
its network, which takes minutes. Published areas (single-6c / double-12c): upsampled activations 0.15 / 0.19, deconvnet
with guided backpropagation 0.22 / 0.20, VEBI 0.23 / 0.21, on the rendered flowers and the network of the authors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from torch import Tensor

from retina_xai import drawing
from retina_xai.evaluation.an8flower.flower_maps import FLOWER_METHODS, maps_of
from retina_xai.evaluation.an8flower.flower_network import FlowerTraining, drawn, train_flowers
from retina_xai.evaluation.an8flower.flowers import FLOWER_SETS, flower_set
from retina_xai.evaluation.experiments.base import DETAIL, Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.plots import Tile, curves, sheet
from retina_xai.evaluation.tables import number, percent
from retina_xai.explainers.vebi import VEBI
from retina_xai.metrics.intervals import bootstrap
from retina_xai.metrics.iou_curve import THRESHOLDS, iou_area, iou_curve
from retina_xai.models.network import Network

PUBLISHED = {
    "upsampled": {"single-6c": 0.15, "double-12c": 0.19},
    "deconvnet-guided": {"single-6c": 0.22, "double-12c": 0.20},
    "vebi": {"single-6c": 0.23, "double-12c": 0.21},
}
COMPARED_WITH = "deconvnet-guided"
NEW = 1_000_000
"""Number of the first new flower of a class; those of the training are below."""


@dataclass(frozen=True)
class An8Flower(Experiment):
    """The experiment.

    Args:
        sets: keys of `FLOWER_SETS`.
        flowers: of each class, for the training.
        tested: new flowers of each class that are explained.
        epochs: of the training; see `FlowerTraining`.
        lr: of the training.
        batch: of the training.
        mu: bound of the L1 norm of VEBI.
        top: number of filters that VEBI shows.
        shown: number of new flowers of a set with a picture.
        resamples: of the bootstrap.

    Raises:
        UsageError: an unknown set, or a number outside its range.
    """

    name: ClassVar[str] = "an8flower"
    title: ClassVar[str] = "an8Flower: area under the IoU-threshold curve"
    own_network: ClassVar[bool] = True
    sets: tuple[str, ...] = tuple(FLOWER_SETS)
    flowers: int = 1000
    tested: int = 10
    epochs: int = 4
    lr: float = 2e-3
    batch: int = 32
    mu: float = 10.0
    top: int = 3
    shown: int = 8
    resamples: int = 2000

    def __post_init__(self) -> None:
        for name in self.sets:
            flower_set(name)
        self.training(0)
        VEBI(mu=self.mu, top=self.top)

    def training(self, seed: int) -> FlowerTraining:
        """The settings of the training."""
        return FlowerTraining(self.flowers, self.epochs, self.lr, self.batch, seed)

    def cases(self, subject: Subject) -> Sequence[ExperimentCase]:
        """The new flowers, set by set, the classes in turn; `limit` counts flowers of a set."""
        found: list[ExperimentCase] = []
        for name in self.sets:
            units = [(label, one) for one in range(self.tested) for label in range(len(flower_set(name).classes))]
            for label, one in units[: subject.limit]:
                found.append(ExperimentCase(f"{name} {label} {one}", f"{name} {label} {one}", len(found)))
        return found

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """The areas of all methods on one flower."""
        name, label, one = case.identity.split()
        network, vebi = prepared(name, self.training(subject.seed), self.mu, self.top)
        flower = drawn(name, [int(label)], [NEW + int(one)], subject.seed)
        found, filters = maps_of(network, vebi, flower.images, int(label), (case.seed + subject.seed) % 2**31)
        lines = {key: iou_curve(heat, flower.masks[0]) for key, heat in found.items()}
        record = {
            "set": name,
            "class": network.classes[int(label)],
            "right": int(network.logits(flower.images).argmax()) == int(label),
            "filters": [f"{shown.layer}:{shown.filter}" for shown in filters],
            "area": {key: float(f"{iou_area(line):.7g}") for key, line in lines.items()},
            DETAIL: {key: [float(f"{value:.5g}") for value in line] for key, line in lines.items()},
        }
        pictures = (
            {"maps": _picture(network, flower.images, flower.masks[0], found)}
            if int(one) * len(network.classes) + int(label) < self.shown
            else {}
        )
        return Measurement(record, pictures)

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Mean areas with intervals, and paired differences to deconvnet with guided backpropagation."""
        figures: dict[str, float] = {"n": len(records)}
        table: dict[str, dict[str, str]] = {method.label: {} for method in FLOWER_METHODS.values()}
        pictures, notes = {}, []
        for name in self.sets:
            rows = [record for record in records if record["set"] == name]
            if not rows:
                continue
            figures |= self._figures(name, rows)
            for key, method in FLOWER_METHODS.items():
                table[method.label] |= _cells(figures, name, key)
            pictures[f"curve-{name}"] = _curve(name, rows)
            right = sum(row["right"] for row in rows)
            notes.append(f"{name}: {len(rows)} new flowers, {percent(right / len(rows))} classified right")
        frame = pd.DataFrame.from_dict(table, orient="index").rename_axis("method")
        return Findings(figures, frame, f"{'; '.join(notes)}. {self._caption()}", pictures)

    def _figures(self, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        figures = {f"{name}.n": float(len(rows)), f"{name}.accuracy": float(np.mean([row["right"] for row in rows]))}
        areas = {key: np.array([row["area"][key] for row in rows]) for key in FLOWER_METHODS}
        for key, values in areas.items():
            figures |= self._interval(f"{name}.{key}.area", values)
            figures |= self._interval(f"{name}.{key}.difference", values - areas[COMPARED_WITH])
        return figures

    def _interval(self, name: str, values: np.ndarray) -> dict[str, float]:
        interval = bootstrap(lambda drawn: float(values[drawn].mean()), len(values), self.resamples)
        return {name: float(values.mean()), f"{name}.low": interval.low, f"{name}.high": interval.high}

    def _caption(self) -> str:
        return (
            f"Networks trained on {self.flowers} drawn flowers of each class in {self.epochs} epochs; VEBI fitted to "
            f"them with mu {self.mu:g}, {self.top} filters shown. Area in [0, 1], higher is better, with its 95 % "
            "bootstrap interval over flowers; difference: paired, to deconvnet + guided backpropagation. The first "
            "four rows show the same filters. Published: the rendered flowers and networks of the authors."
        )


@lru_cache(maxsize=len(FLOWER_SETS))
def prepared(name: str, training: FlowerTraining, mu: float, top: int) -> tuple[Network, VEBI]:
    """The network of a set, and VEBI fitted to it on the flowers of the training."""
    classes = range(len(flower_set(name).classes))
    flowers = drawn(name, list(classes), range(training.flowers), training.seed)
    network = train_flowers(name, training, flowers)
    return network, VEBI(mu=mu, top=top).fitted(network.model, flowers.batches(64))


def _cells(figures: Mapping[str, float], name: str, key: str) -> dict[str, str]:
    area, other = f"{name}.{key}.area", f"{name}.{key}.difference"
    published = PUBLISHED.get(key, {}).get(name)
    return {
        name: number(figures[area], 3, figures[f"{area}.low"], figures[f"{area}.high"]),
        f"{name} difference": ""
        if key == COMPARED_WITH
        else f"{figures[other]:+.3f} ({figures[f'{other}.low']:+.3f} to {figures[f'{other}.high']:+.3f})",
        f"{name} published": "" if published is None else f"{published:.2f}",
    }


def _curve(name: str, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    lines = {
        method.label: (THRESHOLDS.numpy(), np.mean([row[DETAIL][key] for row in rows], axis=0))
        for key, method in FLOWER_METHODS.items()
    }
    return curves(lines, ("threshold", "IoU"), name)


def _picture(network: Network, image: Tensor, mask: Tensor, found: Mapping[str, Tensor]) -> np.ndarray:
    pixels = network.preprocessing.to_pixels(image[0])
    tiles = [Tile(pixels, "flower"), Tile(np.repeat(255 * mask.numpy().astype(np.uint8)[..., None], 3, 2), "mask")]
    for key, heat in found.items():
        label = f"{FLOWER_METHODS[key].label}\n{iou_area(iou_curve(heat, mask)):.3f}"
        tiles.append(Tile(drawing.heatmap(heat.double().numpy()), label))
    return sheet([tiles[:6], tiles[6:]])
