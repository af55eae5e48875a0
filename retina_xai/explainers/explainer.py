"""The interface of all explanation methods: a frozen dataclass of settings, called with (model, images, targets).

A new method is one file with a subclass of `Explainer` and one entry in `explainers.registry`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.games.engine import OnStep
from retina_xai.games.game import class_score
from retina_xai.games.references import Reference
from retina_xai.lesions.thresholds import FRACTION

Polarity = Literal["keeps", "removes"]
"""Whether the mask "keeps" the evidence in the explained image or "removes" it."""

NOT_REPORTED = frozenset({"batch", "batch_size"})
"""Settings that change results by rounding only. Reports and the comparison of settings on resume ignore them."""


class Plan(NamedTuple):
    """Upper bounds of the work on one image: the number of games, and the steps of each."""

    games: int
    steps: int


@dataclass(frozen=True)
class Explanation:
    """The explanation of N images.

    evidence: (N, H, W) in [0, 1], the importance of each pixel for the target. target: (N,) class indices.
    score_before, score_after: (N,) softmax score of the target for the image and for `explained` (NaN without a mask).
    iterations: (N,) steps taken. lam: (N,) lambda of the result (NaN for methods without lambda).
    converged: (N,) bool, whether the method succeeded.
    settings: all settings of the method, as plain values for reports.
    mask: (N, C, H, W) in [0, 1], the share of every pixel and channel that is kept; None for methods without a mask.
    explained: (N, C, H, W), the masked image in the model's normalised space; None without a mask.
    polarity: whether `explained` keeps or removes the evidence; None without a mask.
    reference: the value of removed pixels, as in `games.references`; a tensor has the shape (N, C, H, W).
    seed: of all randomness in the method, None for deterministic methods.
    candidate_fraction: lesion candidates are the pixels of at least this share of the maximum evidence, in [0, 1].
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
    polarity: Polarity | None = None
    reference: str | Reference | Tensor = "zero"
    seed: int | None = None
    candidate_fraction: float = FRACTION


@dataclass(frozen=True)
class Explainer(ABC):
    """A configured method. Its fields are its settings. A call does not change the model."""

    method: ClassVar[str]
    """Name of the method in reports."""

    @abstractmethod
    def __call__(
        self, model: nn.Module, images: Tensor, targets: Tensor | int | None = None, *, on_step: OnStep | None = None
    ) -> Explanation:
        """Explain images for their target classes.

        Args:
            model: any torch classifier (N, C, H, W) -> logits (N, K), on the images' device.
            images: (N, C, H, W) in the model's normalised space.
            targets: class index for all, or (N,); the most likely classes by default.
            on_step: progress, called at least once as (step, scores in [0, 1]). A new game has begun when the step is
                not larger than the previous one. An exception raised in it cancels the call.

        Raises:
            InputError, ModelError, UsageError: unfit images, model or targets.
        """

    def plan(self) -> Plan:
        """Upper bounds of the work on one image, for a progress bar."""
        return Plan(games=1, steps=1)

    def settings(self) -> dict[str, Any]:
        """All settings that change the result, as plain values for reports."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in NOT_REPORTED}
        return {"method": self.method, **values}

    @property
    def seed(self) -> int | None:
        """The seed of all randomness in the method; None for deterministic methods."""
        return None

    @property
    def candidate_fraction(self) -> float:
        """Lesion candidates are the pixels of at least this share of the maximum evidence."""
        return FRACTION

    def with_seed(self, seed: int) -> "Explainer | None":
        """The same method with another seed; None for deterministic methods."""
        return None if self.seed is None else replace(self, **{"seed": seed})

    def without_mask(self, evidence: Tensor, target: Tensor, logits: Tensor) -> Explanation:
        """The explanation of a method without a mask; evidence (N, H, W) >= 0 is divided by its maximum."""
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
            settings=self.settings(),
            seed=self.seed,
            candidate_fraction=self.candidate_fraction,
        )


def concatenate(parts: Sequence[Explanation]) -> Explanation:
    """One explanation of all images of `parts`, in order. All parts must have the same method and settings."""
    if len(parts) == 1:
        return parts[0]
    joined: dict[str, Any] = {}
    for field in fields(Explanation):
        values = [getattr(part, field.name) for part in parts]
        joined[field.name] = torch.cat(values) if isinstance(values[0], Tensor) else values[0]
    return Explanation(**joined)


def report_once(on_step: OnStep | None, logits: Tensor, target: Tensor) -> None:
    """Report the progress of a single-step method: the scores (N,) of the original images."""
    if on_step is not None:
        on_step(1, class_score(logits.detach(), target))


def check_images(images: Tensor) -> None:
    """Raise InputError unless images are a finite float tensor (N, C, H, W) with at least one image."""
    if images.ndim != 4 or len(images) == 0 or not images.is_floating_point():
        raise InputError(
            f"images have shape {tuple(images.shape)} and type {images.dtype}: give floats of (N, C, H, W)"
        )
    if not torch.isfinite(images).all():
        raise InputError("images hold NaN or infinity: check how they were read and normalised")


def check_logits(logits: object, images: Tensor) -> Tensor:
    """Return the model's output after checking that it is a finite tensor (N, K).

    Raises:
        ModelError: it is not.
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
    """Class index per image, (N,), from one index for all, one per image, or None for the most likely class.

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
