"""The field of view: the image of the fundus camera's round aperture.

It is a disc on black, possibly cut by the sensor on any side. The algorithm:

1. Threshold the brightness (maximum over the channels) at several levels above the darkest pixel.
2. For each level, take the outline of the largest region, without its points on the image border, and fit a circle to
   it by RANSAC (Fischler and Bolles, "Random sample consensus", CACM 1981); notches, text and vignetting are outliers.
3. Choose the circle with the largest product of two values: the share of its visible arc that was detected, and the
   mean brightness step across it (a halo around the aperture has a wide but shallow edge).

If the image has no dark border (a crop from inside the aperture), the field of view is the whole image and `found` is
False.

RANSAC and the least-squares circle are implemented here. The circle is that of skimage's CircleModel, whose import is
slow (half a second). `skimage.measure.ransac` draws different triples. On 70 photographs of seven data sets it gave a
different square on 4 and a different mask on 19, and detected less of the arc on 2 (0.83 instead of 0.96, 0.13 instead
of 0.26); the run time was about the same.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from retina_xai.fundus.geometry import Geometry
from retina_xai.row_bands import row_bands

WORKING_SIDE = 512
LEVELS = (6, 10, 18, 32, 56)
DARKEST_BORDER = 60
TRIALS = 400
MAX_CROP = 12_000
"""Pixels a side of a square that is copied before it is resized; larger ones would not fit into memory."""


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """The circle of the aperture in file pixels (centres at integers).

    `shape` is (H, W) of the file. `found` is False if no circle was detected; the diameter is then the longer side of
    the image. `hull` is the bright region in working pixels, uint8, or None if it does not limit the field of view.
    `support` is the share of the circle's visible arc that was detected as an edge, `filled` the share of the disc
    that is brighter than the border.
    """

    shape: tuple[int, int]
    centre_x: float
    centre_y: float
    radius: float
    found: bool
    hull: np.ndarray | None
    support: float = 0.0
    filled: float = 1.0

    @property
    def mask(self) -> np.ndarray:
        """The visible part of the circle, (H, W) bool; computed when asked for, because it may be large."""
        mask = np.ones(self.shape, dtype=bool) if self.hull is None else _enlarged(self.hull, self.shape)
        if self.found:
            for rows in row_bands(*self.shape):
                mask[rows] &= self.disc(rows)
        return mask

    def disc(self, rows: slice) -> np.ndarray:
        """Which pixels of these rows are in the circle, bool."""
        y, x = np.ogrid[rows, : self.shape[1]]
        inside: np.ndarray = (x - self.centre_x) ** 2 + (y - self.centre_y) ** 2 <= self.radius**2
        return inside


def field_of_view(pixels: np.ndarray) -> FieldOfView:
    """Find the aperture in an RGB photograph (H, W, 3) uint8."""
    height, width = pixels.shape[:2]
    scale = min(1.0, WORKING_SIDE / max(height, width))
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    brightness = cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA).max(axis=2).astype(np.float32)
    brightness = cv2.GaussianBlur(brightness, (0, 0), 1.5)
    dark = float(brightness.min())
    levels = LEVELS if dark <= DARKEST_BORDER else ()
    circles = [circle for level in levels if (circle := _circle(brightness, dark + level)) is not None]
    hull = _hull(brightness > dark + LEVELS[0])
    file = (height, width)
    if not circles:
        limiting = bool(levels) and _enlarged(hull, file).mean() > 0.3
        x, y, radius = (width - 1) / 2, (height - 1) / 2, max(height, width) / 2
        return FieldOfView(file, x, y, radius, False, hull if limiting else None)
    best = max(circles, key=lambda circle: circle.support * circle.step)
    x, y = (best.x + 0.5) / shape[0] * width - 0.5, (best.y + 0.5) / shape[1] * height - 0.5
    radius = best.radius * 2 / (shape[0] / width + shape[1] / height)
    view = FieldOfView(file, x, y, radius, True, hull, best.support)
    disc = sum(int(view.disc(rows).sum()) for rows in row_bands(*file))
    filled = float(view.mask.sum() / max(1, disc))
    return replace(view, filled=filled, hull=hull if filled > 0.6 else None)


def square_of(pixels: np.ndarray, view: FieldOfView, size: int) -> tuple[np.ndarray, np.ndarray, Geometry]:
    """The square around the aperture, black outside the file: pixels (size, size, 3), mask (size, size), geometry."""
    height, width = pixels.shape[:2]
    side = max(1, round(2 * view.radius))
    left, top = round(view.centre_x + 0.5 - side / 2), round(view.centre_y + 0.5 - side / 2)
    geometry = Geometry((height, width), float(left), float(top), float(side), size)
    if side > MAX_CROP:
        channels = [geometry.map_from_file(pixels[..., channel]) for channel in range(3)]
        return np.rint(np.dstack(channels)).astype(np.uint8), geometry.map_from_file(view.mask) >= 0.5, geometry
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    square = cv2.resize(_crop(pixels, left, top, side), (size, size), interpolation=how)
    mask = cv2.resize(_crop(view.mask, left, top, side).astype(np.float32), (size, size), interpolation=how)
    return square, mask >= 0.5, geometry


def _enlarged(hull: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A mask in working pixels, uint8, in the pixels of the file, (H, W) bool."""
    return cv2.resize(hull, shape[::-1], interpolation=cv2.INTER_NEAREST).view(bool)


def _crop(pixels: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """The square with this corner, zero outside the image."""
    height, width = pixels.shape[:2]
    square = np.zeros((side, side, *pixels.shape[2:]), pixels.dtype)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + side), min(height, top + side)
    square[y0 - top : y1 - top, x0 - left : x1 - left] = pixels[y0:y1, x0:x1]
    return square


