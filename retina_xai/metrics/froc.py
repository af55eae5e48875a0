"""Free-response operating characteristic: lesion sensitivity against false positives per image.

Every predicted blob is one detection at the pixel of its largest evidence; this evidence is its score (the CAMELYON16
rule). At threshold t, the detections with score >= t count:

    sensitivity(t)                = lesions that contain a detection / lesions
    false positives per image(t)  = detections in no lesion of any type / images

A detection is a pixel, not the whole blob. Otherwise one large region would hit every lesion.

The summary is the mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per image (the LUNA16 rule), without
interpolation: at rate r, the best sensitivity of all thresholds with at most r false positives per image. With N
images, r N false positives are allowed. Let s_r be the highest false-positive score beyond this number (0 if there is
none). All thresholds above s_r are allowed and none below, so

    sensitivity at r = lesions with a score > s_r / lesions

This needs no curve and also works for resampled images: an image drawn k times counts k times.

The points of the curve come from MONAI's compute_froc_curve_data. It drops the lowest threshold, which it expects to be
the score 0 of missed lesions. So a 0 is added; otherwise the last point would be missing if every lesion is found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from monai.metrics.froc import compute_froc_curve_data

from retina_xai.errors import UsageError
from retina_xai.lesions.candidates import Regions
from retina_xai.metrics.overlap import Blobs

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Froc:
    """Points of a curve, both (T,) ascending; empty without a lesion."""

    false_positives_per_image: FloatArray
    sensitivity: FloatArray


@dataclass(frozen=True)
class Ranked:
    """Scores of all images, `values` (S,) descending, and the image 0..N-1 that each comes from."""

    values: FloatArray
    image: npt.NDArray[np.int64]

    @classmethod
    def of(cls, scores: Sequence[FloatArray]) -> Self:
        """From the scores of each of at least one image."""
        values = np.concatenate(scores)
        image = np.repeat(np.arange(len(scores)), [len(one) for one in scores])
        order = np.argsort(-values, kind="stable")
        return cls(values[order], image[order])


def peaks(blobs: Blobs, evidence: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """(blobs,) index in `blobs.pixels` of each blob's largest evidence (H, W); the first one if several are equal."""
    order = np.lexsort((-evidence.ravel()[blobs.pixels], blobs.owner))
    return np.asarray(order[np.searchsorted(blobs.owner, np.arange(blobs.count))])


def lesion_scores(places: npt.NDArray[np.int64], scores: FloatArray, regions: Regions) -> FloatArray:
    """(regions,) the highest score in (0, 1] of the detections in each region; 0 without a detection.

    `places` (D,) are the flat pixel indices of the detections, `scores` (D,) their scores.
    """
    label = regions.labels.ravel()[places]
    best = np.zeros(regions.count + 1)
    np.maximum.at(best, label, scores)
    return best[1:]


def froc(false: FloatArray, found: FloatArray, images: int) -> Froc:
    """The curve from the false positives' scores (F,) and the `lesion_scores` (L,) of all images.

    >>> curve = froc(false=np.array([0.5]), found=np.array([0.9, 0.4]), images=2)
    >>> curve.false_positives_per_image.tolist(), curve.sensitivity.tolist()
    ([0.0, 0.0, 0.5, 0.5], [0.0, 0.5, 0.5, 1.0])

    Raises:
        UsageError: no image, or a score outside of [0, 1] (for false positives: of (0, 1]).
    """
    if images < 1 or (false <= 0).any() or (found < 0).any() or max(false.max(initial=0), found.max(initial=0)) > 1:
        raise UsageError(f"{images} images: expected at least one, and detection scores above 0 and at most 1")
    if found.size == 0:
        return Froc(found, found)
    rates, sensitivity = compute_froc_curve_data(false, np.append(found, 0.0), found.size, images)
    # MONAI orders the points by ascending threshold, so by descending number of detections.
    return Froc(np.asarray(rates)[::-1], np.asarray(sensitivity)[::-1])


def sensitivity_at(
    false: Ranked, found: Ranked, drawn: npt.NDArray[np.int64], rates: Sequence[float] | FloatArray = RATES
) -> FloatArray:
    """(rates,) the sensitivity at each rate of false positives per image, NaN without a lesion.

    `false` are the false positives' scores, `found` the `lesion_scores`, `drawn` (N,) how often each image counts.
    """
    lesions = np.append(0, drawn[found.image].cumsum())
    if lesions[-1] == 0:
        return np.full(len(rates), np.nan)
    allowed = np.asarray(rates) * drawn.sum()
    too_many = np.searchsorted(drawn[false.image].cumsum(), allowed, side="right")
    limits = np.append(false.values, 0.0)[too_many]
    return np.asarray(lesions[np.searchsorted(-found.values, -limits)] / lesions[-1])
