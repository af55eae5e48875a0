"""Integrated gradients (Sundararajan, Taly and Yan, 2017): gradients along the straight path from a reference.

    attribution = (x - r) * integral over a from 0 to 1 of  d S_c / d x  at  r + a (x - r)

S_c is the unnormalised class score (or the value of `score`, if it is a function), and r is zero in normalised space,
the mean colour. Attributions add up to S_c(x) - S_c(r) (completeness). Evidence is the sum of their absolute values
over the channels, divided by its maximum. Captum computes the integral by Gauss-Legendre quadrature.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import Explainer, Explanation, check_images, check_logits, resolve_targets
from retina_xai.games.engine import OnStep
from retina_xai.models.scored_model import ScoredModel
from retina_xai.models.throughput import batch_for


@dataclass(frozen=True)
class IntegratedGradients(Explainer):
    """Integrated gradients from the mean colour.

    Args:
        points: number of quadrature points, at least 1.
        batch: points per forward pass, None for the device's default; it changes the result by rounding only.

    Raises:
        UsageError: a value outside these ranges.
    """

    method: ClassVar[str] = "integrated-gradients"
    points: int = 50
    batch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.points < 1 or (self.batch is not None and self.batch < 1):
            raise UsageError(f"points {self.points}, batch {self.batch}: give at least 1 (or None) of each")

    def __call__(
        self, model: nn.Module, images: Tensor, targets: Tensor | int | None = None, *, on_step: OnStep | None = None
    ) -> Explanation:
        """Explain images (N, C, H, W); see `Explainer`."""
        check_images(images)
        images = images.detach()
        with self.network(model) as network:
            with torch.no_grad():
                logits = check_logits(network(images))
            target = resolve_targets(targets, logits)
            self.report_once(on_step, logits, target)
            maps = [self._attribution(network, image, label) for image, label in zip(images, target, strict=True)]
        return self.without_mask(torch.stack(maps).abs().sum(dim=1), target, logits)

    def _attribution(self, network: ScoredModel, image: Tensor, label: Tensor) -> Tensor:
        """The signed attributions (C, H, W) of one image; each image is computed by itself."""
        from captum.attr import IntegratedGradients as CaptumIntegratedGradients

        size = batch_for(image[None], self.batch)
        integral = CaptumIntegratedGradients(network.differentiated(label))
        attribution: Tensor = integral.attribute(
            image[None], baselines=0, n_steps=self.points, internal_batch_size=size
        )
        return attribution[0].detach().to(image.dtype)
