"""Lesion candidates of an evidence map (FGVis supplement A4.2).

An evidence map e with values in [0, 1] is binarised relative to its own maximum,

    mask = e >= fraction * max(e)  and  e > floor                                  (fraction 0.04, floor 0.01)

and each 8-connected region of the mask is one lesion candidate; its score is the largest evidence inside it.

Two deviations from the paper. It says 4 % "of the mask"; we use 1 - m, the evidence of the deletion game. We add the
absolute floor: the start mask of the deletion game is drawn from U(0.99, 1), so if the game ends immediately, the
evidence is noise of up to 0.01, and the binary mask must be empty.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from retina_xai.errors import UsageError
from retina_xai.lesions.annotation import ANNOTATION_TYPES, EQUIVALENT_TYPES, UNSPECIFIED, Annotation
from retina_xai.lesions.outlines import outline_of
from retina_xai.lesions.shapes import Outline
from retina_xai.lesions.thresholds import FLOOR, FRACTION
from retina_xai.row_bands import RowSource, row_bands


@dataclass(frozen=True)
class Regions:
    """The 8-connected regions of a mask, numbered 1..count in `labels` (H, W); 0 is background.

    The labels are uint16, or int32 if there are too many regions.

    Row i of `areas` (count,), `boxes` (count, 4) and `centroids` (count, 2) as x, y belongs to label i + 1.
    """

    labels: np.ndarray
    areas: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.int64]
    centroids: npt.NDArray[np.float64]

    @property
    def count(self) -> int:
        """Number of regions."""
        return len(self.areas)


def label_regions(mask: npt.NDArray[np.bool_]) -> Regions:
    """The 8-connected regions of a boolean mask (H, W)."""
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    try:
        _, labels, stats, centroids = cv2.connectedComponentsWithStats(pixels, connectivity=8, ltype=cv2.CV_16U)
    except cv2.error:  # more regions than uint16 has values
        _, labels, stats, centroids = cv2.connectedComponentsWithStats(pixels, connectivity=8)
    left, top, width, height, areas = stats[1:].astype(np.int64).T
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    return Regions(labels, areas, boxes, centroids[1:].astype(np.float64))


def binarise(evidence: RowSource, fraction: float = FRACTION, floor: float = FLOOR) -> npt.NDArray[np.bool_]:
    """Where evidence (H, W) in [0, 1] is at least `fraction` of its maximum and above `floor`; (H, W) bool.

    Raises:
        UsageError: evidence is not a map of finite values in [0, 1], or fraction or floor is outside [0, 1].
    """
    least = fraction * peak_of(evidence)
    _check(fraction, floor)
    mask = np.empty(evidence.shape, dtype=bool)
    for rows in row_bands(*mask.shape):
        band = evidence[rows]
        mask[rows] = (band >= least) & (band > floor)
    return mask


def lesion_candidates(evidence: RowSource, fraction: float = FRACTION, floor: float = FLOOR) -> list[Annotation]:
    """Candidates of an evidence map (H, W) in [0, 1], highest score first, with the ids "1", "2", ... in this order.

    The score is the largest evidence in the region; the type is unspecified. Ties keep the order of `label_regions`.

    Raises:
        UsageError: as `binarise`.
    """
    regions = label_regions(binarise(evidence, fraction, floor))
    scores = region_maxima(evidence, regions)
    order = np.argsort(-scores, kind="stable")
    return [
        Annotation(str(rank), UNSPECIFIED, _outline(regions, index), "candidate", score=float(scores[index]))
        for rank, index in enumerate(order, start=1)
    ]


def expert_markings(mask: npt.NDArray[np.bool_], lesion_type: str) -> list[Annotation]:
    """One annotation per 8-connected region of a mask (H, W) in which experts marked one lesion type of any data set.

    The id contains that type. The type of the annotation is the same type if it is one of `ANNOTATION_TYPES`, otherwise
    its entry in `EQUIVALENT_TYPES`, otherwise UNSPECIFIED.
    """
    regions = label_regions(mask)
    equivalent = EQUIVALENT_TYPES.get(lesion_type, lesion_type)
    shown = equivalent if equivalent in ANNOTATION_TYPES else UNSPECIFIED
    return [
        Annotation(f"{lesion_type} {index + 1}", shown, _outline(regions, index), "expert")
        for index in range(regions.count)
    ]


def region_maxima(evidence: RowSource, regions: Regions) -> npt.NDArray[np.float64]:
    """Largest evidence in each region, (count,)."""
    maxima = np.full(regions.count, -np.inf)
    for rows in row_bands(*regions.labels.shape):
        labels = regions.labels[rows].ravel()
        inside = np.flatnonzero(labels)
        np.maximum.at(maxima, labels[inside] - 1, evidence[rows].ravel()[inside].astype(np.float64))
    return maxima


def peak_of(evidence: RowSource) -> np.floating[Any]:
    """The largest value of an evidence map (H, W).

    Raises:
        UsageError: it is not a map of finite values in [0, 1].
    """
    if len(evidence.shape) != 2 or 0 in evidence.shape:
        raise UsageError(f"evidence of shape {evidence.shape}: expected (height, width); pass one map at a time")
    extremes = [(band.min(), band.max()) for band in (evidence[rows] for rows in row_bands(*evidence.shape))]
    low: np.floating[Any] = np.min(extremes)
    high: np.floating[Any] = np.max(extremes)
    if not 0 <= low <= high <= 1:  # a NaN is in both
        raise UsageError(f"evidence from {low:g} to {high:g}: expected finite values in [0, 1]; rescale it")
    return high


def _outline(regions: Regions, index: int) -> Outline:
    left, top, right, bottom = regions.boxes[index].tolist()
    return outline_of(regions.labels[top:bottom, left:right] == index + 1, left, top)


def _check(fraction: float, floor: float) -> None:
    if not (0 <= fraction <= 1 and 0 <= floor <= 1):
        raise UsageError(
            f"fraction {fraction:g}, floor {floor:g}: expected values in [0, 1]; the defaults are 0.04 and 0.01"
        )
