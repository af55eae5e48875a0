"""Damages of photographs that hide lesions: blur, motion, darkness, overexposure, a veil, noise. Of a random strength.

Each takes pixels (H, W, 3) uint8 and a generator, and returns pixels of the same shape. Lengths are for photographs
of 1024 pixels and are scaled to others.
"""

from collections.abc import Callable

import cv2
import numpy as np

Damage = Callable[[np.ndarray, np.random.Generator], np.ndarray]
VEIL = np.array([200.0, 170.0, 150.0])
"""Colour of a haze in front of the retina."""


def _scale(pixels: np.ndarray) -> float:
    return float(max(pixels.shape[:2]) / 1024)


def _as_pixels(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values, 0, 255).astype(np.uint8))


def blurred(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Out of focus: Gaussian of 3 to 10 pixels."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(3, 10)) * _scale(pixels)))


def moved(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Motion along a line of 15 to 41 pixels in any direction."""
    length = max(3, round(float(rng.uniform(15, 41)) * _scale(pixels))) | 1
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    centre = (length - 1) / 2
    turned = cv2.warpAffine(line, cv2.getRotationMatrix2D((centre, centre), float(rng.uniform(0, 180)), 1), line.shape)
    return np.asarray(cv2.filter2D(pixels, -1, turned / turned.sum()))


def darkened(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """8 to 30 per cent of the light."""
    return _as_pixels(pixels * rng.uniform(0.08, 0.3))


def overexposed(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """1.8 to 3.5 times the light."""
    return _as_pixels(pixels * rng.uniform(1.8, 3.5))


def veiled(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A haze that takes 40 to 75 per cent."""
    share = rng.uniform(0.4, 0.75)
    return _as_pixels(pixels * (1 - share) + share * VEIL)


def noisy(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of 12 to 50 grey levels."""
    return _as_pixels(pixels + rng.normal(0, rng.uniform(12, 50), pixels.shape))


DAMAGES: dict[str, Damage] = {
    "blur": blurred,
    "motion": moved,
    "dark": darkened,
    "overexposed": overexposed,
    "veil": veiled,
    "noise": noisy,
}
