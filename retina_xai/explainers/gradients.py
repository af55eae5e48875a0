"""Image-specific saliency (Simonyan et al., 2014): max over channels of |dS_c/dI|, S_c the unnormalised class score.

Computed by Captum; each map is divided by its own maximum so that evidence is in [0, 1].
"""

from dataclasses import dataclass
from typing import Any

import torch
from captum.attr import Saliency as CaptumSaliency
from torch import Tensor, nn

from retina_xai.explainers.explainer import Explanation, check_images, check_logits, resolve_targets, without_mask
from retina_xai.models.inference import inference


@dataclass(frozen=True)
class Saliency:
    """Plain gradient saliency; it has no settings."""

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor | int | None = None) -> Explanation:
        """Explain images (N, C, H, W); see `explainer.Explanation`.

        Raises:
            InputError, ModelError, UsageError: images, model or targets that do not fit.
        """
        check_images(images)
        with inference(model):
            with torch.no_grad():
                logits = check_logits(model(images), images)
            target = resolve_targets(targets, logits)
            gradient = CaptumSaliency(model).attribute(images.detach().clone().requires_grad_(), target=target).detach()
        return without_mask(gradient.amax(dim=1), target, logits, self.settings())

    def settings(self) -> dict[str, Any]:
        """The name alone."""
        return {"method": "saliency"}
