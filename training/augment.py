"""Augmentation and class balance of the o_O recipe.

Geometry: one affine map about the centre c, content at p goes to

    p' = c + t + R(angle) diag(f s, z) (p - c)
    log s, log z ~ U(-log 1.15, log 1.15)      f = +-1      t ~ U(-40, 40)^2 * size / 512

resampled once, bilinearly, on uint8 (the source resamples the nearest pixel); what comes from outside is black like
the photograph's own surround. Colour: the normalised image gets the constant U (a * EV), a ~ N(0, sigma)^3, along
the principal axes U with standard deviations EV of the colours of EyePACS.

Balance: grade g is drawn (with replacement, as many draws as images) with weight start_g decay^epoch + end_g (1 -
decay^epoch).

Source: github.com/sveitser/kaggle_diabetic (data.py, iterator.py), 2015.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from monai.transforms.transform import RandomizableTransform

from retina_xai.fundus import Preprocessing
from training.config import Augmentation, Balance

PCA_AXES = np.array(
    [
        [-0.56543481, 0.71983482, 0.40240142],
        [-0.5989477, -0.02304967, -0.80036049],
        [-0.56694071, -0.6935729, 0.44423429],
    ]
)
PCA_DEVIATIONS = np.array([1.65513492, 0.48450358, 0.1565086])
REFERENCE_SIZE = 512


@dataclass(frozen=True)
class Warp:
    """An affine map: angle in degrees (counter-clockwise on screen), signed zoom of x and y, shift (x, y) in pixels."""

    angle: float
    zoom: tuple[float, float]
    shift: tuple[float, float]

    def matrix(self, size: int) -> np.ndarray:
        """The forward map of pixel centres as a (2, 3) float64 matrix, for a square of `size` pixels."""
        radians = math.radians(self.angle)
        rotation = np.array([[math.cos(radians), math.sin(radians)], [-math.sin(radians), math.cos(radians)]])
        linear = rotation @ np.diag(self.zoom)
        centre = np.full(2, (size - 1) / 2)
        offset = centre + np.array(self.shift) - linear @ centre
        return np.column_stack([linear, offset])


class Augment(RandomizableTransform):
    """Maps uint8 pixels (S, S, 3) to a normalised float32 tensor (3, S, S), randomly; see the module's head.

    Seed it with MONAI's `set_random_state(seed)` before each call to make the result a function of the seed.
    """

    def __init__(self, preprocessing: Preprocessing, settings: Augmentation) -> None:
        super().__init__()
        self.preprocessing, self.settings = preprocessing, settings
        self.warp, self.colour = Warp(0.0, (1.0, 1.0), (0.0, 0.0)), np.zeros(3)

    def randomize(self, data: Any = None) -> None:
        """Draw the next `warp` and `colour` constant (3,), in a fixed order."""
        chosen, zoom = self.settings, math.log(self.settings.zoom)
        reach = chosen.translation * self.preprocessing.size / REFERENCE_SIZE
        angle = self.R.uniform(0, chosen.rotation)
        flip = -1.0 if chosen.flips and self.R.uniform() < 0.5 else 1.0
        zoom_x, zoom_y = np.exp(self.R.uniform(-zoom, zoom, 2))
        shift_x, shift_y = self.R.uniform(-reach, reach, 2)
        self.colour = PCA_AXES @ (self.R.normal(0.0, chosen.colour, 3) * PCA_DEVIATIONS)
        self.warp = Warp(angle, (flip * zoom_x, zoom_y), (shift_x, shift_y))

    def __call__(self, data: np.ndarray) -> torch.Tensor:
        """Augment and normalise one image."""
        self.randomize()
        return normalise(resample(data, self.warp), self.preprocessing, self.colour)


def resample(pixels: np.ndarray, warp: Warp) -> np.ndarray:
    """Apply a warp to uint8 (S, S, 3) with one bilinear resampling (positions to 1/32 px); outside is black."""
    size = pixels.shape[0]
    return cv2.warpAffine(pixels, warp.matrix(size), (size, size), flags=cv2.INTER_LINEAR)


def normalise(pixels: np.ndarray, preprocessing: Preprocessing, colour: np.ndarray | float = 0.0) -> torch.Tensor:
    """`Preprocessing.to_tensor` plus a colour constant (3,), by table: a uint8 has 256 values (0.2 ms at 448 px)."""
    values = np.arange(256.0)[:, None]
    table = ((values - np.array(preprocessing.mean)) / np.array(preprocessing.std) + colour).astype(np.float32)
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    for channel, plane in enumerate(cv2.split(pixels)):
        cv2.LUT(plane, np.ascontiguousarray(table[:, channel]), planes[channel])
    return torch.from_numpy(planes)


def grade_weights(balance: Balance, epoch: int) -> np.ndarray:
    """Resampling weights (5,) of the grades in an epoch."""
    alpha = balance.decay**epoch
    return np.asarray(balance.start) * alpha + np.asarray(balance.end) * (1 - alpha)
