"""Synthetic lesions of diabetic retinopathy in disease-free photographs: training samples with certain labels.

Lesions are drawn by `lesion_painter`, with sizes and contrasts of real moderate retinopathy; a plan lists their types.
They lie in the field of view outside the optic disc, most of them in one to three groups, as in real photographs. The
contrast (0.35-1 of the painter's) is drawn per photograph and per lesion. Lesions are blurred, because the painter's
edges are sharper than those of real photographs.

A sample depends only on its seed and the photograph.

The disc is located approximately (our method) at the maximum, within 0.85 of the field's radius, of the difference
between the photograph blurred by 3 % and by 12 % of its size, in the sum of red and green.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from retina_xai.fundus.preprocessing import shows_retina
from retina_xai.training.synthesis.lesion_painter import LesionPatch, paint_patch

Range = tuple[float, float]
DISC_RADIUS = 0.085  # of the size; no lesion lies there
RADII: dict[str, Range] = {  # of the size, log-uniform
    "red_small_dots": (0.0024, 0.0046),
    "haemorrhages": (0.0055, 0.020),
    "hard_exudates": (0.008, 0.035),
    "soft_exudates": (0.014, 0.030),
}
CONTRASTS: dict[str, Range] = {
    "red_small_dots": (0.5, 1.0),
    "haemorrhages": (0.35, 0.9),
    "hard_exudates": (0.4, 1.0),
    "soft_exudates": (0.35, 0.75),
}
SOFTNESS: dict[str, Range] = {  # standard deviation of the blur in radii, in addition to BLUR
    "red_small_dots": (0.0, 0.3),
    "haemorrhages": (0.05, 0.35),
    "hard_exudates": (0.0, 0.04),
    "soft_exudates": (0.1, 0.3),
}
BLUR: Range = (0.3, 0.7)  # standard deviation in pixels, at any size
COUNTS: dict[str, tuple[int, int]] = {  # lesions of a type in a referable photograph with this type, inclusive
    "red_small_dots": (4, 20),
    "haemorrhages": (3, 14),
    "hard_exudates": (2, 10),
    "soft_exudates": (1, 4),
}
SHARES: dict[str, float] = {  # share of the referable photographs with the type
    "red_small_dots": 0.85,
    "haemorrhages": 0.8,
    "hard_exudates": 0.6,
    "soft_exudates": 0.25,
}
MAX_TRIES = 40
COARSE = 112  # side of the grid on which field of view and disc are found


@dataclass(frozen=True)
class Retina:
    """Field of view and disc of a prepared photograph of `size` pixels a side.

    `inside`: distance to the rim in pixels, float32, on a coarse grid; `disc`: x, y.
    """

    size: int
    inside: np.ndarray
    disc: tuple[float, float]

    def allows(self, x: float, y: float, radius: float) -> bool:
        """Whether a lesion at (x, y) is inside the field of view and outside the disc."""
        if not (0 <= x < self.size and 0 <= y < self.size):
            return False
        scale = len(self.inside) / self.size
        row, column = int(y * scale), int(x * scale)
        from_disc = float(np.hypot(x - self.disc[0], y - self.disc[1]))
        return bool(self.inside[row, column] > 1.8 * radius + 2) and from_disc > DISC_RADIUS * self.size + 1.8 * radius


@dataclass(frozen=True)
class Lesions:
    """A photograph with synthetic lesions: `pixels` (S, S, 3) uint8, and a patch with the exact mask of each lesion."""

    pixels: np.ndarray
    patches: tuple[LesionPatch, ...]


def find_retina(pixels: np.ndarray) -> Retina:
    """Find field of view and disc in a prepared photograph (S, S, 3) uint8, black outside (0.5 ms)."""
    size = len(pixels)
    coarse = min(COARSE, size)
    small = cv2.resize(pixels, (coarse, coarse), interpolation=cv2.INTER_AREA)
    lit = np.pad((small.max(axis=2) > 0).astype(np.uint8), 1)
    inside = cv2.distanceTransform(lit, cv2.DIST_L2, 3)[1:-1, 1:-1]
    light = np.dstack([small[..., 0].astype(np.float32) + small[..., 1], lit[1:-1, 1:-1]])
    near, far = (cv2.GaussianBlur(light, (0, 0), share * coarse) for share in (0.03, 0.12))
    excess = near[..., 0] / np.maximum(near[..., 1], 1e-3) - far[..., 0] / np.maximum(far[..., 1], 1e-3)
    excess[inside < 0.15 * inside.max()] = -np.inf
    row, column = np.unravel_index(int(excess.argmax()), excess.shape)
    scale = size / coarse
    return Retina(size, (inside - 1.0) * scale, ((float(column) + 0.5) * scale - 0.5, (float(row) + 0.5) * scale - 0.5))


def referable_plan(rng: np.random.Generator) -> list[str]:
    """Random lesion types of one referable photograph, at least one of them not red small dots; one item per lesion."""
    while True:
        chosen = [kind for kind, share in SHARES.items() if rng.random() < share]
        if set(chosen) - {"red_small_dots"}:
            break
    counts = {kind: int(np.round(np.exp(rng.uniform(*np.log(COUNTS[kind]))))) for kind in chosen}
    return [kind for kind, count in counts.items() for _ in range(count)]


def draw_lesions(pixels: np.ndarray, plan: Sequence[str], rng: np.random.Generator) -> Lesions:
    """Draw lesions into a copy of a prepared photograph (S, S, 3) uint8.

    Args:
        plan: types of the lesions. A lesion for which no place is found is left out.
    """
    retina = find_retina(pixels)
    size, reach = retina.size, 0.47 * retina.size
    groups = [_random_point(size, reach, rng) for _ in range(int(rng.integers(1, 4)))]
    spread = size * rng.uniform(0.05, 0.14)
    strength = rng.uniform(0.0, 1.0)
    planes = pixels.astype(np.float32)
    patches = []
    for kind in plan:
        radius = random_radius(kind, size, rng)
        for _ in range(MAX_TRIES):
            if rng.random() < 0.6:
                x, y = rng.normal(groups[int(rng.integers(len(groups)))], spread)
            else:
                x, y = _random_point(size, reach, rng)
            if retina.allows(x, y, radius):
                patches.append(paint_soft(planes, kind, (float(x), float(y), radius), strength, rng))
                break
    return Lesions(to_uint8(planes, pixels), tuple(patches))


def random_radius(kind: str, size: int, rng: np.random.Generator) -> float:
    """Random radius, in pixels, of a lesion of a type in a photograph of `size` pixels a side."""
    return float(size * np.exp(rng.uniform(*np.log(RADII[kind]))))


def paint_soft(
    planes: np.ndarray, kind: str, place: tuple[float, float, float], strength: float, rng: np.random.Generator
) -> LesionPatch:
    """Paint one slightly blurred lesion at (x, y, radius) into float planes (H, W, 3), in place.

    `strength` in [0, 1] is the position in the type's range of contrasts; above 1, the contrast is higher than in real
    photographs.
    """
    x, y, radius = place
    low, high = CONTRASTS[kind]
    contrast = low + (high - low) * float(max(0.0, strength + rng.normal(0.0, 0.2)))
    softness = rng.uniform(*BLUR) + radius * rng.uniform(*SOFTNESS[kind])
    half = round(2.2 * radius + 3 * softness) + 6
    left, top = max(0, round(x) - half), max(0, round(y) - half)
    window = planes[top : max(0, round(y) + half + 1), left : max(0, round(x) + half + 1)]
    painted = window.copy()
    patch = paint_patch(painted, kind, (x - left, y - top), radius, rng, contrast)
    if window.size:  # the window is empty if the lesion is outside the planes
        window += cv2.GaussianBlur(painted - window, (0, 0), softness)
    return LesionPatch(kind, patch.left + left, patch.top + top, patch.mask)


def to_uint8(planes: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Float planes as uint8; a pixel is black if and only if it is black in `pixels`."""
    whole = np.clip(np.round(planes), 0, 255).astype(np.uint8)
    return np.asarray(cv2.max(whole, np.minimum(pixels, 1)) * shows_retina(pixels)[..., None])


def _random_point(size: int, reach: float, rng: np.random.Generator) -> np.ndarray:
    """A random point (x, y), uniform in the disc of radius `reach` around the centre."""
    distance, angle = reach * np.sqrt(rng.random()), rng.uniform(0.0, 2.0 * np.pi)
    return np.asarray((size - 1) / 2 + distance * np.array([np.cos(angle), np.sin(angle)]))
