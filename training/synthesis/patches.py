"""Patches for the first stage: small squares of disease-free photographs, half of them with synthetic lesions.

Lesions cover about a thousandth of a photograph, and a network does not learn to find them from a few thousand whole
photographs with grades. In a patch, a lesion covers a much larger share, the label is certain, and any number of
patches can be drawn. Patches without lesions show similar structures: disc, vessels, reflections, pigment, dust.

For each patch, a warp as in `augment` and a centre inside the field of view are drawn. The patch is cut from the
photograph with a margin, and 1 to 8 lesions are painted before the warp, so that they are interpolated like the
photograph. Distractors (a smooth shade, single bright or dark pixels) are equally frequent with and without lesions. A
patch is positive if it shows at least half of one lesion's mask; the first lesion is placed accordingly.

A patch depends only on the photograph and the seed of its `Draw`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from monai.data.dataset import Dataset

from retina_xai.grades.photographs import REFERABLE
from retina_xai.training.augment import Augment
from retina_xai.training.synthesis.drawn_lesions import (
    RADII,
    Retina,
    find_retina,
    paint_soft,
    random_radius,
    to_uint8,
)
from retina_xai.training.synthesis.dust import dusty
from retina_xai.training.synthesis.lesion_painter import LesionPatch

VALIDATION_PATCHES = 1000
MARGIN = 64  # pixels around the patch, for the local background
DISTRACTORS = 0.3
STRENGTHS = (0.0, 3.0)  # up to three times the real contrast, because training fails with weak lesions only
LESIONS = (1, 8)  # both inclusive


@dataclass(frozen=True)
class Draw:
    """One sample: index of the photograph, seed of all random choices, and whether to draw lesions."""

    index: int
    seed: tuple[int, ...]
    drawn: bool = False


class Patches(Dataset):
    """Patches by `Draw`, or the fixed validation patches by number: pairs of tensor (3, S, S) and grade (0 or 2)."""

    def __init__(self, files: Sequence[Path], size: int, augment: Augment, seed: tuple[int, ...] = ()) -> None:
        super().__init__(list(files))
        self.size, self.augment, self.seed = size, augment, seed

    def __getitem__(self, index: Any) -> tuple[torch.Tensor, int]:
        """The patch of a draw, or the validation patch of this number."""
        draw = index if isinstance(index, Draw) else Draw(index % len(self.data), (*self.seed, index))
        rng = np.random.default_rng(draw.seed)
        self.augment.set_random_state(seed=int(rng.integers(2**31)))
        self.augment.randomize()
        patch = cut_patch(np.load(self.data[draw.index]), self.augment, self.size, rng)
        return patch.tensor, REFERABLE if patch.positive else 0


@dataclass(frozen=True)
class Patch:
    """The network's input (3, S, S), whether it shows a lesion, and the visible share of each drawn lesion."""

    tensor: torch.Tensor
    positive: bool
    shown: tuple[float, ...]


def cut_patch(pixels: np.ndarray, augment: Augment, size: int, rng: np.random.Generator) -> Patch:
    """Cut one patch of `size` pixels from a prepared photograph (S, S, 3) uint8, with the last draw of `augment`."""
    retina = find_retina(pixels)
    matrix = augment.warp.matrix(len(pixels))
    centre = _centre(retina, rng)
    side = size + 2 * MARGIN
    matrix[:, 2] += (side - 1) / 2 - matrix @ [*centre, 1.0]  # moves the centre to the middle of the window
    planes, corner = _surroundings(pixels, centre, 0.75 * size)
    lesions = _paint(planes, corner, retina, (matrix, size), rng) if rng.random() < 0.5 else []
    if rng.random() < DISTRACTORS:
        _add_distractors(planes, rng)
    rows, columns = (slice(start, start + length) for start, length in zip(corner, planes.shape[:2], strict=True))
    painted = pixels.copy()
    painted[rows, columns] = to_uint8(planes, pixels[rows, columns])
    painted = dusty(painted, augment.settings.dust, rng)
    window = cv2.warpAffine(painted, matrix, (side, side), flags=cv2.INTER_LINEAR)
    shown = tuple(_shown(lesion, matrix, size) for lesion in lesions)
    tensor = augment.finish(window)[:, MARGIN : MARGIN + size, MARGIN : MARGIN + size]
    return Patch(tensor.contiguous(), max(shown, default=0.0) >= 0.5, shown)


