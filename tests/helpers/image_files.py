"""Image files for tests, and the error messages of reading them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retina_xai.errors import InputError
from retina_xai.io.images import read_image

SMOOTH = np.linspace(0, 255, 80 * 96 * 3).reshape(80, 96, 3).astype(np.uint8)
RGB = np.random.default_rng(0).integers(0, 256, (80, 96, 3), dtype=np.uint8)
GREY = RGB[..., 0]


def save(path: Path, pixels: np.ndarray, **options) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def refusal(path: Path, **options) -> str:
    """The error message of reading this file."""
    with pytest.raises(InputError) as caught:
        read_image(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")
