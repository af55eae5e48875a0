"""Specks of dust on the sensor or the lens: dark, round, soft, of no colour of their own. They are no lesions.

A speck takes a share of the light of all channels alike; blood takes green and blue, and little red. Specks lie at
fixed places of a camera, in photographs of every grade. Drawn into samples of both classes, they teach the network to
leave them out. Sizes and depths are those of the specks in DiaretDB1 (radius 1.4 pixels at 448, half of the light), up
to three times as large.
"""

import cv2
import numpy as np

from retina_xai.training.synthesis.drawn_lesions import find_retina, to_uint8

RADII = (0.0022, 0.009)  # of the size, log-uniform
SHARES = (0.12, 0.75)  # of the light that a speck takes
COUNTS = (1, 8)  # both inclusive, log-uniform
EDGES = (0.25, 0.8)  # standard deviation of the soft edge in radii


def dusty(pixels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """`add_dust` in a share of the calls; no number is drawn if the share is 0."""
    return add_dust(pixels, rng) if share and rng.random() < share else pixels


def add_dust(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy of a prepared photograph (S, S, 3) uint8 with specks inside the field of view."""
    retina = find_retina(pixels)
    light = np.ones(pixels.shape[:2], np.float32)
    rows, columns = np.nonzero(retina.inside > 0.02 * retina.size)
    if not len(rows):
        return pixels
    scale = retina.size / len(retina.inside)
    for _ in range(round(float(np.exp(rng.uniform(*np.log(COUNTS)))))):
        place = int(rng.integers(len(rows)))
        x, y = np.array([columns[place], rows[place]]) * scale + rng.uniform(0, scale, 2)
        _add_speck(light, float(x), float(y), rng)
    return to_uint8(pixels * light[..., None], pixels)


def _add_speck(light: np.ndarray, x: float, y: float, rng: np.random.Generator) -> None:
    """Multiply the light around (x, y), in place, by what a speck leaves of it."""
    radius = len(light) * float(np.exp(rng.uniform(*np.log(RADII))))
    edge, stretch, angle = radius * rng.uniform(*EDGES), rng.uniform(1, 1.5), rng.uniform(0, 180)
    half = int(2 * radius + 3 * edge) + 3
    left, top = max(0, int(x) - half), max(0, int(y) - half)
    window = light[top : int(y) + half + 1, left : int(x) + half + 1]
    shift = 4  # bits of the sub-pixel positions
    speck = np.zeros(window.shape, np.float32)
    centre = (round((x - left) * 2**shift), round((y - top) * 2**shift))
    axes = (round(radius * stretch * 2**shift), round(radius / stretch * 2**shift))
    cv2.ellipse(speck, centre, axes, angle, 0, 360, 1.0, -1, cv2.LINE_8, shift)
    window *= 1 - rng.uniform(*SHARES) * cv2.GaussianBlur(speck, (0, 0), max(edge, 0.5))
