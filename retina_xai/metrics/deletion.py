"""Deletion and insertion curves (Petsiuk et al., 2018; FGVis supplement A4.1): does the score follow the evidence?

Deletion: pixels are removed in the order of their evidence, highest first; a good map makes the score of the class
fall at once, so a small area under the curve is good. Insertion starts from the reference and puts the same pixels back
in the same order; there a large area is good. A removed pixel becomes the reference, by default 0 in normalised
space.

Steps (FGVis): nothing, then 0.25 % of the pixels 100 times, then 1 % 75 times, which ends at 100 %: 176 images. A
step removes a whole number of pixels, and the trapezoid runs over the shares that were really removed:

    auc = sum_k (f_k - f_(k-1)) (s_k + s_(k-1)) / 2,     f_k = round(share_k H W) / (H W),   s_k = p_c after step k

Scores are plain softmax scores (the published tables are; their RISE rows are RISE's own figures).
`Curve.relative_auc` is the area under p_c / p_c(x), which does not let confident photographs dominate a mean (ours).

Ties (ours): pixels of equal evidence are removed in a random order, drawn from the seed once per image size. Any other
rule, such as row by row, would remove compact bands and so favour or punish maps with many ties.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from retina_xai.errors import InputError, UsageError
from retina_xai.explainers.explainer import check_images, check_logits, resolve_targets
from retina_xai.games.game import class_score
from retina_xai.games.references import Reference, reference_for
from retina_xai.models.inference import inference
from retina_xai.models.throughput import batch_for, layout_for

Array = npt.NDArray[np.float64]

FINE_STEPS, COARSE_STEPS = 100, 75
QUARTERS_OF_A_PERCENT = 400

MODES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    # (place of each pixel in the order, pixels moved so far) -> which pixels show the image
    "deletion": torch.ge,
    "insertion": torch.lt,
}
WHOLE_AT = {"deletion": 0, "insertion": -1}


@dataclass(frozen=True)
class CurveSettings:
    """How a curve is measured.

    Args:
        mode: a key of `MODES`.
        reference: what a removed pixel is; see `games.references`.
        seed: of the order of ties, and of random references.
        batch: images scored at once, None for what is quick on the device; it changes the result by rounding only.

    Raises:
        UsageError: another mode, or no image at once.
    """

    mode: str = "deletion"
    reference: str | Reference | Tensor = "zero"
    seed: int = 0
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"unknown mode {self.mode!r}: choose one of {', '.join(MODES)}")
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"batch {self.batch}: give at least 1, or None for the device's default")


@dataclass(frozen=True, eq=False)
class Curve:
    """Shares of the pixels moved, `fractions` (176,) from 0 to 1, the `scores` (176,) there, and p_c(x), `original`."""

    fractions: Array
    scores: Array
    original: float

    @property
    def auc(self) -> float:
        """Area under the scores, in [0, 1]."""
        return area_under(self.fractions, self.scores)

    @property
    def relative_auc(self) -> float:
        """Area under the scores as shares of the whole image's score; NaN where that is 0."""
        return self.auc / self.original if self.original > 0 else math.nan


def removal_curve(
    model: nn.Module, image: Tensor, evidence: Tensor, target: int, settings: CurveSettings | None = None
) -> Curve:
    """Score of class `target` while pixels of one image (C, H, W) go, or come, by their evidence (H, W).

    Raises:
        InputError: image or evidence of another shape, or not finite.
        ModelError, UsageError: a model that gives no finite logits; a class that it does not have.
    """
    settings = settings or CurveSettings()
    check_images(image[None])
    if evidence.shape != image.shape[1:]:
        raise InputError(
            f"evidence has shape {tuple(evidence.shape)}, the image {tuple(image.shape)}: give evidence (H, W) of it"
        )
    order = removal_order(evidence, settings.seed).to(image.device)
    place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=image.device))
    place = place.reshape(1, 1, *evidence.shape)
    counts = removal_counts(evidence.numel())
    images = image.detach()[None]
    reference = reference_for(settings.reference, images, settings.seed)
    parts = []
    with inference(model), torch.no_grad():
        layout = layout_for(model, images)
        for moved in torch.split(torch.from_numpy(counts).to(image.device), batch_for(images, settings.batch)):
            shown = MODES[settings.mode](place, moved[:, None, None, None])
            steps = torch.where(shown, images, reference)
            logits = check_logits(model(steps.contiguous(memory_format=layout)), steps)
            parts.append(class_score(logits, resolve_targets(target, logits)))
    scores = torch.cat(parts).double().cpu().numpy()
    whole = WHOLE_AT[settings.mode]
    return Curve(counts / evidence.numel(), scores, float(scores[whole]))


def removal_counts(pixels: int) -> npt.NDArray[np.int64]:
    """How many of the pixels are gone after each step, (176,): 0.25 % at a time to 25 %, then 1 % at a time."""
    fine = np.arange(FINE_STEPS + 1)
    coarse = FINE_STEPS + 4 * np.arange(1, COARSE_STEPS + 1)
    return np.rint(np.concatenate([fine, coarse]) * pixels / QUARTERS_OF_A_PERCENT).astype(np.int64)


def removal_order(evidence: Tensor, seed: int = 0) -> Tensor:
    """Flat indices of evidence (H, W), highest first, (H * W,) on the CPU; equal values in an order drawn from `seed`.

    Raises:
        InputError: no map of at least one pixel, or NaN or infinity in it.
    """
    if evidence.ndim != 2 or evidence.numel() == 0:
        raise InputError(f"evidence has shape {tuple(evidence.shape)}: give one map (H, W)")
    if not torch.isfinite(evidence).all():
        raise InputError("evidence holds NaN or infinity: no order of removal follows from it")
    shuffled = torch.randperm(evidence.numel(), generator=torch.Generator().manual_seed(seed))
    return shuffled[evidence.detach().cpu().flatten()[shuffled].argsort(descending=True, stable=True)]


def area_under(fractions: Array, scores: Array) -> float:
    """The trapezoid over the given, unequal distances.

    >>> area_under(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.5]))
    0.625
    """
    return float(np.trapezoid(scores, fractions))
