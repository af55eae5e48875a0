"""Random evidence: a control that uses neither the network nor the image.

    evidence ~ U(0, 1), independently for every pixel

There is one map (H, W) per seed and size, the same for all images, so results do not depend on the batch. For
independent maps, use a different seed for each photograph. The attribution is the noise (N, 1, H, W).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from retina_xai.explainers.explainer import Explainer, Explanation, Targets, check_logits, resolve_targets
from retina_xai.games.engine import OnStep


@dataclass(frozen=True)
class RandomMap(Explainer):
    """Uniform noise from `seed`; the network is used only for the scores in the explanation."""

    method: ClassVar[str] = "random"
    seed: int = 0

    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Explain images (N, C, H, W); see `Explainer`."""
        with self.network(model) as network, torch.no_grad():
            logits = check_logits(network(images))
        target = resolve_targets(targets, logits)
        self.report_once(on_step, logits, target)
        noise = torch.rand(images.shape[2:], generator=torch.Generator().manual_seed(self.seed))
        evidence = noise.to(images).expand(len(images), *noise.shape)
        return self.without_mask(evidence, evidence[:, None], target, logits)