def _region(bright: np.ndarray) -> np.ndarray:
    """The largest connected bright region, after removing thin structures by opening."""
    opened = cv2.morphologyEx(bright.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return (labels == 1 + int(np.argmax(areas))).astype(np.uint8) if areas.size else np.zeros_like(opened)


def _hull(bright: np.ndarray) -> np.ndarray:
    """The convex hull of the largest bright region, uint8: holes and shadows belong to the field of view."""
    region = _region(bright)
    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if contours:
        cv2.fillConvexPoly(region, cv2.convexHull(contours[0]), 1)
    return cv2.dilate(region, np.ones((3, 3), np.uint8))


class _Circle(NamedTuple):
    """A candidate in working pixels: `support` is the detected share of its visible arc, `step` the brightness step."""

    x: float
    y: float
    radius: float
    support: float
    step: float


def _circle(brightness: np.ndarray, level: float) -> _Circle | None:
    """The circle around the largest region brighter than `level`; None if no circle is plausible."""
    height, width = brightness.shape
    contours, _ = cv2.findContours(_region(brightness > level), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    outline = max(contours, key=len)[:, 0].astype(float)
    inside = (outline > 2).all(axis=1) & (outline[:, 0] < width - 3) & (outline[:, 1] < height - 3)
    edge = outline[inside]
    if len(edge) < 0.06 * (height + width):
        return None

    found = _consensus(edge, 0.006 * max(height, width), brightness.shape)
    if found is None:
        return None
    (x, y, radius), inliers = found
    return _Circle(x, y, radius + 0.5, *_evidence_of(brightness, edge[inliers], x, y, radius))


def _consensus(
    edge: np.ndarray, tolerance: float, shape: tuple[int, ...]
) -> tuple[tuple[float, float, float], np.ndarray] | None:
    """RANSAC: the circle through a random triple that has the most points within `tolerance`, refitted to those."""
    triples = edge[np.random.default_rng(0).integers(len(edge), size=(TRIALS, 3))]
    a, b = triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0]
    cross = 2 * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    usable = np.abs(cross) > 1e-6
    a, b, origin, cross = a[usable], b[usable], triples[usable, 0], cross[usable, None]
    aa, bb = (a**2).sum(axis=1, keepdims=True), (b**2).sum(axis=1, keepdims=True)
    offset = np.hstack([b[:, 1:] * aa - a[:, 1:] * bb, a[:, :1] * bb - b[:, :1] * aa]) / cross
    circles = np.hstack([origin + offset, np.linalg.norm(offset, axis=1, keepdims=True)])
    circles = circles[_plausible(circles, shape)]
    if not len(circles):
        return None
    near = np.abs(np.hypot(*(edge.T[:, None] - circles[:, :2].T[:, :, None])) - circles[:, 2:]) < tolerance
    inliers = near[np.argmax(near.sum(axis=1))]
    for _ in range(2):
        if (circle := least_squares_circle(edge[inliers])) is None:
            return None
        x, y, radius = circle
        inliers = np.abs(np.hypot(edge[:, 0] - x, edge[:, 1] - y) - radius) < tolerance
        if inliers.sum() < 3 or not _plausible(np.array([[x, y, radius]]), shape).all():
            return None
    return (x, y, radius), inliers


def least_squares_circle(points: np.ndarray) -> tuple[float, float, float] | None:
    """x, y and radius of the circle through points (N, 2) float64 with the least algebraic error; None on a line.

    The error is sum (|p - c|^2 - r^2)^2, which is linear in c and r^2 - |c|^2.
    """
    origin = points.mean(axis=0)
    scale = float((points - origin).std())
    if scale == 0:
        return None
    scaled = (points - origin) / scale
    columns = np.append(scaled * 2, np.ones((len(scaled), 1)), axis=1)
    solution, _, rank, _ = np.linalg.lstsq(columns, (scaled**2).sum(axis=1), rcond=None)
    if rank < 3:
        return None
    distances = np.linalg.norm(scaled - solution[:2], axis=1)
    radius = np.sqrt((distances**2).mean())
    x, y = solution[:2] * scale + origin
    return float(x), float(y), float(radius * scale)


def _plausible(circles: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(K,) bool: which circles (K, 3) of x, y, radius have their centre in the image and a plausible radius."""
    x, y, radius = circles.T
    large = (radius > 0.2 * min(shape)) & (radius < 0.75 * np.hypot(shape[0], shape[1]))
    within: np.ndarray = large & (x > 0) & (x < shape[1]) & (y > 0) & (y < shape[0])
    return within


def _evidence_of(brightness: np.ndarray, edge: np.ndarray, x: float, y: float, radius: float) -> tuple[float, float]:
    """Support and step (see `_Circle`), sampled every 2 degrees where the circle lies within the image."""
    angles = np.deg2rad(np.arange(0, 360, 2))
    direction = np.stack([np.cos(angles), np.sin(angles)])
    last = np.array(brightness.shape[::-1])[:, None] - 1
    inner, on, outer = (
        np.rint(np.array([[x], [y]]) + r * direction).astype(int)
        for r in (radius * 0.98 - 2, radius, radius * 1.02 + 2)
    )
    visible = ((on > 2) & (on < last - 2)).all(axis=0)
    seen = np.zeros(len(angles), dtype=bool)
    seen[np.rint(np.rad2deg(np.arctan2(edge[:, 1] - y, edge[:, 0] - x)) / 2).astype(int) % len(angles)] = True
    both = visible & ((outer >= 0) & (outer <= last)).all(axis=0)
    if not both.any():
        return 0.0, 0.0
    step = brightness[inner[1, both], inner[0, both]] - brightness[outer[1, both], outer[0, both]]
    return float((seen & visible).sum() / visible.sum()), float(step.mean())
