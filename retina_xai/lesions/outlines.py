"""Masks and outlines: `outline_of` traces a mask along pixel edges, `mask_of` fills an outline, `run_lengths` encodes.

OpenCV traces borders through pixel centres (Suzuki and Abe 1985). In a mask enlarged twice, pixel x becomes the columns
2 x and 2 x + 1, and the border is the outermost column inside the mask: 2 x at a left edge, 2 x + 1 at a right one. The
edge is then at (column + 1) // 2 - 0.5, also for holes. If two pixels touch only at a corner, the ring passes that
corner twice.
"""

import cv2
import numpy as np
import numpy.typing as npt

from retina_xai.errors import UsageError
from retina_xai.lesions.shapes import Outline, Ring


def outline_of(mask: npt.NDArray[np.bool_], left: int = 0, top: int = 0) -> Outline:
    """The outline of all pixels of a mask (H, W), with holes; (`left`, `top`) is the position of its first pixel.

    Every vertex is a corner, and `mask_of` is the inverse.

    Raises:
        UsageError: the mask is empty.
    """
    if mask.ndim != 2 or not mask.any():
        raise UsageError(f"mask of shape {mask.shape} without a pixel: expected at least one; leave empty masks out")
    twice = 2 * mask.shape[1], 2 * mask.shape[0]
    enlarged = cv2.resize(np.ascontiguousarray(mask).view(np.uint8), twice, interpolation=cv2.INTER_NEAREST)
    del mask  # tracing a large one takes several times its memory
    borders, _ = cv2.findContours(enlarged, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return Outline(tuple(_ring(border[:, 0], left, top) for border in borders))


def mask_of(outline: Outline, height: int, width: int) -> npt.NDArray[np.bool_]:
    """The pixels of a picture (height, width) whose centre is inside an outline, by the even-odd rule.

    In every row that it crosses, each side of a ring toggles all pixels to the right of the crossing.
    """
    ends = [np.asarray(ring, float) for ring in outline.rings]
    (x0, y0), (x1, y1) = np.concatenate([np.roll(ring, 1, axis=0) for ring in ends]).T, np.concatenate(ends).T
    first = np.clip(np.ceil(np.minimum(y0, y1)), 0, height).astype(int)
    count = np.clip(np.ceil(np.maximum(y0, y1)), 0, height).astype(int) - first
    side = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(side)) - np.repeat(np.cumsum(count) - count, count) + first[side]
    x = x0[side] + (row - y0[side]) * ((x1 - x0)[side] / (y1 - y0)[side])
    toggles = np.zeros((height, width + 1), np.uint8)
    np.add.at(toggles, (row, np.clip(np.ceil(x), 0, width).astype(int)), 1)
    return np.asarray(np.bitwise_xor.accumulate(toggles[:, :width] & 1, axis=1), bool)


def run_lengths(mask: npt.NDArray[np.bool_]) -> list[int]:
    """COCO's uncompressed run-length encoding (https://cocodataset.org/#format-data).

    Lengths of the runs of equal pixels, column by column from the upper left; the first run is outside the mask.
    """
    pixels = np.concatenate([[False], mask.ravel(order="F")])
    starts = np.flatnonzero(np.diff(pixels))
    return [int(length) for length in np.diff(np.concatenate([[0], starts, [mask.size]]))]


def _ring(border: npt.NDArray[np.integer | np.floating], left: int, top: int) -> Ring:
    """The vertices of an edge ring, from a border (N, 2) in the enlarged mask."""
    points = (border + 1) // 2
    points = points[np.any(points != np.roll(points, 1, axis=0), axis=1)]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    corners = points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]] + (left - 0.5, top - 0.5)
    return tuple((x, y) for x, y in corners.tolist())
