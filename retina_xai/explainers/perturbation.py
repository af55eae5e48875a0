"""Base class of the perturbation methods occlusion, RISE and LIME, which use only scores of the network.

They compute, for many modified copies of one image, the score of its target, by default p_c = softmax(logits)_c.
RISE and LIME are defined with probabilities; for occlusion, Zeiler and Fergus plot the probability of the class too.
Hidden pixels are 0 in normalised space. Images are processed one by one, so results do not depend on the batch.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import Explainer, Explanation, Targets, check_logits, resolve_targets
from retina_xai.games.engine import OnStep
from retina_xai.models.scored_model import ScoredModel
from retina_xai.models.throughput import layout_for

Scores = Callable[[Tensor], Tensor]
"""Copies (B, C, H, W) -> score of the target class (B,)."""


@dataclass(frozen=True)
class PerturbationExplainer(Explainer):
    """A method that is defined by `attribution_of`. Progress is the number of copies scored."""

    @abstractmethod
    def attribution_of(self, scores: Scores, image: Tensor) -> Tensor:
        """The values (H, W) of one image (1, C, H, W) with their sign; (D, H, W) of a volume (1, C, D, H, W)."""

    def evidence_of(self, attribution: Tensor) -> Tensor:
        """Evidence, not negative, from the attribution (H, W) of one image: its positive part."""
        return attribution.clamp(min=0)

    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Explain images (N, C, H, W); see `Explainer`. `on_step` gets (copies scored, scores of the last batch)."""
        images = images.detach()
        with self.network(model) as network, torch.no_grad():
            logits = check_logits(network(images))
            target = resolve_targets(targets, logits)
            layout = layout_for(network, images)
            maps = [
                self.attribution_of(_scores(network, label, layout, on_step), image)
                for image, label in zip(torch.split(images, 1), target, strict=True)
            ]
        evidence = torch.stack([self.evidence_of(values) for values in maps])
        return self.without_mask(evidence, torch.stack(maps)[:, None], target, logits)


def check_batch(batch: int | None) -> None:
    """Raise UsageError unless `batch` is None or at least 1."""
    if batch is not None and batch < 1:
        raise UsageError(f"batch {batch}: give at least 1, or None for the device's default")


def _scores(network: ScoredModel, label: Tensor, layout: torch.memory_format, on_step: OnStep | None) -> Scores:
    count = 0

    def scores(copies: Tensor) -> Tensor:
        nonlocal count
        logits = check_logits(network(copies.contiguous(memory_format=layout)))
        values = network.score.value(logits, label.expand(len(copies)))
        count += len(copies)
        if on_step is not None:
            on_step(count, values)
        return values

    return scores
