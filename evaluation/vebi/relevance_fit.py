"""The fit of VEBI to photographs, as a resumable run: `retina-xai fit-vebi`.

Each photograph gives its responses (`explainers.layers`) and its class; the mu-lasso over all of them gives the
relevance of the filters. The class is the one that the network finds most likely, because it is the network that is
explained (ours); `labels="names"` takes the true class from the name of the file, and photographs without one are
failures. OUT holds at the end:

    relevance.safetensors   what `explain --method vebi --set weights=FILE` needs
    filters.csv             the `listed` most relevant filters of each class
    averages.png            the average images of the first filters of the first `averaged` classes
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.experiments.base import DETAIL, Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.experiments.true_class import true_class
from retina_xai.evaluation.plots import Tile, sheet
from retina_xai.explainers.average_image import COUNT, average_images
from retina_xai.explainers.layers import Layer, responses_of
from retina_xai.explainers.relevance import MU, FilterRelevance, fit_relevance
from retina_xai.explainers.vebi import VEBI
from retina_xai.models.network import Network
from retina_xai.models.scored_model import scored

LABELS = ("predicted", "names")
ACROSS = 4
"""Filters of a class in `averages.png`."""


@dataclass(frozen=True)
class RelevanceFit(Experiment):
    """The fit.

    Args:
        mu: bound of the L1 norm of the weights of a class.
        labels: "predicted" or "names".
        listed: filters of each class in filters.csv.
        averaged: classes in averages.png, those with the most photographs.

    Raises:
        UsageError: a value outside its range.
    """

    name: ClassVar[str] = "fit-vebi"
    title: ClassVar[str] = "VEBI: relevance of filters"
    mu: float = MU
    labels: str = "predicted"
    listed: int = 10
    averaged: int = 6

    def __post_init__(self) -> None:
        VEBI(mu=self.mu)
        if self.labels not in LABELS:
            raise UsageError(f"unknown labels {self.labels!r}: choose one of {', '.join(LABELS)}")

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """The responses of all filters to one photograph, and its class."""
        network = subject.network
        image = network.input_of(case.photograph())
        label = self._label(network, case)
        with scored(network.model) as model:
            found = responses_of(model, image)
        index = int(found.logits.argmax()) if label is None else label
        layers = [[layer.name, layer.filters, layer.convolution] for layer in found.layers]
        values = [float(f"{value:.7g}") for value in found.features[0].tolist()]
        return Measurement(
            {
                "class": network.classes[index],
                "index": index,
                "photograph": case.identity,
                DETAIL: {"layers": layers, "responses": values},
            }
        )

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Fit, and list the most relevant filters."""
        network = subject.network
        layers = [Layer(*one) for one in records[0][DETAIL]["layers"]]
        features = [torch.tensor(record[DETAIL]["responses"]) for record in records]
        relevance = fit_relevance(layers, features, [record["index"] for record in records], self.mu)
        chosen = (relevance.weights > 0).sum(dim=0)
        rows = [
            {
                "class": network.classes[label],
                "index": label,
                "rank": rank,
                "layer": one.layer,
                "filter": one.filter,
                "weight": one.value,
            }
            for label in relevance.classes
            for rank, one in enumerate(relevance.top(label, self.listed), start=1)
        ]
        figures = {
            "n": len(records),
            "classes": len(relevance.classes),
            "filters": len(relevance.weights),
            "chosen": float(chosen.double().mean()),
            "any": int((relevance.weights > 0).any(dim=1).sum()),
        }
        table = pd.DataFrame.from_dict(
            {key: {"value": f"{value:g}"} for key, value in figures.items()}, orient="index"
        ).rename_axis("figure")
        caption = (
            f"{network.name}, mu {self.mu:g}, {self.labels} classes. chosen: mean number of filters of positive weight "
            "per class; any: filters chosen for at least one class."
        )
        pictures = self._averages(subject, records, relevance)
        documents = {"relevance.safetensors": relevance.to_bytes()}
        return Findings(figures, table, caption, pictures, {"filters": pd.DataFrame(rows)}, documents)

    def _label(self, network: Network, case: ExperimentCase) -> int | None:
        if self.labels == "predicted":
            return None
        label = None if case.path is None else true_class(case.path, network.classes)
        if label is None:
            raise InputError(f"{case.name}: its name holds no class of the network; rename it or use labels=predicted")
        return label

    def _averages(
        self, subject: Subject, records: Sequence[Mapping[str, Any]], relevance: FilterRelevance
    ) -> dict[str, np.ndarray]:
        """A sheet of average images, one row per class."""
        network = subject.network
        often = pd.Series([record["index"] for record in records]).value_counts(sort=True)
        labels = sorted(often.index, key=lambda label: (-often[label], label))[: self.averaged]
        tops = {int(label): relevance.top(int(label), ACROSS) for label in labels}
        filters = list(dict.fromkeys(one for top in tops.values() for one in top))
        if not filters:
            return {}
        with scored(network.model) as model:
            images = (network.input_of(case.photograph()) for case in _read(subject, records))
            means = dict(zip(filters, average_images(model, images, filters), strict=True))
        rows = {
            network.classes[label]: [
                Tile(network.preprocessing.to_pixels(means[one]), f"{one.layer}\nfilter {one.filter}, {one.value:.2f}")
                for one in top
            ]
            for label, top in tops.items()
            if top
        }
        title = f"Means of the patches with the largest responses, at most {COUNT}"
        return {"averages": sheet(list(rows.values()), list(rows), title)}


def _read(subject: Subject, records: Sequence[Mapping[str, Any]]) -> Iterator[ExperimentCase]:
    """The photographs that have a record."""
    known = {record["photograph"] for record in records}
    return (case for case in subject.photographs() if case.identity in known)
