"""Augmentation and class balance of the o_O recipe.

Geometry: one affine map about the centre c moves a point p to

    p' = c + t + R(angle) diag(f s, z) (p - c)
    log s, log z ~ U(-log 1.15, log 1.15)      f = +-1      t ~ U(-40, 40)^2 * size / 512

The uint8 image is resampled once, bilinearly (the original code uses the nearest pixel). Pixels from outside are black.

Colour: the constant U (a * EV), a ~ N(0, sigma)^3, is added to the normalised image, where U are the principal axes of
the colours of EyePACS and EV their standard deviations. If the preprocessing subtracts the local background, a constant
has no effect; then the contrast is multiplied by exp(g + g_c), g ~ N(0, gain), g_c ~ N(0, channel_gain) per channel
(our addition).

Blur and noise (our additions) simulate defocus and sensor noise: on half of the images a Gaussian blur of standard
deviation U(0, blur) pixels, on all images noise of standard deviation U(0, noise) grey levels, equal in all channels.

Balance: grade g is drawn (with replacement) with weight start_g decay^epoch + end_g (1 - decay^epoch). Optionally, a
fixed share of the draws from every data set is referable (our addition).

Source: github.com/sveitser/kaggle_diabetic (data.py, iterator.py), 2015.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from monai.transforms.transform import RandomizableTransform

from retina_xai.fundus.preprocessing import Preprocessing, local_background, shows_retina, within_rim
from retina_xai.grades.photographs import REFERABLE
from retina_xai.training.config import AugmentationSettings, BalanceSettings

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
    """Random map from uint8 pixels (S, S, 3) to a normalised float32 tensor (3, S, S) (see the module docstring).

    To make the result a function of a seed, call MONAI's `set_random_state(seed)` before each call.
    """

    def __init__(self, preprocessing: Preprocessing, settings: AugmentationSettings) -> None:
        super().__init__()
        self.preprocessing, self.settings = preprocessing, settings
        self.warp, self.colour = Warp(0.0, (1.0, 1.0), (0.0, 0.0)), np.zeros(3)
        self.gain, self.blur, self.noise, self.noise_seed = np.ones(3), 0.0, 0.0, 0

    def randomize(self, data: Any = None) -> None:
        """Draw the next `warp`, `colour` constant (3,), `gain` (3,), `blur` and `noise`, in a fixed order."""
        chosen, zoom = self.settings, math.log(self.settings.zoom)
        reach = chosen.translation * self.preprocessing.size / REFERENCE_SIZE
        angle = self.R.uniform(0, chosen.rotation)
        flip = -1.0 if chosen.flips and self.R.uniform() < 0.5 else 1.0
        zoom_x, zoom_y = np.exp(self.R.uniform(-zoom, zoom, 2))
        shift_x, shift_y = self.R.uniform(-reach, reach, 2)
        self.colour = PCA_AXES @ (self.R.normal(0.0, chosen.colour, 3) * PCA_DEVIATIONS)
        self.warp = Warp(angle, (flip * zoom_x, zoom_y), (shift_x, shift_y))
        self.gain = np.exp(self.R.normal(0.0, chosen.gain) + self.R.normal(0.0, chosen.channel_gain, 3))
        self.blur = self.R.uniform(0, chosen.blur) if self.R.uniform() < 0.5 else 0.0
        self.noise, self.noise_seed = self.R.uniform(0, chosen.noise), int(self.R.randint(2**31))

    def __call__(self, data: np.ndarray) -> torch.Tensor:
        """Augment and normalise one image."""
        self.randomize()
        return self.finish(resample(data, self.warp))

    def finish(self, pixels: np.ndarray) -> torch.Tensor:
        """Apply the last drawn blur, noise and colour, and normalise: uint8 (H, W, 3) -> (3, H, W)."""
        pixels = degrade(pixels, self.blur, self.noise, self.noise_seed)
        if not self.preprocessing.background:
            return normalise(pixels, self.preprocessing, self.colour)
        return contrast(pixels, self.preprocessing, self.gain)


def resample(pixels: np.ndarray, warp: Warp) -> np.ndarray:
    """Apply a warp to uint8 (S, S, 3) by one bilinear resampling (positions rounded to 1/32 px); outside is black."""
    size = pixels.shape[0]
    return cv2.warpAffine(pixels, warp.matrix(size), (size, size), flags=cv2.INTER_LINEAR)


def contrast(pixels: np.ndarray, preprocessing: Preprocessing, gain: np.ndarray | float = 1.0) -> torch.Tensor:
    """`Preprocessing.to_tensor` with background, times a gain (3,), of (a rectangle of) a photograph (H, W, 3)."""
    difference = pixels - local_background(pixels, preprocessing.background * preprocessing.size)
    rim = within_rim(pixels).astype(np.float32)
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    scales = np.broadcast_to(gain / np.array(preprocessing.std), 3)
    for channel, (plane, scale) in enumerate(zip(cv2.split(difference), scales, strict=True)):
        cv2.multiply(plane, rim, planes[channel], scale=float(scale))
    return torch.from_numpy(planes)


def normalise(pixels: np.ndarray, preprocessing: Preprocessing, colour: np.ndarray | float = 0.0) -> torch.Tensor:
    """`Preprocessing.to_tensor` without background, plus a colour (3,); uses a lookup table (0.2 ms at 448 px)."""
    values = np.arange(256.0)[:, None]
    table = ((values - np.array(preprocessing.mean)) / np.array(preprocessing.std) + colour).astype(np.float32)
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    for channel, plane in enumerate(cv2.split(pixels)):
        cv2.LUT(plane, np.ascontiguousarray(table[:, channel]), planes[channel])
    return torch.from_numpy(planes)


def degrade(pixels: np.ndarray, blur: float, noise: float, seed: int) -> np.ndarray:
    """Blur (standard deviation in pixels) and add equal noise to all channels (in grey levels); black stays black."""
    result = pixels
    if blur > 0.2:
        result = cv2.GaussianBlur(result, (0, 0), blur)
    if noise > 0.1:
        grain = noise * np.random.default_rng(seed).standard_normal(pixels.shape[:2], np.float32)
        result = cv2.add(result, cv2.merge([np.round(grain).astype(np.int16)] * 3), dtype=cv2.CV_8U)
    if result is pixels:
        return pixels
    lit = shows_retina(pixels).astype(np.uint8)
    return np.asarray(cv2.multiply(np.maximum(result, 1), cv2.merge([lit] * 3)))


def draw_weights(levels: np.ndarray, sources: np.ndarray, balance: BalanceSettings, epoch: int) -> np.ndarray:
    """Probability (N,) of each photograph: the weight of its grade, scaled to `balance.referable` within its source.

    A source without one of the classes keeps the weights of its grades.
    """
    weights = grade_weights(balance, epoch)[levels]
    if balance.referable is not None:
        for source in np.unique(sources):
            here = sources == source
            for side, share in ((levels >= REFERABLE, balance.referable), (levels < REFERABLE, 1 - balance.referable)):
                total = weights[here & side].sum()
                if 0 < total < weights[here].sum():
                    weights[here & side] *= share * here.sum() / total
    return np.asarray(weights / weights.sum())


def grade_weights(balance: BalanceSettings, epoch: int) -> np.ndarray:
    """Resampling weights (5,) of the grades in an epoch."""
    alpha = balance.decay**epoch
    return np.asarray(balance.start) * alpha + np.asarray(balance.end) * (1 - alpha)
