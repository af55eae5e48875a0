"""Photographs and maps as the browser takes them: JPEG of the highest quality for views, PNG for evidence."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from retina_xai.app.viewer.components.canvas import HeatLayer
from retina_xai.drawing import grey_values, heat_table
from retina_xai.fundus.views import clahe, red_free
from retina_xai.io.images import Photograph

QUALITY = 95
THUMBNAIL_QUALITY = 80
THUMBNAIL_SIZE = (112, 84)
"""Largest width and height in pixels, twice those on the page, for fine screens."""

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


def thumbnail(pixels: np.ndarray) -> bytes:
    """uint8 (H, W) or (H, W, 3) as a small JPEG."""
    stream, picture = io.BytesIO(), Image.fromarray(pixels)
    picture.thumbnail(THUMBNAIL_SIZE)
    picture.save(stream, format="JPEG", quality=THUMBNAIL_QUALITY)
    return stream.getvalue()


def heat_layer(evidence: np.ndarray) -> HeatLayer:
    """Evidence (H, W) in [0, 1] with the colours of its overlay picture."""
    return HeatLayer(png(grey_values(evidence)), heat_table(evidence).tolist())


def first_view(photograph: Photograph) -> dict[str, bytes]:
    """The view that is shown at once."""
    return {"colour": jpeg(photograph.pixels)}


def other_views(photograph: Photograph) -> dict[str, bytes]:
    """The views that take a moment."""
    return {name: jpeg(make(photograph.pixels)) for name, make in VIEWS.items()}
