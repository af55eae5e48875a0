"""Image-specific saliency (Simonyan et al., 2014): max over channels of |dS_c/dI|, S_c the unnormalised class score.

Computed by Captum. The attribution is dS_c/dI (N, C, H, W). Each map of evidence is divided by its maximum, so evidence
is in [0, 1]. If `score` is a function, its value takes the place of S_c.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from retina_xai.explainers.gradient_method import GradientExplainer, leaf_of
from retina_xai.models.scored_model import ScoredModel


@dataclass(frozen=True)
class Saliency(GradientExplainer):
    """Plain gradient saliency; it has no settings of its own."""

    method: ClassVar[str] = "saliency"

    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor) -> Tensor:
        """The gradient of the class score by the image."""
        from captum.attr import Saliency as CaptumSaliency

        saliency = CaptumSaliency(network.differentiated(target))
        gradient: Tensor = saliency.attribute(leaf_of(images), abs=False)
        return gradient
