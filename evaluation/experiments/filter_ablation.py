"""Does the network need the filters that VEBI chose? (Oramas et al., ICLR 2019)

For each photograph the filters that are relevant for its class are switched off (`explainers.layers`), the most
relevant first, and so are as many others:

    All                 filters of any layer, by their weight for the class
    OnlyConv            filters of convolutions only, by their weight
    Random              filters of any layer, at random
    Random, same layers from each layer as many as All takes (ours): layers differ in how much a filter matters

The figure is the share of photographs whose class is still the most likely one; the class is that of the name of the
photograph (`true_class`), otherwise the most likely one of the whole network. Photographs that the whole network gets
wrong are left out. The differences to All are paired, with bootstrap intervals over photographs. A filter counts as
relevant if its weight is positive; a class with fewer of them than a count has all of them switched off, and the random
ones are as many.

Beside it, box occlusion (`metrics.box_occlusion`): the score that is left while boxes hide 5 % to 30 % of the image,
at places that VEBI, VEBI with the grid, or a constant map favour.
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
from retina_xai.evaluation.experiments.base import DETAIL, Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.experiments.true_class import true_class
from retina_xai.evaluation.plots import Tile, curves, sheet
from retina_xai.evaluation.tables import mean_of, number, percent
from retina_xai.explainers.explainer import Explanation
from retina_xai.explainers.layers import Layer, ablated_logits, places
from retina_xai.explainers.relevance import FilterRelevance
from retina_xai.explainers.vebi import VEBI, heat_maps, signals_of
from retina_xai.metrics.box_occlusion import BoxOcclusion, box_occlusion
from retina_xai.metrics.intervals import bootstrap
from retina_xai.models.network import Network
from retina_xai.models.scored_model import scored
from retina_xai.models.throughput import batch_for

STRATEGIES = {"all": "All", "conv": "OnlyConv", "random": "Random", "same-layers": "Random, same layers"}
OCCLUDED = {"vebi": "VEBI", "grid": "VEBI with the grid", "constant": "constant map (chance)"}


@dataclass(frozen=True)
class FilterAblation(Experiment):
    """The experiment.

    Args:
        weights: file of `retina-xai fit-vebi`.
        counts: of filters that are switched off, rising.
        draws: random choices of filters per photograph; their mean counts.
        shown: number of photographs with a picture.
        resamples: of the bootstrap.

    Raises:
        UsageError: a number outside its range.
    """

    name: ClassVar[str] = "vebi"
    title: ClassVar[str] = "VEBI: photographs still classified right without some filters"
    weights: str = ""
    counts: tuple[int, ...] = (1, 2, 5, 10, 20, 50)
    draws: int = 5
    shown: int = 8
    resamples: int = 2000

    def __post_init__(self) -> None:
        if min(self.counts, default=0) < 1 or list(self.counts) != sorted(set(self.counts)) or self.draws < 1:
            raise UsageError(f"counts {self.counts}, draws {self.draws}: give rising counts and draws of at least 1")

    def settings(self) -> dict[str, Any]:
        """All settings, the weights by their content."""
        return {**super().settings(), "weights": self._vebi().relevance.identity}

    def _vebi(self) -> VEBI:
        if not self.weights:
            raise UsageError("no weights: fit them with retina-xai fit-vebi and give --set weights=FILE")
        return VEBI(weights=self.weights)

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """One photograph without filters, and with boxes."""
        network, vebi = subject.network, self._vebi()
        image = network.input_of(case.photograph())
        likely = int(network.logits(image).argmax())
        label = None if case.path is None else true_class(case.path, network.classes)
        target = likely if label is None else label
        record = {"class": network.classes[target], "labelled": label is not None, "right": likely == target}
        if not record["right"]:
            return Measurement(record)
        seed = (case.seed + subject.seed) % 2**31
        explained = vebi(network.model, image, target)
        record |= {"kept": self._kept(network, image, target, vebi.relevance, seed)}
        record |= self._boxes(network, image, explained, BoxOcclusion(seed=seed))
        pictures = {"filters": _picture(network, image, explained)} if case.number < self.shown else {}
        return Measurement(record, pictures)

    def _kept(
        self, network: Network, image: Tensor, target: int, relevance: FilterRelevance, seed: int
    ) -> dict[str, list[float]]:
        """For each strategy and count, the share of draws after which the class is still the most likely one."""
        weights = relevance.columns(torch.tensor([target]))[0]
        rng = np.random.default_rng(seed)
        off: list[np.ndarray] = []
        owners: list[tuple[str, int]] = []
        for place, count in enumerate(self.counts):
            for strategy in STRATEGIES:
                for _ in range(self.draws if "random" in strategy or "same" in strategy else 1):
                    off.append(switched_off(strategy, weights.numpy(), relevance.layers, count, rng))
                    owners.append((strategy, place))
        kept = torch.ones(len(off), len(weights))
        for row, columns in enumerate(off):
            kept[row, columns] = 0
        size = batch_for(image, None)
        with scored(network.model) as model:
            tops = [
                ablated_logits(model, image.expand(len(rows), -1, -1, -1), rows.to(image)).argmax(dim=1)
                for rows in torch.split(kept, size)
            ]
        right = (torch.cat(tops) == target).double().tolist()
        found: dict[str, list[list[float]]] = {strategy: [[] for _ in self.counts] for strategy in STRATEGIES}
        for (strategy, place), value in zip(owners, right, strict=True):
            found[strategy][place].append(value)
        return {strategy: [float(np.mean(values)) for values in lists] for strategy, lists in found.items()}

    def _boxes(self, network: Network, image: Tensor, explained: Explanation, settings: BoxOcclusion) -> dict[str, Any]:
        """The score that boxes leave, for each map."""
        with scored(network.model) as model:
            grid = heat_maps(signals_of(model, image, (explained.filters or ((),))[0], "none")).amax(dim=0)
        maps = {"vebi": explained.evidence[0], "grid": grid, "constant": torch.ones_like(grid)}
        lines = {
            key: box_occlusion(network.model, image[0], heat, int(explained.target), settings)
            for key, heat in maps.items()
        }
        areas = {key: float(f"{float(line.mean()):.7g}") for key, line in lines.items()}
        return {"boxes": areas, DETAIL: {key: line.tolist() for key, line in lines.items()}}

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Shares by count, paired differences to All, and what boxes leave."""
        rows = [record for record in records if record["right"]]
        figures: dict[str, float] = {"n": len(rows), "left_out": len(records) - len(rows)}
        figures["labelled"] = sum(record["labelled"] for record in rows)
        kept = {
            key: np.array([row["kept"][key] for row in rows]).reshape(len(rows), len(self.counts)) for key in STRATEGIES
        }
        table: dict[str, dict[str, str]] = {}
        for place, count in enumerate(self.counts):
            cells: dict[str, str] = {}
            for key, label in STRATEGIES.items():
                figures |= self._interval(f"kept.{key}.{count}", kept[key][:, place])
                cells[label] = _share(figures, f"kept.{key}.{count}")
            for key in ("random", "same-layers"):
                figures |= self._interval(f"difference.{key}.{count}", kept["all"][:, place] - kept[key][:, place])
                cells[f"All - {STRATEGIES[key]}"] = _points(figures, f"difference.{key}.{count}")
            table[f"{count} filters"] = cells
        for key in OCCLUDED:
            figures |= self._interval(f"boxes.{key}", np.array([row["boxes"][key] for row in rows]))
        for key in ("grid", "constant"):
            difference = np.array([row["boxes"]["vebi"] - row["boxes"][key] for row in rows])
            figures |= self._interval(f"boxes.difference.{key}", difference)
        frame = pd.DataFrame.from_dict(table, orient="index").rename_axis("switched off")
        return Findings(figures, frame, self._caption(subject, figures), self._curves(subject, kept))

    def _interval(self, name: str, values: np.ndarray) -> dict[str, float]:
        interval = bootstrap(lambda drawn: float(values[drawn].mean()), len(values), self.resamples)
        mean = mean_of(values.tolist())
        return {name: mean, f"{name}.low": interval.low, f"{name}.high": interval.high}

    def _caption(self, subject: Subject, figures: Mapping[str, float]) -> str:
        boxes = "; ".join(
            f"{label} {number(figures[f'boxes.{key}'], 3, figures[f'boxes.{key}.low'], figures[f'boxes.{key}.high'])}"
            for key, label in OCCLUDED.items()
        )
        apart = "boxes.difference.constant"
        return (
            f"{subject.network.name}, {figures['n']:.0f} photographs that the whole network gets right "
            f"({figures['left_out']:.0f} left out). Share still right after filters are switched off, and paired "
            f"differences, with 95 % bootstrap intervals; random choices: mean of {self.draws} draws. Box occlusion, "
            f"mean share of the score that is left with 5 % to 30 % hidden (lower is better): {boxes}; VEBI - constant "
            f"{figures[apart]:+.3f} ({figures[f'{apart}.low']:+.3f} to {figures[f'{apart}.high']:+.3f})."
        )

    def _curves(self, subject: Subject, kept: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        lines = {
            label: (np.array([0, *self.counts]), np.concatenate([[100.0], 100 * kept[key].mean(axis=0)]))
            for key, label in STRATEGIES.items()
            if len(kept[key])
        }
        axes = "filters switched off", "still right (% of photographs)"
        return {"ablation": curves(lines, axes, subject.network.name)} if lines else {}


def switched_off(
    strategy: str, weights: np.ndarray, layers: Sequence[Layer], count: int, rng: np.random.Generator
) -> np.ndarray:
    """The columns of the filters that a strategy switches off, at most `count`.

    Args:
        strategy: a key of STRATEGIES. weights: (d,), of the class. layers: of the network.
    """
    relevant = np.argsort(-weights, kind="stable")
    relevant = relevant[weights[relevant] > 0]
    owner = np.array([number for number, _ in places(layers)])
    if strategy == "conv":
        convolution = np.array([layer.convolution for layer in layers])
        return np.asarray(relevant[convolution[owner[relevant]]][:count])
    chosen = np.asarray(relevant[:count])
    if strategy == "all":
        return chosen
    if strategy == "random":
        return rng.choice(len(weights), len(chosen), replace=False)
    drawn = [
        rng.choice(np.flatnonzero(owner == layer), amount, replace=False)
        for layer, amount in zip(*np.unique(owner[chosen], return_counts=True), strict=True)
    ]
    return np.concatenate(drawn) if drawn else chosen


def _share(figures: Mapping[str, float], name: str) -> str:
    return percent(figures[name], figures[f"{name}.low"], figures[f"{name}.high"])


def _points(figures: Mapping[str, float], name: str) -> str:
    """A difference of shares in percentage points."""
    value, low, high = (100 * figures[key] for key in (name, f"{name}.low", f"{name}.high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def _picture(network: Network, image: Tensor, explained: Explanation) -> np.ndarray:
    """The maps of the chosen filters, without and with the grid."""
    pixels = network.preprocessing.to_pixels(image[0])
    filters = (explained.filters or ((),))[0]
    rows = []
    for resampled in ("all", "none"):
        with scored(network.model) as model:
            maps = heat_maps(signals_of(model, image, filters, resampled))
        tiles = [Tile(pixels, network.classes[int(explained.target)])]
        for one, heat in zip(filters, maps, strict=False):
            label = f"{one.layer}\nfilter {one.filter}, {one.value:.3f}"
            tiles.append(Tile(drawing.heatmap(heat.double().cpu().numpy()), label))
        rows.append([*tiles, Tile(drawing.overlay(pixels, maps.amax(dim=0).double().cpu().numpy()), "together")])
    return sheet(rows, ["stride 1", "with the grid"])
