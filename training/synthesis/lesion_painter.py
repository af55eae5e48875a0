"""Painting of the four lesion types of diabetic retinopathy into a fundus photograph.

A lesion is a coverage map a in [0, 1] with a soft edge, and a colour relative to the local background b, the mean of
the pixels of the field of view around its centre:

    dark:    x <- x + a * (f * (x + b) / 2 - x)                   f below 1; keeps half of the texture
    bright:  x <- x + o * a * max(f * max(b) - b, l * max(b))      towards f * max(b), and at least l * max(b) brighter

f and l are per colour channel; o is the opacity of the type. The factors of the three channels are correlated: a darker
lesion is darker in every channel. Otherwise lesions would have unrealistic hues.

Shapes and factors follow the markings in DiaretDB1: red small dots are round, 0.5-1 % of the field's radius;
haemorrhages are irregular blots, or flames with stripes along the nerve fibres; hard exudates are sharp yellow specks
in clusters or rings; soft exudates (cotton wool spots) are pale, blurred and larger. Inside such markings, the darkest
or brightest 30 % of the pixels have 0.77-0.92 (dark) or 1.06-1.24 (bright) of the green value of the surroundings
(green has the highest contrast). The factors below are for the core of a lesion and therefore stronger.

The mask is a >= 0.5 within the field of view: the lesion's extent at half maximum.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retina_xai.errors import InputError, UsageError

MIN_BRIGHTNESS = 12.0  # a pixel whose brightest channel is below this is outside the field of view
Range = tuple[float, float]
Cover = Callable[[np.ndarray, np.ndarray, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Painter:
    """Appearance of a lesion type: `cover(dx, dy, radius, rng)` is its coverage, `colour` the ranges of f (R, G, B)."""

    cover: Cover
    colour: tuple[Range, Range, Range]
    min_contrast: tuple[float, float, float] | None = None  # l, for bright lesions only
    opacity: float = 1.0
    extent: float = 1.6  # half side of the window that contains the lesion, in radii


@dataclass(frozen=True)
class LesionPatch:
    """One painted lesion: its type and its exact mask (h, w) bool, whose first pixel lies at (left, top)."""

    lesion_type: str
    left: int
    top: int
    mask: np.ndarray

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the photograph that the mask covers."""
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def paint_patch(
    pixels: np.ndarray,
    lesion_type: str,
    centre: tuple[float, float],
    radius: float,
    rng: np.random.Generator,
    contrast: float = 1.0,
) -> LesionPatch:
    """Paint one lesion in place, and return a patch with its mask.

    Args:
        pixels: (H, W, 3) floating RGB, 0-255; changed in place.
        lesion_type: a key of PAINTERS.
        centre: (x, y) in pixels. Outside the field of view, nothing is painted and the mask is empty.
        radius: of the whole lesion (hard exudates: of the cluster), in pixels, above 0.
        rng: for all random choices of shape and colour.
        contrast: factor on the contrast, above 0; 1 is realistic.

    Raises:
        UsageError: unknown lesion type, or radius or contrast not above 0.
        InputError: `pixels` is not a floating (H, W, 3) array.
    """
    painter = _checked(pixels, lesion_type, radius, contrast)
    x, y = centre
    half = painter.extent * radius + 2.0
    (left, right), (top, bottom) = _bounds(x, half, pixels.shape[1]), _bounds(y, half, pixels.shape[0])
    dy, dx = np.mgrid[top:bottom, left:right].astype(np.float32)
    coverage = painter.cover(dx - x, dy - y, radius, rng)
    depth = np.clip(rng.random() + rng.normal(0.0, 0.08, 3), 0.0, 1.0)
    window = pixels[top:bottom, left:right]
    brightest = window.max(axis=2, initial=0.0)
    lit = brightest >= MIN_BRIGHTNESS
    if lit.any():
        background = window[lit].mean(axis=0)
        coverage = coverage * np.clip(2.0 * brightest / background.max() - 0.25, 0.0, 1.0) * lit
        change = _colour_change(painter, window, background, depth, contrast)
        window += (painter.opacity * coverage)[..., None] * change
        np.clip(window, 0.0, 255.0, out=window)
    return LesionPatch(lesion_type, left, top, _extent(coverage, lit))


def _bounds(place: float, half: float, length: int) -> tuple[int, int]:
    """The first pixel, and the one after the last, within `half` of a place on an axis of `length` pixels."""
    first, last = (int(np.clip(edge, 0, length)) for edge in (np.floor(place - half), np.ceil(place + half) + 1))
    return first, last


