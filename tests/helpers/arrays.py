"""Photographs made from arrays."""

import hashlib

import numpy as np

from retina_xai.io.images import Photograph


def photograph_of(pixels, name):
    """Wrap an RGB array (H, W, 3) uint8; its hash is of the pixels' bytes."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    metadata = {"format": "array", "mode": "RGB", "bits": 8, "height": height, "width": width}
    return Photograph(pixels, name, hashlib.sha256(pixels.tobytes()).hexdigest(), metadata)
