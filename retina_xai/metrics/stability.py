"""Stability of a map: does the same image get the same evidence again?

An optimisation game amplifies rounding: a unit that falls on the other side of its bound changes all later steps. Equal
bits are then no useful goal; the map should be the same. Three things are varied:

    seed    the start mask (the explainer's seeds)
    batch   the size of the batch: the image alone, and as the first of several equal ones
    noise   the image, by Gaussian noise of 1e-6 in the network's normalised space

For each, the map is compared with the first one by

    correlation   Spearman's rank correlation of all pixels
    overlap       the share of the pixels with the highest evidence (top 5 %) that both maps have in common

Both are 1 for equal maps. Two unrelated maps have correlation 0 and an overlap of about 0.05. Where several are
compared, the mean is given. A constant map has neither (NaN).
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import Explainer, Explanation
from retina_xai.metrics.trust import check_one, rank_correlation


@dataclass(frozen=True)
class StabilitySettings:
    """Settings of the comparison.

    Args:
        seeds: offsets added to the explainer's seed; empty to skip.
        batch: images in the batch that the single image is compared with, at least 2.
        noise: standard deviation, not negative.
        fraction: share of the pixels whose overlap is reported, in (0, 1).
        seed: of the noise.

    Raises:
        UsageError: a value outside these ranges.
    """

    seeds: tuple[int, ...] = (1, 2)
    batch: int = 4
    noise: float = 1e-6
    fraction: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch < 2 or not 0 <= self.noise < math.inf or not 0 < self.fraction < 1:
            raise UsageError(
                f"batch {self.batch}, noise {self.noise}, fraction {self.fraction}: give a batch of at least 2, a "
                "standard deviation of at least 0 and a share between 0 and 1"
            )


@dataclass(frozen=True)
class Stability:
    """Correlations in [-1, 1] and overlaps in [0, 1]; NaN where undefined or not asked for."""

    seed_correlation: float
    seed_overlap: float
    batch_correlation: float
    batch_overlap: float
    noise_correlation: float
    noise_overlap: float

    def to_dict(self) -> dict[str, float | None]:
        """Plain values for JSON; undefined values are None."""
        return {name: None if math.isnan(value) else float(f"{value:.7g}") for name, value in asdict(self).items()}


def stability(
    model: nn.Module,
    image: Tensor,
    explanation: Explanation,
    explainer: Explainer,
    settings: StabilitySettings | None = None,
) -> Stability:
    """The stability of the evidence of one image (C, H, W) for the class of its explanation.

    Args:
        explanation: of this image alone.
        explainer: the method that made it. It runs once per seed, once on the batch, and once on the noisy image.
            Methods without a seed have no seed stability (NaN).

    Raises:
        InputError: the explanation is not of exactly one image, or of an image of another size.
        ModelError: as the explainer.
    """
    settings = settings or StabilitySettings()
    check_one(image, explanation)
    first, target = explanation.evidence[0], explanation.target
    images, alone = image.detach()[None], explainer.with_batch(1)
    seeds = [alone.with_seed((explainer.seed or 0) + offset) for offset in settings.seeds]
    reseeded = [one(model, images, target).evidence[0] for one in seeds if one is not None]
    together = explainer.with_batch(settings.batch)(model, torch.cat([images] * settings.batch), target).evidence[0]
    generator = torch.Generator().manual_seed(settings.seed)
    shaken = images + settings.noise * torch.randn(images.shape, generator=generator).to(images)
    noisy = alone(model, shaken, target).evidence[0]
    figures = {}
    for name, maps in (("seed", reseeded), ("batch", [together]), ("noise", [noisy])):
        figures[f"{name}_correlation"] = _mean([rank_correlation(first, one) for one in maps])
        figures[f"{name}_overlap"] = _mean([top_overlap(first, one, settings.fraction) for one in maps])
    return Stability(**figures)


def top_overlap(first: Tensor, second: Tensor, fraction: float) -> float:
    """The overlap of the `fraction` of pixels with the highest evidence of two maps (H, W), in [0, 1].

    It is the number of common pixels divided by that of the larger set. Pixels that tie with the last one of a set
    belong to it too, pixels at the minimum of a map never do. NaN if a map is constant.
    """
    one, other = (_highest(values, fraction) for values in (first, second))
    larger = max(int(one.sum()), int(other.sum()))
    return int((one & other).sum()) / larger if one.any() and other.any() else math.nan


def _highest(values: Tensor, fraction: float) -> Tensor:
    count = max(1, round(fraction * values.numel()))
    last = values.flatten().topk(count).values[-1]
    return (values >= last) & (values > values.min())


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan
