"""VEBI, visual explanation by interpretation (Oramas, Wang and Tuytelaars, ICLR 2019).

Before: the filters that are relevant for each class are found once, over a data set (`explainers.relevance`).

For an image x and a class j: the contribution of filter k is w_kj x_k, x_k its response. Each of the `top` filters with
the largest positive contributions is shown by guided backpropagation from its map A_k,

    g = d (||A_k||^2 / 2) / d image, guided,         heat = sqrt(sum over channels of max(0, g)^2), scaled to [0, 1]

in which strided operations run backwards at stride 1 (`explainers.stride_one`). Evidence is the maximum of the heat
maps, as in the code of the authors. The attribution (N, C, H, W) is the mean of the g, each divided by its largest
value.
`Explanation.filters` names the filters of each image. Without a filter of positive contribution, evidence is 0 and
`converged` False.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import (
    Explainer,
    Explanation,
    RankedFilter,
    Targets,
    check_images,
    check_logits,
    min_max,
    resolve_targets,
)
from retina_xai.explainers.guided_backprop import guided
from retina_xai.explainers.layers import Layer, LayerWatch, places, responses_of
from retina_xai.explainers.rectifiers import rectified_gradient
from retina_xai.explainers.relevance import MU, FilterRelevance, fit_relevance, ranked
from retina_xai.explainers.stride_one import RESAMPLED, StrideOne
from retina_xai.games.engine import OnStep
from retina_xai.models.scored_model import ScoredModel


@dataclass(frozen=True)
class VEBI(Explainer):
    """VEBI; it must be fitted to the network first, by `fitted` or with `retina-xai fit-vebi`.

    Args:
        weights: the relevance of the filters, or the file that holds it.
        top: number of filters that are shown, at least 1.
        resampled: operations that run backwards at stride 1, a key of `stride_one.RESAMPLED`: "all", "convolutions" or
            "none" (guided backpropagation with its grid).
        mu: bound of the L1 norm for `fitted`.

    Raises:
        UsageError: a value outside these ranges.
    """

    method: ClassVar[str] = "vebi"
    weights: str | FilterRelevance = ""
    top: int = 3
    resampled: str = "all"
    mu: float = MU

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top < 1 or not 0 < self.mu < float("inf"):
            raise UsageError(f"top {self.top}, mu {self.mu:g}: give at least 1 filter and a positive bound")
        if self.resampled not in RESAMPLED:
            raise UsageError(f"unknown resampled {self.resampled!r}: choose one of {', '.join(RESAMPLED)}")

    def fitted(self, model: nn.Module, examples: Iterable[tuple[Tensor, Targets]]) -> "VEBI":
        """The method with the relevance of the model's filters for the classes of examples; see `Explainer.fitted`."""
        features: list[Tensor] = []
        labels: list[int] = []
        layers: tuple[Layer, ...] = ()
        with self.network(model) as network:
            for images, given in examples:
                check_images(images)
                found = responses_of(network, images.detach())
                layers = found.layers
                features += list(found.features)
                labels += resolve_targets(given, found.logits).tolist()
        return replace(self, weights=fit_relevance(layers, features, labels, self.mu))

    def settings(self) -> dict[str, Any]:
        """All settings; the weights by their SHA-256."""
        return {**super().settings(), "weights": self.relevance.identity if self.weights else ""}

    def check_fitted(self) -> "VEBI":
        """Return the method; raise UsageError unless it is fitted, ModelError if its file cannot be read."""
        _ = self.relevance
        return self

    @property
    def relevance(self) -> FilterRelevance:
        """The relevance of the filters.

        Raises:
            UsageError: the method is not fitted.
            ModelError: its file cannot be read.
        """
        if not self.weights:
            raise UsageError(
                "VEBI is not fitted: run retina-xai fit-vebi on photographs and give its file as weights=FILE, "
                "or call fitted"
            )
        return FilterRelevance.load(Path(self.weights)) if isinstance(self.weights, str) else self.weights

    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Explain images (N, C, H, W); see `Explainer`.

        Raises:
            UsageError: not fitted, or not to the target classes.
            ModelError: fitted to a network with other layers.
        """
        images = images.detach()
        with self.network(model) as network:
            with torch.no_grad():
                logits = check_logits(network(images))
            target = resolve_targets(targets, logits)
            self.report_once(on_step, logits, target)
            chosen = self._chosen(network, images, target)
            signals = [
                signals_of(network, image, filters, self.resampled)
                for image, filters in zip(torch.split(images, 1), chosen, strict=True)
            ]
        evidence = torch.stack([heat_maps(one).amax(dim=0) for one in signals])
        attribution = torch.stack([_scaled(one).mean(dim=0) for one in signals])
        result = self.without_mask(evidence, attribution, target, logits)
        some = torch.tensor([bool(filters) for filters in chosen], device=target.device)
        return replace(result, converged=some, filters=tuple(map(tuple, chosen)))

    def _chosen(self, network: ScoredModel, images: Tensor, target: Tensor) -> list[list[RankedFilter]]:
        """The filters of the largest contributions for each image."""
        found, relevance = responses_of(network, images), self.relevance
        relevance.check_layers(found.layers, network.name)
        contributions = found.features * relevance.columns(target).to(found.features)
        return [ranked(row, found.layers, self.top) for row in contributions]


def signals_of(network: ScoredModel, image: Tensor, filters: Sequence[RankedFilter], resampled: str = "all") -> Tensor:
    """The guided gradient (F, C, H, W) of each of F filters at one image (1, C, H, W); zeros (1, ...) without one.

    Args:
        resampled: a key of `stride_one.RESAMPLED`.
    """
    if not filters:
        return torch.zeros_like(image)
    copies = image.expand(len(filters), *image.shape[1:])

    def energy(leaf: Tensor) -> Tensor:
        outputs: dict[int, Tensor] = {}

        def keep(number: int, output: Tensor) -> None:
            if output.requires_grad:  # not the passes that find how the model ends
                outputs[number] = output.clone()  # what follows may change it in place

        with LayerWatch(network.model, keep) as watch:
            network(leaf)
        numbers = {layer.name: number for number, layer in enumerate(watch.layers)}
        maps = [outputs[numbers[one.layer]][row, one.filter] for row, one in enumerate(filters)]
        return torch.stack([values.square().sum() / 2 for values in maps])

    with StrideOne(RESAMPLED[resampled]):
        return rectified_gradient(energy, copies, guided, needed=False).detach()


def heat_maps(signals: Tensor) -> Tensor:
    """The heat (F, H, W) in [0, 1] of guided gradients (F, C, H, W)."""
    heat = signals.clamp(min=0).norm(dim=1)
    return torch.stack([min_max(values) for values in heat])


def filters_of(layers: Sequence[Layer], indices: Sequence[int]) -> list[RankedFilter]:
    """Filters by their columns in `Responses.features`, with the value 0."""
    where = places(layers)
    return [RankedFilter(layers[where[index][0]].name, where[index][1], 0.0) for index in indices]


def _scaled(signals: Tensor) -> Tensor:
    """Each signal (F, C, H, W) divided by its largest absolute value."""
    peaks = signals.abs().flatten(1).amax(dim=1).reshape(-1, *[1] * (signals.ndim - 1))
    return signals / torch.where(peaks > 0, peaks, 1)
