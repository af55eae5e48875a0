"""The contract of every explanation method: a frozen dataclass of settings that maps (model, images, targets) to an
Explanation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.games.game import class_score


@dataclass(frozen=True)
class Explanation:
    """What a method says about N images.

    mask: (N, C, H, W) in [0, 1], the share of every pixel and channel that stays; None for methods without one.
    evidence: (N, H, W) in [0, 1], how much each pixel matters for the target. explained: (N, C, H, W), the image that
        the mask leaves, in the model's normalised space; None without a mask. target: (N,) class indices.
        score_before, score_after: (N,) softmax score of the target for the image and for `explained` (NaN without a
        mask). iterations: (N,) steps taken.
    lam: (N,) lambda of the result (NaN where the method has none). converged: (N,) bool, whether the method reached
        its goal.
    settings: everything needed to repeat it.
    """

    evidence: Tensor
    target: Tensor
    score_before: Tensor
    score_after: Tensor
    iterations: Tensor
    lam: Tensor
    converged: Tensor
    settings: Mapping[str, Any]
    mask: Tensor | None = None
    explained: Tensor | None = None


def concatenate(parts: Sequence[Explanation]) -> Explanation:
    """One explanation of all images of `parts`, which share method and settings, in order."""
    if len(parts) == 1:
        return parts[0]
    joined: dict[str, Any] = {}
    for field in fields(Explanation):
        values = [getattr(part, field.name) for part in parts]
        joined[field.name] = torch.cat(values) if isinstance(values[0], Tensor) else values[0]
    return Explanation(**joined)


def without_mask(evidence: Tensor, target: Tensor, logits: Tensor, settings: Mapping[str, Any]) -> Explanation:
    """The explanation of a method that has no mask: its evidence (N, H, W), not negative, divided by its maximum."""
    peak = evidence.amax(dim=(1, 2), keepdim=True)
    score = class_score(logits, target)
    undefined = torch.full_like(score, torch.nan)
    return Explanation(
        evidence=evidence / torch.where(peak > 0, peak, 1),
        target=target,
        score_before=score,
        score_after=undefined,
        iterations=torch.zeros_like(target),
        lam=undefined,
        converged=torch.ones_like(target, dtype=torch.bool),
        settings=settings,
    )


class Explainer(Protocol):
    """A configured method; calling it leaves the model as it was."""

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor | int | None = None) -> Explanation:
        """Explain images (N, C, H, W) for their target classes (default: the most likely ones)."""
        ...

    def settings(self) -> dict[str, Any]:
        """What the result depends on, as plain values."""
        ...


def check_images(images: Tensor) -> None:
    """Raise InputError unless images are a finite float tensor (N, C, H, W) with at least one image."""
    if images.ndim != 4 or len(images) == 0 or not images.is_floating_point():
        raise InputError(
            f"images have shape {tuple(images.shape)} and type {images.dtype}: give floats of (N, C, H, W)"
        )
    if not torch.isfinite(images).all():
        raise InputError("images hold NaN or infinity: check how they were read and normalised")


def check_logits(logits: object, images: Tensor) -> Tensor:
    """Return the model's output if it is finite logits (N, K).

    Raises:
        ModelError: it is something else.
    """
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(images):
        came = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ModelError(f"the model returned {came} for {len(images)} images: it must return logits (N, classes)")
    if not torch.isfinite(logits).all():
        raise ModelError(
            "the model returned NaN or infinity for the original images: check its weights and the preprocessing"
        )
    return logits


def resolve_targets(targets: Tensor | int | None, logits: Tensor) -> Tensor:
    """Class index per image, (N,): one for all, one each, or the most likely ones.

    Raises:
        UsageError: a wrong number of targets, or a class that the model does not have.
    """
    if targets is None:
        return logits.argmax(dim=1)
    given = torch.as_tensor(targets, device=logits.device)
    if given.is_floating_point() or given.ndim > 1 or given.numel() not in (1, len(logits)):
        raise UsageError(
            f"targets {tuple(given.shape)} of {given.dtype} for {len(logits)} images: give one class index each"
        )
    if (given < 0).any() or (given >= logits.shape[1]).any():
        raise UsageError(f"targets {given.flatten().tolist()}: the model has classes 0 to {logits.shape[1] - 1}")
    return given.long().reshape(-1).expand(len(logits)).clone()
