"""Image-specific saliency (Simonyan et al., 2014): max over channels of |dS_c/dI|, S_c the unnormalised class score.

Computed by Captum. Each map is divided by its maximum, so evidence is in [0, 1]. If `score` is a function, its value
takes the place of S_c.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from retina_xai.explainers.explainer import Explainer, Explanation, check_images, check_logits, resolve_targets
from retina_xai.games.engine import OnStep


@dataclass(frozen=True)
class Saliency(Explainer):
    """Plain gradient saliency; it has no settings of its own."""

    method: ClassVar[str] = "saliency"

    def __call__(
        self, model: nn.Module, images: Tensor, targets: Tensor | int | None = None, *, on_step: OnStep | None = None
    ) -> Explanation:
        """Explain images (N, C, H, W); see `Explainer`."""
        from captum.attr import Saliency as CaptumSaliency

        check_images(images)
        with self.network(model) as network:
            with torch.no_grad():
                logits = check_logits(network(images))
            target = resolve_targets(targets, logits)
            self.report_once(on_step, logits, target)
            saliency = CaptumSaliency(network.differentiated(target))
            gradient = saliency.attribute(images.detach().clone().requires_grad_()).detach()
        return self.without_mask(gradient.amax(dim=1), target, logits)
