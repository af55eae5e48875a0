"""Grad-CAM (Selvaraju et al., 2017): the last feature maps, weighted by the mean gradient of the class score.

    evidence = relu(sum_k a_k A_k),     a_k = mean over positions of d S_c / d A_k

upsampled bilinearly to the image (trilinearly to a volume) and divided by its maximum. S_c is the unnormalised class
score, or the value of `score`, if it is a function. Computed by Captum on the last module whose output is a map of more
than one pixel: the input of the global pooling, or the output of the last pooling if there is no global pooling (VGG,
AlexNet). Networks with token layers after the last map (vision transformers) are refused.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retina_xai.errors import ModelError
from retina_xai.explainers.explainer import (
    UPSAMPLING,
    Explainer,
    Explanation,
    check_images,
    check_logits,
    resolve_targets,
)
from retina_xai.games.engine import OnStep
from retina_xai.models.scored_model import ScoredModel


@dataclass(frozen=True)
class GradCAM(Explainer):
    """Grad-CAM; `layer` names a module (as in `model.named_modules()`), None selects the last feature map."""

    method: ClassVar[str] = "grad-cam"
    layer: str | None = None

    def __call__(
        self, model: nn.Module, images: Tensor, targets: Tensor | int | None = None, *, on_step: OnStep | None = None
    ) -> Explanation:
        """Explain images (N, C, H, W); see `Explainer`.

        Raises:
            ModelError: the model does not have this layer, or has no feature map.
        """
        from captum.attr import LayerGradCam

        check_images(images)
        with self.network(model) as network:
            found, logits = _last_map(network, images)
            layer = _chosen(network.model, self.layer, found)
            target = resolve_targets(targets, check_logits(logits))
            self.report_once(on_step, logits, target)
            leaf = images.detach().clone().requires_grad_()
            cam = LayerGradCam(network.differentiated(target), layer)
            maps = cam.attribute(leaf, relu_attributions=True).detach()
        mode = UPSAMPLING[images.ndim - 2]
        evidence = F.interpolate(maps, size=images.shape[2:], mode=mode, align_corners=False)[:, 0]
        return self.without_mask(evidence, target, logits)


def _last_map(network: ScoredModel, images: Tensor) -> tuple[nn.Module | None, Tensor]:
    """The module with the last feature map (None if token layers follow it), and the logits (N, K)."""
    last: list[nn.Module] = []

    def record(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == images.ndim and sum(side > 1 for side in output.shape[2:]) > 1:
            last[:] = [module]
        elif isinstance(output, Tensor) and output.ndim == 3:
            last.clear()

    handles = []
    try:
        handles += [module.register_forward_hook(record) for module in list(network.model.modules())[1:]]
        with torch.no_grad():
            logits: Tensor = network(images)
    finally:
        for handle in handles:
            handle.remove()
    return next(iter(last), None), logits


def _chosen(model: nn.Module, name: str | None, found: nn.Module | None) -> nn.Module:
    """The module of that name, or `found` if `name` is None."""
    if name is None:
        if found is None:
            raise ModelError(
                f"{type(model).__name__} has no final feature map: Grad-CAM needs a convolutional network, or set the "
                "layer"
            )
        return found
    modules = dict(model.named_modules())
    if name not in modules:
        raise ModelError(f"no layer {name!r} in {type(model).__name__}: choose one of model.named_modules()")
    named: nn.Module = modules[name]
    return named
