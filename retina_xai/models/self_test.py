"""The self-test of weights: the score of a fixed picture, stored with them and compared on loading.

A checksum protects the stored bits. The self-test also detects finite weights whose activations overflow, and a
computer, library or preprocessing that computes other scores than the one on which the weights were trained.
"""

import numpy as np

TOLERANCE = 0.01
"""Largest accepted difference of the score; devices and versions of torch differ by less than 0.001."""


def self_test_picture(size: int) -> np.ndarray:
    """A fixed picture (size, size, 3) uint8: a reddish disc with arcs, dark dots and bright dots on black.

    It resembles a fundus photograph, so it excites the filters of the network. It is a function of the size alone.

    >>> self_test_picture(96).shape
    (96, 96, 3)
    """
    y, x = np.mgrid[:size, :size] * (2 / (size - 1)) - 1
    radius = np.hypot(x, y)
    shade = 1 - 0.35 * radius**2 + 0.08 * np.sin(11 * x + 7 * y)
    shade -= 0.35 * (np.abs(np.sin(4 * radius + 3 * np.arctan2(y, x))) < 0.06)
    dots = np.sin(23 * x) * np.sin(19 * y)
    shade += 0.5 * (dots > 0.97) - 0.4 * (dots < -0.97)
    pixels = np.clip(shade[..., None] * np.array([180.0, 95.0, 50.0]), 0, 255)
    return np.where(radius[..., None] < 0.97, np.rint(pixels), 0).astype(np.uint8)
