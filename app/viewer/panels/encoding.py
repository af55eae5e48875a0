"""Photographs and maps as the browser takes them: JPEG of highest quality for views, PNG for maps and masks."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from retina_xai.fundus.views import clahe, red_free
from retina_xai.io.images import Photograph

QUALITY = 95
VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"red-free": red_free, "CLAHE": clahe}


def jpeg(pixels: np.ndarray) -> bytes:
    """uint8 (H, W) or (H, W, 3) as JPEG with colours at full resolution: a red small dot is one pixel."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()


def png(pixels: np.ndarray) -> bytes:
    """uint8 (H, W) or (H, W, 3) as PNG, quickly."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()


def grey(evidence: np.ndarray) -> bytes:
    """Evidence (H, W) in [0, 1] as 8-bit PNG, 255 = 1.0."""
    return png(np.rint(evidence * 255).astype(np.uint8))


def first_view(photograph: Photograph) -> dict[str, bytes]:
    """The view that is shown at once."""
    return {"colour": jpeg(photograph.pixels)}


def other_views(photograph: Photograph) -> dict[str, bytes]:
    """The views that take a moment."""
    return {name: jpeg(make(photograph.pixels)) for name, make in VIEWS.items()}
