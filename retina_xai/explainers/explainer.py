"""The interface of all explanation methods: a frozen dataclass of settings, called with (model, images, targets).

A new method is one file with a subclass of `Explainer` and one entry in `explainers.registry`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.games.engine import OnStep
from retina_xai.games.references import Reference
from retina_xai.lesions.thresholds import FRACTION
from retina_xai.models.scored_model import ScoredModel, scored
from retina_xai.models.scores import Score, score_name, score_spec

Targets = Tensor | Sequence[int] | int | None
"""One class index for all images, or one for each; None for the most likely classes."""

Polarity = Literal["keeps", "removes"]
"""Whether the mask "keeps" the evidence in the explained image or "removes" it."""

BATCH_SETTINGS = frozenset({"batch", "batch_size"})
"""Names of the setting for images per batch."""

NOT_REPORTED = BATCH_SETTINGS | {"defended", "fold"}
"""Settings that change results by rounding only, or are another name of one. Reports and resume ignore them."""


ROUNDING = 1e-5
"""Relative spread of sums of many equal numbers."""

UPSAMPLING = {2: "bilinear", 3: "trilinear"}
"""Number of axes of the evidence -> mode of `interpolate`."""


class Plan(NamedTuple):
    """Upper bounds of the work on one image: the number of games, and the steps of each."""

    games: int
    steps: int


StepsOf = Callable[[str, Plan], OnStep | None]
"""Called before the work on each item of a batch, with what is done and its plan; returns the `on_step` of the work."""


def no_steps(doing: str, plan: Plan) -> None:
    """The `StepsOf` of a batch whose steps are not reported."""


@dataclass(frozen=True)
class RankedFilter:
    """A filter, by the name of its layer and its number in it, with its weight or its contribution to a class."""

    layer: str
    filter: int
    value: float


@dataclass(frozen=True)
class Explanation:
    """The explanation of N images (N, C, H, W), or volumes (N, C, D, H, W); the evidence of these is (N, D, H, W).

    evidence: (N, H, W) in [0, 1], the importance of each pixel for the target.
    attribution: (N, C, h, w), the values of the method before any scaling, with their sign and at their own resolution
        (a feature map for Grad-CAM, one channel for methods without colour); each method says what they are.
    target: (N,) class indices.
    score_before, score_after: (N,) score of the target for the image and for `explained` (NaN without a mask).
    iterations: (N,) steps taken. lam: (N,) lambda of the result (NaN for methods without lambda).
    converged: (N,) bool, whether the method succeeded.
    settings: all settings of the method, as plain values for reports.
    mask: (N, C, H, W) in [0, 1], the share of every pixel and channel that is kept; None for methods without a mask.
    explained: (N, C, H, W), the masked image in the model's normalised space; None without a mask.
    polarity: whether `explained` keeps or removes the evidence; None without a mask.
    reference: the value of removed pixels, as in `games.references`; a tensor has the shape (N, C, H, W).
    seed: of all randomness in the method, None for deterministic methods.
    candidate_fraction: lesion candidates are the pixels of at least this share of the maximum evidence, in [0, 1].
    score: which score, a key of `models.scores.SCORES` or a function; softmax and sigmoid are in [0, 1].
    filters: of methods that choose filters, those of each image, the largest contribution first; otherwise None.
    """

    evidence: Tensor
    attribution: Tensor
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
    score: Score = "softmax"
    filters: tuple[tuple[RankedFilter, ...], ...] | None = None


@dataclass(frozen=True)
class Explainer(ABC):
    """A configured method. Its fields are its settings. A call does not change the model.

    Args:
        score: a key of `models.scores.SCORES`: "softmax", "sigmoid" (one-logit and multi-label heads) or "logit"; or a
            function (logits (N, K), classes (N,)) -> (N,).

    Raises:
        UsageError: unknown score.
    """

    method: ClassVar[str]
    """Name of the method in reports."""

    score: Score = field(default="softmax", kw_only=True)

    def __post_init__(self) -> None:
        score_spec(self.score)

    def __call__(
        self,
        model: nn.Module,
        images: Tensor,
        targets: Targets = None,
        *,
        target: Targets = None,
        on_step: OnStep | None = None,
    ) -> Explanation:
        """Explain images for their target classes.

        Args:
            model: any torch classifier (N, C, H, W) -> logits (N, K), on the images' device; `models.outputs` lists
                other outputs that are accepted.
            images: (N, C, H, W), or volumes (N, C, D, H, W), in the model's normalised space.
            targets: class index for all, or (N,); the most likely classes by default.
            target: another name of `targets`; give one of the two.
            on_step: progress, called at least once as (step, scores). A new game has begun when the step is
                not larger than the previous one. An exception raised in it cancels the call.

        Raises:
            InputError, ModelError, UsageError: unfit images, model or targets.
        """
        check_images(images)
        return self.explain(model, images, one_of(targets, target), on_step)

    @abstractmethod
    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Explain images that `check_images` accepts; the arguments are those of a call."""

    def fitted(self, model: nn.Module, examples: Iterable[tuple[Tensor, Targets]]) -> "Explainer":
        """The method, fitted to a model; methods that need no fit return themselves.

        Args:
            examples: batches of images (N, C, H, W) with their classes as `targets`, None for the most likely ones.
        """
        return self

    def check_fitted(self) -> "Explainer":
        """Return the method; raise UsageError if it needs a fit and has none."""
        return self

    def plan(self) -> Plan:
        """Upper bounds of the work on one image, for a progress bar."""
        return Plan(games=1, steps=1)

    def settings(self) -> dict[str, Any]:
        """All settings that change the result, as plain values for reports."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name not in NOT_REPORTED}
        return {"method": self.method, **values, "score": score_name(self.score)}

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
        changed: dict[str, Any] = {"seed": seed}
        return None if self.seed is None else replace(self, **changed)

    def network(self, model: nn.Module) -> AbstractContextManager[ScoredModel]:
        """The model in evaluation mode with frozen parameters, returning logits (N, K) for `score`; see `scored`."""
        return scored(model, self.score)

    def scores_of(self, logits: Tensor, target: Tensor) -> Tensor:
        """The score of each image's target, (N,), from logits (N, K)."""
        return score_spec(self.score).value(logits.detach(), target)

    def report_once(self, on_step: OnStep | None, logits: Tensor, target: Tensor) -> None:
        """Report the progress of a single-step method: the scores (N,) of the original images."""
        if on_step is not None:
            on_step(1, self.scores_of(logits, target))

    def with_batch(self, size: int) -> "Explainer":
        """The same method with so many images per batch; the same object for methods without that setting."""
        own: dict[str, Any] = {field.name: size for field in fields(self) if field.name in BATCH_SETTINGS}
        return replace(self, **own) if own else self

    def without_mask(self, evidence: Tensor, attribution: Tensor, target: Tensor, logits: Tensor) -> Explanation:
        """The explanation of a method without a mask; evidence (N, H, W) >= 0 is divided by its maximum."""
        peak = evidence.amax(dim=tuple(range(1, evidence.ndim)), keepdim=True)
        score = self.scores_of(logits, target)
        undefined = torch.full_like(score, torch.nan)
        return Explanation(
            evidence=evidence / torch.where(peak > 0, peak, 1),
            attribution=attribution,
            target=target,
            score_before=score,
            score_after=undefined,
            iterations=torch.zeros_like(target),
            lam=undefined,
            converged=torch.ones_like(target, dtype=torch.bool),
            settings=self.settings(),
            seed=self.seed,
            candidate_fraction=self.candidate_fraction,
            score=self.score,
        )


