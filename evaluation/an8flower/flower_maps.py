"""The maps of each method on one flower, (S, S) in [0, 1].

The first four show the same filters, those that VEBI finds relevant (the paper compares them): their activations,
upsampled linearly; guided backpropagation with the grid of the strides; without it at convolutions, as the code of the
authors does by default; and without it everywhere. Each filter's map is scaled to [0, 1], the maximum over the filters
is the map. A filter of a linear layer has no activation map and is left out of the first.

FGVis plays the deletion game against the logit: these networks are so sure of a class (a softmax score of 1 in float32)
that the score has no gradient and a game against it does not begin.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from retina_xai.explainers.explainer import Explainer, Explanation, RankedFilter, min_max
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.grad_cam import GradCAM, upsampled
from retina_xai.explainers.guided_backprop import GuidedBackprop
from retina_xai.explainers.layers import LayerWatch
from retina_xai.explainers.random_map import RandomMap
from retina_xai.explainers.vebi import VEBI
from retina_xai.models.network import Network
from retina_xai.models.scored_model import scored


@dataclass(frozen=True)
class FlowerMethod:
    """A method: its label in tables, and the explainer for a fitted VEBI and a seed.

    activations: show the activations of the filters that it chose, instead of its evidence.
    """

    label: str
    make: Callable[[VEBI, int], Explainer]
    activations: bool = False


def _game(defence: str) -> Callable[[VEBI, int], Explainer]:
    return lambda _, seed: FGVis("deletion", 1e-8, iterations=40, defence=defence, seed=seed, score="logit")


FLOWER_METHODS: dict[str, FlowerMethod] = {
    "upsampled": FlowerMethod("upsampled activations", lambda vebi, _: vebi, activations=True),
    "deconvnet-guided": FlowerMethod(
        "deconvnet + guided backpropagation", lambda vebi, _: replace(vebi, resampled="none")
    ),
    "vebi-convolutions": FlowerMethod(
        "VEBI, stride 1 at convolutions", lambda vebi, _: replace(vebi, resampled="convolutions")
    ),
    "vebi": FlowerMethod("VEBI", lambda vebi, _: replace(vebi, resampled="all")),
    "grad-cam": FlowerMethod("Grad-CAM", lambda *_: GradCAM()),
    "guided-backprop": FlowerMethod("guided backpropagation of the class", lambda *_: GuidedBackprop()),
    "fgvis": FlowerMethod("FGVis", _game("fgvis")),
    "fgvis-reference": FlowerMethod("FGVis, reference bounds", _game("reference")),
    "random": FlowerMethod("random map", lambda _, seed: RandomMap(seed=seed)),
}
"""The methods by key, in the order of the table."""


def maps_of(
    network: Network, vebi: VEBI, image: Tensor, target: int, seed: int
) -> tuple[Mapping[str, Tensor], Sequence[RankedFilter]]:
    """The map (S, S) of each method for an image (1, 3, S, S), and the filters that VEBI chose."""
    found: dict[str, Tensor] = {}
    filters: Sequence[RankedFilter] = ()
    for key, method in FLOWER_METHODS.items():
        result: Explanation = method.make(vebi, seed)(network.model, image, target)
        if method.activations:
            filters = (result.filters or ((),))[0]
            found[key] = upsampled_activations(network, image, filters)
        else:
            found[key] = result.evidence[0]
    return found, filters


def upsampled_activations(network: Network, image: Tensor, filters: Sequence[RankedFilter]) -> Tensor:
    """The maximum (S, S) of the activation maps of filters, each upsampled linearly and scaled to [0, 1]."""
    outputs: dict[int, Tensor] = {}

    def keep(number: int, output: Tensor) -> None:
        outputs[number] = output.clone()

    with scored(network.model) as model, LayerWatch(model.model, keep) as watch, torch.no_grad():
        model(image)
    maps = {layer.name: outputs[number] for number, layer in enumerate(watch.layers) if layer.convolution}
    shown = [upsampled(maps[one.layer][:, [one.filter]], image)[0, 0] for one in filters if one.layer in maps]
    if not shown:
        return torch.zeros_like(image[0, 0])
    return torch.stack([min_max(one) for one in shown]).amax(dim=0)
