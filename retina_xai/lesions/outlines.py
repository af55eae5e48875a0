"""Lesion candidates with their outlines, as a picture shows and a reader edits them."""

import cv2
import numpy as np
import numpy.typing as npt

from retina_xai.lesions.candidates import FLOOR, FRACTION, Lesion, binarise, label_regions, lesion_candidates

Outline = tuple[tuple[float, float], ...]


def outlined_candidates(
    evidence: npt.NDArray[np.floating], fraction: float = FRACTION, floor: float = FLOOR
) -> list[tuple[Lesion, Outline]]:
    """`lesions.lesion_candidates` of an evidence map (H, W) with the outer border of each: x, y of border pixels.

    Straight runs are given by their ends. A region of one or two pixels has fewer than three points.

    Raises:
        UsageError: as `lesions.binarise`.
    """
    regions = label_regions(binarise(evidence, fraction, floor))
    outlines: dict[tuple[float, ...], Outline] = {}
    for number, (box, centroid) in enumerate(zip(regions.boxes, regions.centroids, strict=True), start=1):
        left, top, right, bottom = box.tolist()
        inside = (regions.labels[top:bottom, left:right] == number).astype(np.uint8)
        found, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(left, top))
        outlines[*centroid.tolist(), *box.tolist()] = tuple((float(x), float(y)) for x, y in found[0][:, 0])
    candidates = lesion_candidates(evidence, fraction, floor)
    return [(lesion, outlines[lesion.x, lesion.y, *map(float, lesion.box)]) for lesion in candidates]
