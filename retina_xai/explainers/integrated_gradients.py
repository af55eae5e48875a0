"""Integrated gradients (Sundararajan, Taly and Yan, 2017): gradients along the straight path from a reference.

    attribution = (x - r) * integral over a from 0 to 1 of  d S_c / d x  at  r + a (x - r)

S_c is the unnormalised class score (or the value of `score`, if it is a function), and r is zero in normalised space,
the mean colour. Attributions add up to S_c(x) - S_c(r) (completeness). Evidence is the sum of their absolute values
over the channels, divided by its maximum; `attribution` keeps them (N, C, H, W). Captum computes the integral by
Gauss-Legendre quadrature.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from retina_xai.errors import UsageError
from retina_xai.explainers.gradient_method import GradientExplainer
from retina_xai.models.scored_model import ScoredModel
from retina_xai.models.throughput import batch_for


@dataclass(frozen=True)
class IntegratedGradients(GradientExplainer):
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

    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor) -> Tensor:
        """The integral for each value of the images; each image is computed by itself."""
        maps = [self._integral(network, image, label) for image, label in zip(images, target, strict=True)]
        return torch.stack(maps)

    def evidence_of(self, attribution: Tensor, images: Tensor) -> Tensor:
        """The sum of the absolute values of the channels."""
        return attribution.abs().sum(dim=1)

    def _integral(self, network: ScoredModel, image: Tensor, label: Tensor) -> Tensor:
        """The signed attributions (C, H, W) of one image."""
        from captum.attr import IntegratedGradients as CaptumIntegratedGradients

        size = batch_for(image[None], self.batch)
        integral = CaptumIntegratedGradients(network.differentiated(label))
        attribution: Tensor = integral.attribute(
            image[None], baselines=0, n_steps=self.points, internal_batch_size=size
        )
        return attribution[0].detach().to(image.dtype)