def _extent(coverage: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """The mask of a lesion at half maximum; for a lesion smaller than a pixel, the pixel with the largest coverage."""
    mask = (coverage >= 0.5) & lit
    if lit.any() and not mask.any():
        mask = (coverage == coverage.max()) & lit & (coverage > 0.1)
    return np.asarray(mask)


def _colour_change(
    painter: Painter, window: np.ndarray, background: np.ndarray, depth: np.ndarray, contrast: float
) -> np.ndarray:
    """The change of the window at full coverage: (h, w, 3), or (3,) for bright lesions."""
    low, high = np.array(painter.colour).T
    factor = low + depth * (high - low)
    if painter.min_contrast is None:
        return np.asarray(np.clip(1.0 - (1.0 - factor) * contrast, 0.1, 1.0) * 0.5 * (window + background) - window)
    level = background.max()
    return np.asarray(contrast * np.maximum(factor * level - background, np.array(painter.min_contrast) * level))


def _soft_step(inside: np.ndarray, softness: float) -> np.ndarray:
    """0 outside, 1 inside, 0.5 at the edge; `inside` is the signed distance to the edge in pixels."""
    step = np.clip(inside / softness + 0.5, 0.0, 1.0)
    return np.asarray(step * step * (3.0 - 2.0 * step), dtype=np.float32)


def _outline(dx: np.ndarray, dy: np.ndarray, roughness: float, rng: np.random.Generator) -> np.ndarray:
    """Relative radius of an irregular outline in every direction: 1 plus five random harmonics."""
    angle = np.arctan2(dy, dx)
    phases = rng.uniform(0.0, 2.0 * np.pi, 5)
    weights = roughness * rng.uniform(0.3, 1.0, 5) / np.array([1.0, 1.5, 2.0, 3.0, 4.0])
    waves = [
        weight * np.cos(order * angle + phase)
        for order, weight, phase in zip(range(2, 7), weights, phases, strict=True)
    ]
    return np.asarray(1.0 + np.sum(waves, axis=0))


def _dot(dx: np.ndarray, dy: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    edge = radius * _outline(dx, dy, 0.12, rng)
    return _soft_step(edge - np.hypot(dx, dy), max(1.0, 0.6 * radius))


def _haemorrhage(dx: np.ndarray, dy: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    return (_flame if rng.random() < 0.35 else _blot)(dx, dy, radius, rng)


def _blot(dx: np.ndarray, dy: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """One to three overlapping irregular lobes."""
    coverage = np.zeros(dx.shape, dtype=np.float32)
    for lobe in range(int(rng.integers(1, 4))):
        size = radius * (0.8 if lobe == 0 else rng.uniform(0.35, 0.6))
        shift = np.zeros(2) if lobe == 0 else rng.uniform(-0.6, 0.6, 2) * radius
        x, y = dx - shift[0], dy - shift[1]
        edge = size * _outline(x, y, 0.2, rng)
        coverage = np.maximum(coverage, _soft_step(edge - np.hypot(x, y), max(1.2, 0.55 * size)))
    return coverage


def _flame(dx: np.ndarray, dy: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """A spindle with stripes along its axis at both ends."""
    angle = rng.uniform(0.0, np.pi)
    along = (dx * np.cos(angle) + dy * np.sin(angle)) / (1.25 * radius)
    across = (dy * np.cos(angle) - dx * np.sin(angle)) / (rng.uniform(0.35, 0.55) * radius)
    stripes = 0.2 * np.cos(rng.uniform(5.0, 9.0) * across + rng.uniform(0.0, 6.0)) * np.abs(along)
    inside = (1.0 - np.hypot(along, across) + stripes) * 0.45 * radius
    return np.asarray(0.9 * _soft_step(inside, max(1.2, 0.35 * radius)))


def _hard_exudates(dx: np.ndarray, dy: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """A cluster or (one in four) a ring of 5 to 18 sharp specks, one of them larger."""
    count = int(rng.integers(5, 19))
    angles = rng.uniform(0.0, 2.0 * np.pi, count)
    ring = rng.random() < 0.25
    distances = radius * (rng.normal(0.75, 0.08, count) if ring else np.abs(rng.normal(0.0, 0.45, count)))
    distances = np.clip(distances, 0.0, radius)
    sizes = radius * rng.uniform(0.08, 0.2, count)
    sizes[0] = radius * rng.uniform(0.2, 0.3)
    stretch = rng.uniform(0.65, 1.0, count)
    coverage = np.zeros(dx.shape, dtype=np.float32)
    for angle, distance, size, flat in zip(angles, distances, sizes, stretch, strict=True):
        x, y = dx - distance * np.cos(angle), dy - distance * np.sin(angle)
        inside = size - np.hypot(x, y / flat)
        coverage = np.maximum(coverage, _soft_step(inside, max(0.9, 0.45 * size)))
    return coverage


def _soft_exudate(dx: np.ndarray, dy: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth maximum with an irregular outline."""
    angle, flat = rng.uniform(0.0, np.pi), rng.uniform(0.6, 1.0)
    x = dx * np.cos(angle) + dy * np.sin(angle)
    y = (dy * np.cos(angle) - dx * np.sin(angle)) / flat
    distance = np.hypot(x, y) / (radius * _outline(x, y, 0.2, rng))
    return np.asarray(1.0 / (1.0 + np.exp((distance - 0.8) / 0.14)), dtype=np.float32)


PAINTERS: dict[str, Painter] = {
    "haemorrhages": Painter(_haemorrhage, ((0.7, 0.92), (0.48, 0.74), (0.5, 0.78)), extent=1.8),
    "hard_exudates": Painter(
        _hard_exudates, ((1.0, 1.25), (0.75, 1.05), (0.3, 0.6)), min_contrast=(0.2, 0.26, 0.12), opacity=0.95
    ),
    "soft_exudates": Painter(
        _soft_exudate, ((1.0, 1.12), (0.66, 0.84), (0.42, 0.6)), min_contrast=(0.07, 0.16, 0.13), opacity=0.85
    ),
    "red_small_dots": Painter(_dot, ((0.74, 0.92), (0.5, 0.72), (0.52, 0.8)), extent=1.5),
}


def _checked(pixels: np.ndarray, lesion_type: str, radius: float, contrast: float) -> Painter:
    if lesion_type not in PAINTERS:
        raise UsageError(f"lesion type {lesion_type!r} is unknown; choose one of {', '.join(PAINTERS)}")
    if not (radius > 0.0 and contrast > 0.0):
        raise UsageError(f"radius {radius} and contrast {contrast} must both be above 0; give positive numbers")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype}; expected floating (height, width, 3): "
            "convert with astype(numpy.float32)"
        )
    return PAINTERS[lesion_type]
