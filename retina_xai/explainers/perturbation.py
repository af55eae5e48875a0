"""What the methods that only ask the network for scores share: one image at a time, softmax scores of its target.

Occlusion, RISE and LIME show the network many changed copies of one image and read off

    p_c = softmax(logits)_c

Images never share a forward pass, so a batch gives what its images give one by one. The scores are probabilities
(RISE and LIME define them so; for occlusion, Zeiler and Fergus plot the probability of the class as well).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from retina_xai.explainers.explainer import Explanation, check_images, check_logits, resolve_targets, without_mask
from retina_xai.games.engine import OnStep
from retina_xai.games.game import class_score
from retina_xai.models.inference import inference
from retina_xai.models.throughput import layout_for

Scores = Callable[[Tensor], Tensor]
"""Copies (B, C, H, W) -> score of the target class (B,) in [0, 1]."""


def explain_each(
    model: nn.Module,
    images: Tensor,
    targets: Tensor | int | None,
    evidence_of: Callable[[Scores, Tensor], Tensor],
    settings: Mapping[str, Any],
    on_step: OnStep | None = None,
) -> Explanation:
    """Explain images (N, C, H, W) by `evidence_of(scores, image (1, C, H, W)) -> (H, W)`, which is not negative.

    `on_step` is called as (copies of this image scored so far, their newest scores); raise from it to cancel.

    Raises:
        InputError, ModelError, UsageError: images, model or targets that do not fit.
    """
    check_images(images)
    images = images.detach()
    with inference(model), torch.no_grad():
        logits = check_logits(model(images), images)
        target = resolve_targets(targets, logits)
        layout = layout_for(model, images)
        maps = [
            evidence_of(_scores(model, label, layout, on_step), image)
            for image, label in zip(torch.split(images, 1), target, strict=True)
        ]
    return without_mask(torch.stack(maps), target, logits, settings)


def _scores(model: nn.Module, label: Tensor, layout: torch.memory_format, on_step: OnStep | None) -> Scores:
    count = 0

    def scores(copies: Tensor) -> Tensor:
        nonlocal count
        logits = check_logits(model(copies.contiguous(memory_format=layout)), copies)
        values = class_score(logits, label.expand(len(copies)))
        count += len(copies)
        if on_step is not None:
            on_step(count, values)
        return values

    return scores
