"""Base class of the methods whose values are a gradient of the class score, or are computed from one.

They differentiate S_c, the unnormalised score of the class; if `score` is a function, its value takes the place of S_c.
"""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from retina_xai.explainers.explainer import Explainer, Explanation, Targets, check_logits, resolve_targets
from retina_xai.games.engine import OnStep
from retina_xai.models.scored_model import ScoredModel


@dataclass(frozen=True)
class GradientExplainer(Explainer):
    """A method of one step that is defined by `attribution_of`."""

    @abstractmethod
    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor) -> Tensor:
        """The signed values (N, C, h, w) of images (N, C, H, W) for the target classes (N,)."""

    def evidence_of(self, attribution: Tensor, images: Tensor) -> Tensor:
        """Evidence (N, H, W), not negative, of images (N, C, H, W): the largest absolute value of the channels."""
        return attribution.abs().amax(dim=1)

    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Explain images (N, C, H, W); see `Explainer`."""
        images = images.detach()
        with self.network(model) as network:
            with torch.no_grad():
                logits = check_logits(network(images))
            target = resolve_targets(targets, logits)
            self.report_once(on_step, logits, target)
            attribution = self.attribution_of(network, images, target).detach()
        return self.without_mask(self.evidence_of(attribution, images), attribution, target, logits)


def leaf_of(images: Tensor) -> Tensor:
    """A copy of the images by which a score can be differentiated."""
    return images.detach().clone().requires_grad_()
