"""SmoothGrad (Smilkov et al., 2017): the mean gradient over copies of the image with noise.

    attribution = mean over s of  d S_c / d x  at  x + n_s,     n_s ~ N(0, sigma^2),   sigma = noise * (max x - min x)

Evidence is the largest absolute value of the mean gradient (N, C, H, W) over the channels, divided by its maximum. The
authors use 10 % to 20 % of noise and 50 copies. All images of a call get the same noise, scaled to their own range.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import Explainer, Explanation, Plan, Targets, check_logits, resolve_targets
from retina_xai.explainers.gradient_method import leaf_of
from retina_xai.explainers.perturbation import check_batch
from retina_xai.games.engine import OnStep
from retina_xai.models.scored_model import ScoredModel
from retina_xai.models.throughput import batch_for


@dataclass(frozen=True)
class SmoothGrad(Explainer):
    """SmoothGrad.

    Args:
        samples: number of copies, at least 1.
        noise: standard deviation of the noise as a share of the range of each image's values, at least 0.
        seed: of the noise.
        batch: copies per forward pass, None for the device's default; it changes the result by rounding only.

    Raises:
        UsageError: a value outside these ranges.
    """

    method: ClassVar[str] = "smooth-grad"
    samples: int = 50
    noise: float = 0.15
    seed: int = 0
    batch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples < 1 or not 0 <= self.noise < float("inf"):
            raise UsageError(
                f"samples {self.samples}, noise {self.noise:g}: give at least 1 sample and a share of at least 0"
            )
        check_batch(self.batch)

    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Explain images (N, C, H, W); see `Explainer`. `on_step` gets (copies passed, scores of the last batch)."""
        images = images.detach()
        with self.network(model) as network:
            with torch.no_grad():
                logits = check_logits(network(images))
            target = resolve_targets(targets, logits)
            pairs = zip(torch.split(images, 1), target, strict=True)
            attribution = torch.cat([self._mean_gradient(network, image, label, on_step) for image, label in pairs])
        return self.without_mask(attribution.abs().amax(dim=1), attribution, target, logits)

    def plan(self) -> Plan:
        """One step per copy."""
        return Plan(games=1, steps=self.samples)

    def _mean_gradient(self, network: ScoredModel, image: Tensor, label: Tensor, on_step: OnStep | None) -> Tensor:
        """The mean gradient (1, C, H, W) of one image (1, C, H, W)."""
        total, count = torch.zeros_like(image), 0
        deviation = self.noise * (image.max() - image.min())
        for noise in self._noise(image.shape[1:], batch_for(image, self.batch)):
            copies = leaf_of(image + deviation * noise.to(image))
            logits = check_logits(network(copies))
            labels = label.expand(len(copies))
            total += torch.autograd.grad(network.score.differentiated(logits, labels).sum(), copies)[0].sum(dim=0)
            count += len(copies)
            if on_step is not None:
                on_step(count, self.scores_of(logits, labels))
        return total / self.samples

    def _noise(self, shape: torch.Size, batch: int) -> Iterator[Tensor]:
        """Batches (B, C, H, W) of standard normal noise; the noise does not depend on `batch`."""
        generator = torch.Generator().manual_seed(self.seed)
        for first in range(0, self.samples, batch):
            size = min(batch, self.samples - first)
            yield torch.stack([torch.randn(shape, generator=generator) for _ in range(size)])
