"""Deconvnet (Zeiler and Fergus, 2014): the gradient of S_c in which every ReLU rectifies the signal itself.

    ReLU y = max(0, z):   g_z = max(0, g_y),   whatever z was in the forward pass

Max poolings pass the signal to the position of their maximum (the "switches"), convolutions apply their transposed
filters: both are the ordinary gradient. The attribution is this signal at the image (N, C, H, W); evidence is its
largest absolute value over the channels, divided by its maximum. Other rectifiers (see `explainers.rectifiers`) follow
the same rule (our extension).

The image acts only through the switches: without max pooling (MobileNet v2), all images of a class have nearly the
same map, a grid of the strides. And the signal can end before the image: if all values that arrive at a narrow layer
are negative, nothing passes, and the evidence is 0 everywhere. This happens on SqueezeNet 1.0 (in Captum, too), whose
squeeze layers have 16 to 64 channels.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from retina_xai.explainers.gradient_method import GradientExplainer
from retina_xai.explainers.rectifiers import rectified_gradient
from retina_xai.models.scored_model import ScoredModel


@dataclass(frozen=True)
class Deconvnet(GradientExplainer):
    """Deconvnet; it has no settings of its own."""

    method: ClassVar[str] = "deconvnet"

    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor) -> Tensor:
        """The signal that arrives at the image."""
        return rectified_gradient(network.differentiated(target), images, lambda _, arrived: arrived.clamp(min=0))