def concatenate(parts: Sequence[Explanation]) -> Explanation:
    """One explanation of all images of `parts`, in order. All parts must have the same method and settings."""
    if len(parts) == 1:
        return parts[0]
    joined: dict[str, Any] = {}
    for entry in fields(Explanation):
        values = [getattr(part, entry.name) for part in parts]
        joined[entry.name] = torch.cat(values) if isinstance(values[0], Tensor) else values[0]
    if parts[0].filters is not None:
        joined["filters"] = tuple(filters for part in parts for filters in part.filters or ())
    return Explanation(**joined)


def rows(explanation: Explanation, selection: slice) -> Explanation:
    """The explanation of some of its images."""
    values: dict[str, Any] = {entry.name: getattr(explanation, entry.name) for entry in fields(Explanation)}
    chosen: dict[str, Any] = {name: value[selection] for name, value in values.items() if isinstance(value, Tensor)}
    if explanation.filters is not None:
        chosen["filters"] = explanation.filters[selection]
    return replace(explanation, **chosen)


def check_images(images: Tensor) -> None:
    """Raise InputError unless images are a finite float tensor (N, C, H, W) or (N, C, D, H, W), N >= 1."""
    if not isinstance(images, Tensor):
        raise InputError(f"images are a {type(images).__name__}, expected a torch tensor: use torch.from_numpy")
    if images.ndim not in (4, 5) or images.numel() == 0 or not images.is_floating_point():
        raise InputError(
            f"images have shape {tuple(images.shape)} and type {images.dtype}: give floats of (N, C, H, W), or of "
            "(N, C, D, H, W) for volumes"
        )
    if not torch.isfinite(images).all():
        raise InputError("images hold NaN or infinity: check how they were read and normalised")


def check_photographs(images: Tensor, what: str) -> None:
    """Raise InputError for volumes, which `what` cannot take."""
    if images.ndim != 4:
        raise InputError(f"images have shape {tuple(images.shape)}: {what} takes (N, C, H, W) only")


def check_logits(logits: Tensor) -> Tensor:
    """Return logits (N, K) after checking that they are finite.

    Raises:
        ModelError: they are not.
    """
    if not torch.isfinite(logits).all():
        raise ModelError(
            "the model returned NaN or infinity for the original images: check its weights and the preprocessing"
        )
    return logits


def min_max(values: Tensor) -> Tensor:
    """Values of one image, scaled from their extremes to [0, 1]; a map that is constant up to rounding is 0."""
    low, high = values.min(), values.max()
    if high - low <= ROUNDING * torch.maximum(low.abs(), high.abs()):
        return torch.zeros_like(values)
    return (values - low) / (high - low)


def one_of(targets: Targets, target: Targets) -> Targets:
    """The given one of two names of the same argument.

    Raises:
        UsageError: both are given.
    """
    if targets is not None and target is not None:
        raise UsageError("both targets and target were given, which are two names of one argument: give one of them")
    return target if targets is None else targets


def given_targets(targets: Tensor | Sequence[int] | int, images: Tensor) -> Tensor:
    """The class indices as a tensor, (N,) or (1,).

    Raises:
        UsageError: another number of targets.
    """
    given = torch.as_tensor(targets).flatten()
    if len(given) not in (1, len(images)):
        raise UsageError(f"{len(given)} targets for {len(images)} images: give one class index each, or one for all")
    return given


def resolve_targets(targets: Targets, logits: Tensor) -> Tensor:
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