def _centre(retina: Retina, rng: np.random.Generator) -> np.ndarray:
    """A random point (x, y) inside the field of view."""
    scale = retina.size / len(retina.inside)
    rows, columns = np.nonzero(retina.inside > 0.03 * retina.size)
    if not len(rows):
        return np.full(2, (retina.size - 1) / 2)
    chosen = int(rng.integers(len(rows)))
    return np.array([columns[chosen], rows[chosen]]) * scale + rng.uniform(0.0, scale, 2)


def _surroundings(pixels: np.ndarray, centre: np.ndarray, reach: float) -> tuple[np.ndarray, tuple[int, int]]:
    """A float copy of the square of half side `reach` around (x, y), and the (row, column) of its first pixel."""
    left, top = (max(0, int(value - reach)) for value in centre)
    right, bottom = (int(value + reach) + 1 for value in centre)
    return pixels[top:bottom, left:right].astype(np.float32), (top, left)


def _paint(
    planes: np.ndarray,
    corner: tuple[int, int],
    retina: Retina,
    target: tuple[np.ndarray, int],
    rng: np.random.Generator,
) -> list[LesionPatch]:
    """Paint lesions in the region of the warped patch; masks are in pixels of the photograph."""
    matrix, size = target
    back = cv2.invertAffineTransform(matrix)
    strength, patches = rng.uniform(*STRENGTHS), []
    kinds = list(RADII)
    kind = kinds[int(rng.integers(len(kinds)))]
    for number in range(int(rng.integers(LESIONS[0], LESIONS[1] + 1))):
        kind = kind if rng.random() < 0.6 else kinds[int(rng.integers(len(kinds)))]
        radius = random_radius(kind, retina.size, rng)
        for _ in range(10):
            reach = (size / 2 - 1.3 * radius) if number == 0 else 0.55 * size
            place = (size - 1) / 2 + MARGIN + rng.uniform(-reach, reach, 2)
            x, y = back @ [*place, 1.0]
            if retina.allows(x, y, radius):
                here = (x - corner[1], y - corner[0], radius)
                lesion = paint_soft(planes, kind, here, strength, rng)
                patches.append(LesionPatch(kind, lesion.left + corner[1], lesion.top + corner[0], lesion.mask))
                break
    return patches


def _shown(lesion: LesionPatch, matrix: np.ndarray, size: int) -> float:
    """Share of a lesion's mask that is inside the patch after the warp."""
    rows, columns = np.nonzero(lesion.mask)
    if not len(rows):
        return 0.0
    places = matrix @ np.stack([columns + lesion.left, rows + lesion.top, np.ones(len(rows))])
    return float(((places > MARGIN - 0.5) & (places < MARGIN + size - 0.5)).all(axis=0).mean())


def _add_distractors(planes: np.ndarray, rng: np.random.Generator) -> None:
    """Add distractors in place: a large smooth shade and a few bright or dark pixels."""
    height, width = planes.shape[:2]
    if min(height, width) < 8:
        return
    y, x = np.mgrid[:height, :width].astype(np.float32)
    reach = rng.uniform(0.3, 0.8) * max(height, width)
    gaussian = np.exp(-((x - rng.uniform(0, width)) ** 2 + (y - rng.uniform(0, height)) ** 2) / (2 * reach**2))
    planes *= (1.0 + rng.uniform(-0.15, 0.15) * gaussian)[..., None]
    count = int(rng.integers(0, 8))
    planes[rng.integers(0, height, count), rng.integers(0, width, count)] += rng.normal(0.0, 8.0, (count, 1))
