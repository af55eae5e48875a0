"""Deletion and insertion curves (Petsiuk et al., 2018; FGVis supplement A4.1): a metric of faithfulness.

Deletion removes pixels in the order of their evidence, highest first. If the evidence is faithful, the class score
falls quickly, so a small area under the curve is good. Insertion starts from the reference and restores the pixels in
the same order; a large area is good. A removed pixel has the value of the reference, by default 0 in normalised space.

Steps (FGVis): the original, then 100 steps of 0.25 % of the pixels, then 75 steps of 1 %, up to 100 %: 176 images. Each
step removes a whole number of pixels, and the trapezoidal rule uses the exact shares removed:

    auc = sum_k (f_k - f_(k-1)) (s_k + s_(k-1)) / 2,     f_k = round(share_k H W) / (H W),   s_k = p_c after step k

Scores are softmax scores, as in the published tables (whose RISE rows are quoted from RISE), or those of
`CurveSettings.score`. `Curve.relative_auc` is the area under p_c / p_c(x), so that photographs with a high score do not
dominate a mean (our addition).

Ties (our choice): pixels of equal evidence are removed in a random order that depends on the seed and the image size.
A fixed order, such as row by row, would remove compact bands, which changes the area of maps with many ties.
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
from retina_xai.games.references import Reference, reference_for
from retina_xai.models.scored_model import scored
from retina_xai.models.scores import Score, score_spec
from retina_xai.models.throughput import batch_for, layout_for

Array = npt.NDArray[np.float64]

FINE_STEPS, COARSE_STEPS = 100, 75
QUARTERS_OF_A_PERCENT = 400

MODES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    # (rank of each pixel, number of pixels moved so far) -> which pixels show the image
    "deletion": torch.ge,
    "insertion": torch.lt,
}
ORIGINAL_STEP = {"deletion": 0, "insertion": -1}
"""The step at which the image is complete."""


@dataclass(frozen=True)
class CurveSettings:
    """Settings of a curve.

    Args:
        mode: a key of `MODES`.
        reference: the value of removed pixels; see `games.references`.
        seed: of the order of ties, and of random references.
        batch: images per forward pass, None for the device's default; it changes the result by rounding only.
        score: a key of `models.scores.SCORES`, or a function.
        step: pixels moved in each step, None for the steps of the module docstring. RISE's own curves move one row of
            pixels (224) at a time; with steps that divide the number of pixels, the area is that of its CausalMetric.

    Raises:
        UsageError: another mode or score, or a batch or step below 1.
    """

    mode: str = "deletion"
    reference: str | Reference | Tensor = "zero"
    seed: int = 0
    batch: int | None = None
    score: Score = "softmax"
    step: int | None = None

    def __post_init__(self) -> None:
        score_spec(self.score)
        if self.step is not None and self.step < 1:
            raise UsageError(f"step {self.step}: give at least 1 pixel, or None for the published steps")
        if self.mode not in MODES:
            raise UsageError(f"unknown mode {self.mode!r}: choose one of {', '.join(MODES)}")
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"batch {self.batch}: give at least 1, or None for the device's default")


@dataclass(frozen=True, eq=False)
class Curve:
    """`fractions` (K,) of the pixels moved, from 0 to 1, `scores` (K,) after each step, and `original`, p_c(x).

    K is 176, or follows from `CurveSettings.step`.
    """

    fractions: Array
    scores: Array
    original: float

    @property
    def auc(self) -> float:
        """Area under the scores, in [0, 1] for probabilities."""
        return area_under(self.fractions, self.scores)

    @property
    def relative_auc(self) -> float:
        """Area under the scores divided by the original score; NaN if the original score is not positive."""
        return self.auc / self.original if self.original > 0 else math.nan


def removal_curve(
    model: nn.Module, image: Tensor, evidence: Tensor, target: int, settings: CurveSettings | None = None
) -> Curve:
    """Score of class `target` while pixels of one image (C, H, W) are removed, or inserted, by evidence (H, W).

    Volumes are (C, D, H, W), with evidence (D, H, W).

    Raises:
        InputError: image or evidence of another shape, or not finite.
        ModelError, UsageError: a model that gives no finite logits; a class that it does not have.
    """
    settings = settings or CurveSettings()
    check_images(image[None])
    if evidence.shape != image.shape[1:]:
        raise InputError(
            f"evidence has shape {tuple(evidence.shape)}, expected {tuple(image.shape[1:])}, that of the image"
        )
    order = removal_order(evidence, settings.seed).to(image.device)
    place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=image.device))
    place = place.reshape(1, 1, *evidence.shape)
    counts = removal_counts(evidence.numel(), settings.step)
    images = image.detach()[None]
    reference = reference_for(settings.reference, images, settings.seed)
    parts = []
    with scored(model, settings.score) as network, torch.no_grad():
        layout = layout_for(network, images)
        for moved in torch.split(torch.from_numpy(counts).to(image.device), batch_for(images, settings.batch)):
            shown = MODES[settings.mode](place, moved.reshape(-1, *[1] * (place.ndim - 1)))
            steps = torch.where(shown, images, reference)
            logits = check_logits(network(steps.contiguous(memory_format=layout)))
            parts.append(network.score.value(logits, resolve_targets(target, logits)))
    scores = torch.cat(parts).double().cpu().numpy()
    return Curve(counts / evidence.numel(), scores, float(scores[ORIGINAL_STEP[settings.mode]]))


def removal_counts(pixels: int, step: int | None = None) -> npt.NDArray[np.int64]:
    """Number of pixels removed after each step, (176,): steps of 0.25 % up to 25 %, then of 1 %; or equal steps."""
    if step is not None:
        return np.append(np.arange(0, pixels, step), pixels)
    fine = np.arange(FINE_STEPS + 1)
    coarse = FINE_STEPS + 4 * np.arange(1, COARSE_STEPS + 1)
    return np.rint(np.concatenate([fine, coarse]) * pixels / QUARTERS_OF_A_PERCENT).astype(np.int64)


def removal_order(evidence: Tensor, seed: int = 0) -> Tensor:
    """Flat indices of evidence (H, W) or (D, H, W), highest first, on the CPU; ties in an order drawn from `seed`.

    Raises:
        InputError: not a map of at least one pixel, or NaN or infinity in it.
    """
    if evidence.ndim not in (2, 3) or evidence.numel() == 0:
        raise InputError(f"evidence has shape {tuple(evidence.shape)}: give one map (H, W)")
    if not torch.isfinite(evidence).all():
        raise InputError("evidence holds NaN or infinity: pixels cannot be ordered by it")
    shuffled = torch.randperm(evidence.numel(), generator=torch.Generator().manual_seed(seed))
    return shuffled[evidence.detach().cpu().flatten()[shuffled].argsort(descending=True, stable=True)]


def area_under(fractions: Array, scores: Array) -> float:
    """The trapezoid over the given, unequal distances.

    >>> area_under(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.5]))
    0.625
    """
    return float(np.trapezoid(scores, fractions))
