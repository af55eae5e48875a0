"""Free-response operating characteristic: lesion sensitivity against false positives per image.

Every predicted blob is one detection; its score is the largest evidence in it. At a threshold t the detections with
score >= t remain, and

    sensitivity(t)                = lesions touched by one of them / lesions
    false positives per image(t)  = those that touch no lesion of any type / images

The summary is the mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per image (the LUNA16 rule), read
as a step: the best sensitivity that the curve reaches at that rate or below, with no point invented between two
thresholds, and beyond the curve's end its last value.

The points of the curve come from MONAI's compute_froc_curve_data. Its companion compute_fp_tp_probs is not used: it
asks which lesion a detection's *single* point lies in, while here a blob hits every lesion that it shares a pixel
with, which keeps the curve's end equal to the lesion-level row of the table. MONAI also drops the lowest
threshold, taking it for the score 0 of missed lesions; a 0 is therefore added for it to drop, else a curve on which
every lesion is found would lack its end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from monai.metrics.froc import compute_froc_curve_data

from retina_xai.errors import UsageError
from retina_xai.lesions import Regions
from retina_xai.metrics.overlap import Blobs, touching_pairs

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Froc:
    """Points of the curve, both (T,) ascending, and the sensitivities at `RATES` with their mean (NaN: no lesion)."""

    false_positives_per_image: FloatArray
    sensitivity: FloatArray
    at_rates: tuple[float, ...]
    mean: float


def lesion_scores(blobs: Blobs, scores: FloatArray, regions: Regions) -> FloatArray:
    """(regions,) the highest score in (0, 1] among the blobs (scores (blobs,)) touching each region; 0 if none does."""
    best = np.zeros(regions.count)
    blob, region = touching_pairs(blobs, regions)
    np.maximum.at(best, region, scores[blob])
    return best


def froc(false_scores: Sequence[float], found_scores: Sequence[float], images: int) -> Froc:
    """The curve from the false positives' scores and, per lesion of all images, its `lesion_scores` value.

    Raises:
        UsageError: no image, or a score outside of [0, 1] (for false positives: of (0, 1]).
    """
    false = np.asarray(false_scores, dtype=np.float64)
    found = np.asarray(found_scores, dtype=np.float64)
    if images < 1 or (false <= 0).any() or (found < 0).any() or max(false.max(initial=0), found.max(initial=0)) > 1:
        raise UsageError(f"{images} images: expected at least one, and detection scores above 0 and at most 1")
    if found.size == 0:
        nothing = np.array([], dtype=np.float64)
        return Froc(nothing, nothing, (math.nan,) * len(RATES), math.nan)
    rates, sensitivity = compute_froc_curve_data(false, np.append(found, 0.0), found.size, images)
    # Points come by ascending threshold, so from the many detections to none.
    rates, sensitivity = np.asarray(rates)[::-1], np.asarray(sensitivity)[::-1]
    reached = np.searchsorted(rates, RATES, side="right") - 1
    at_rates = tuple(float(sensitivity[i]) for i in reached)
    return Froc(rates, sensitivity, at_rates, float(np.mean(at_rates)))
