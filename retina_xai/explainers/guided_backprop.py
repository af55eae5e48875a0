"""Guided backpropagation (Springenberg et al., 2015): the gradient of S_c in which every ReLU drops negative signals.

    ReLU y = max(0, z):   g_z = g_y * 1[z > 0] * 1[g_y > 0]

so only paths remain on which every rectified unit is active and raises the score. The attribution is this modified
gradient (N, C, H, W); evidence is its largest absolute value over the channels, divided by its maximum. For other
rectifiers (see `explainers.rectifiers`), g_z is the positive part of their own gradient where g_y > 0 (our extension).

Adebayo et al. (2018) showed that these maps change little if the weights of the upper layers are replaced by random
ones: they show what the network responds to more than what it decides by.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from retina_xai.explainers.gradient_method import GradientExplainer
from retina_xai.explainers.rectifiers import rectified_gradient
from retina_xai.models.scored_model import ScoredModel


@dataclass(frozen=True)
class GuidedBackprop(GradientExplainer):
    """Guided backpropagation; it has no settings of its own."""

    method: ClassVar[str] = "guided-backprop"

    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor) -> Tensor:
        """The gradient of the class score with guided rectifiers."""
        return guided_gradient(network, images, target)


def guided_gradient(network: ScoredModel, images: Tensor, target: Tensor) -> Tensor:
    """The gradient (N, C, H, W) of the class score with guided rectifiers."""
    return rectified_gradient(network.differentiated(target), images, guided)


def guided(own: Tensor, arrived: Tensor) -> Tensor:
    """The rule of guided backpropagation, for `rectified_gradient`."""
    return own.clamp(min=0) * (arrived > 0)
