"""Grad-CAM (Selvaraju et al., 2017): the last feature maps, weighted by the mean gradient of the class score.

    attribution = sum_k a_k A_k,     a_k = mean over positions of d S_c / d A_k,     evidence = relu(attribution)

The attribution (N, 1, h, w) has the size of the feature map. Evidence is upsampled bilinearly to the image (trilinearly
to a volume) and divided by its maximum. S_c is the unnormalised class score, or the value of `score`, if it is a
function. Computed by Captum on the last module whose output is a map of more than one pixel: the input of the global
pooling, or the output of the last pooling if there is no global pooling (VGG, AlexNet). Networks with token layers
after the last map (vision transformers) are refused.

Counterfactual Grad-CAM (same paper) has the weights -a_k: the regions that speak against the class. In networks whose
last map has one channel per class (SqueezeNet), that channel has no values below 0 and a_k is 1, so nothing would speak
against a class there; the default is the last map that does not have as many channels as there are classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retina_xai.errors import ModelError
from retina_xai.explainers.explainer import (
    UPSAMPLING,
    Explainer,
    Explanation,
    Targets,
    check_logits,
    resolve_targets,
)
from retina_xai.explainers.gradient_method import leaf_of
from retina_xai.games.engine import OnStep
from retina_xai.models.scored_model import ScoredModel


class FeatureMap(NamedTuple):
    """A module whose output is a map of more than one pixel, and the number of its channels."""

    module: nn.Module
    channels: int


@dataclass(frozen=True)
class GradCAM(Explainer):
    """Grad-CAM; `layer` names a module (as in `model.named_modules()`), None selects the last feature map."""

    method: ClassVar[str] = "grad-cam"
    layer: str | None = None

    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Explain images (N, C, H, W); see `Explainer`.

        Raises:
            ModelError: the model does not have this layer, or has no feature map.
        """
        images = images.detach()
        with self.network(model) as network:
            maps, logits = _feature_maps(network, images)
            layer = self._layer(network.model, maps, classes=logits.shape[1])
            target = resolve_targets(targets, check_logits(logits))
            self.report_once(on_step, logits, target)
            attribution = self.attribution_of(network, images, target, layer)
        return self.without_mask(self.evidence_of(attribution, images), attribution, target, logits)

    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor, layer: nn.Module) -> Tensor:
        """The weighted sum (N, 1, h, w) of the feature maps of `layer`."""
        from captum.attr import LayerGradCam

        maps: Tensor = LayerGradCam(network.differentiated(target), layer).attribute(leaf_of(images))
        return maps.detach()

    def evidence_of(self, attribution: Tensor, images: Tensor) -> Tensor:
        """The positive part of the attribution, (N, H, W) as the images."""
        return upsampled(attribution.relu(), images)[:, 0]

    def usual_layer(self, maps: Sequence[FeatureMap], classes: int) -> nn.Module | None:
        """The layer that is used if none is named."""
        return maps[-1].module if maps else None

    def _layer(self, model: nn.Module, maps: Sequence[FeatureMap], classes: int) -> nn.Module:
        if self.layer is not None:
            return _named(model, self.layer)
        found = self.usual_layer(maps, classes)
        if found is None:
            raise ModelError(
                f"{type(model).__name__} has no final feature map: Grad-CAM needs a convolutional network, or set the "
                "layer"
            )
        return found


@dataclass(frozen=True)
class CounterfactualGradCAM(GradCAM):
    """Grad-CAM with negated weights: what speaks against the class. `layer` as for Grad-CAM."""

    method: ClassVar[str] = "counterfactual-grad-cam"

    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor, layer: nn.Module) -> Tensor:
        """The negated weighted sum (N, 1, h, w) of the feature maps of `layer`."""
        return -super().attribution_of(network, images, target, layer)

    def usual_layer(self, maps: Sequence[FeatureMap], classes: int) -> nn.Module | None:
        """The last map without a channel for each class."""
        return super().usual_layer([found for found in maps if found.channels != classes], classes)


def upsampled(maps: Tensor, images: Tensor) -> Tensor:
    """Maps (N, C, h, w), interpolated linearly to the sides of the images."""
    mode = UPSAMPLING[images.ndim - 2]
    return F.interpolate(maps, size=images.shape[2:], mode=mode, align_corners=False)


def _feature_maps(network: ScoredModel, images: Tensor) -> tuple[list[FeatureMap], Tensor]:
    """The maps of more than one pixel, in order, without those before token layers; and the logits (N, K)."""
    maps: list[FeatureMap] = []

    def record(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == images.ndim and sum(side > 1 for side in output.shape[2:]) > 1:
            maps.append(FeatureMap(module, output.shape[1]))
        elif isinstance(output, Tensor) and output.ndim == 3:
            maps.clear()

    handles = []
    try:
        handles += [module.register_forward_hook(record) for module in list(network.model.modules())[1:]]
        with torch.no_grad():
            logits: Tensor = network(images)
    finally:
        for handle in handles:
            handle.remove()
    return maps, logits


def _named(model: nn.Module, name: str) -> nn.Module:
    """The module of that name."""
    modules = dict(model.named_modules())
    if name not in modules:
        raise ModelError(f"no layer {name!r} in {type(model).__name__}: choose one of model.named_modules()")
    named: nn.Module = modules[name]
    return named
