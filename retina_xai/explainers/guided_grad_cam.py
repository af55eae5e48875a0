"""Guided Grad-CAM (Selvaraju et al., 2017): guided backpropagation times Grad-CAM.

    attribution = guided gradient (N, C, H, W) * relu(Grad-CAM), upsampled linearly to the image

so the fine structure of the one remains where the other sees the class. Evidence is the largest absolute value of the
channels, divided by its maximum. The factors are those of `explainers.guided_backprop` and `explainers.grad_cam`.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from retina_xai.explainers.grad_cam import GradCAM, upsampled
from retina_xai.explainers.guided_backprop import guided_gradient
from retina_xai.models.scored_model import ScoredModel


@dataclass(frozen=True)
class GuidedGradCAM(GradCAM):
    """Guided Grad-CAM; `layer` as for Grad-CAM."""

    method: ClassVar[str] = "guided-grad-cam"

    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor, layer: nn.Module) -> Tensor:
        """The product (N, C, H, W)."""
        maps = super().attribution_of(network, images, target, layer)
        return guided_gradient(network, images, target) * upsampled(maps.relu(), images)

    def evidence_of(self, attribution: Tensor, images: Tensor) -> Tensor:
        """The largest absolute value of the channels."""
        return attribution.abs().amax(dim=1)
