"""Decoders of JPEG, PNG and BMP, and what all decoders share: from a path to RGB uint8 as displayed.

Size limits are checked on the header, before any pixel is decoded, so a decompression bomb uses no memory. A warning of
a decoder (corrupt or missing data) is an error. Conversions to 8-bit RGB:

    16 bit           round(v / 257); colour PNG: the high byte, at most one level off
    float            [0, 1] times 255, or [0, 255] unchanged (see `to_8_bit`); NaN and infinity are refused
    alpha            composited on black: v * alpha
    grey             the same value in three channels
    CMYK             (255 - C)(255 - K) / 255; inverted in JPEG files with Adobe's APP14 marker
    orientation      applied (Exif 2.3, tag 0x0112)
    colour profiles  not applied: networks are trained on the stored values

Only mode, bits, size and orientation are kept of the metadata, because EXIF may contain a patient's name.

The pixels of a JPEG are decoded by simplejpeg (libjpeg-turbo), because Pillow and OpenCV ignore corrupt data. Both give
the same pixels. JPEG has no checksum: damage that leaves valid Huffman codes, such as most single flipped bits, cannot
be detected. `tiff_pages` reads TIFF.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from retina_xai.errors import InputError
from retina_xai.row_bands import row_bands

MAXIMUM_PIXELS = 100_000_000
MAXIMUM_SIDE = 30_000
MINIMUM_SIDE = 64
MAXIMUM_BYTES = 700_000_000
"""Of a file, and of its decoded samples: `MAXIMUM_PIXELS` of RGB with 16 bits per sample fit."""
DARKEST_WHITE = 16
"""A float photograph whose largest value lies between 1 and this one is neither in [0, 1] nor in [0, 255]."""

Decoded = tuple[np.ndarray, dict[str, Any]]

ORIENTATIONS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}


def check_size(path: Path, height: int, width: int) -> None:
    """Refuse images too large to decode safely or too small to judge.

    Raises:
        InputError: over `MAXIMUM_PIXELS` or `MAXIMUM_SIDE`, or a side under `MINIMUM_SIDE`.
    """
    if height * width > MAXIMUM_PIXELS or max(height, width) > MAXIMUM_SIDE:
        raise InputError(
            f"{path}: {width}x{height} is too large (at most {MAXIMUM_PIXELS // 1_000_000} megapixels "
            f"and {MAXIMUM_SIDE} a side); scale it down"
        )
    if min(height, width) < MINIMUM_SIDE:
        raise InputError(
            f"{path}: {width}x{height} is too small (each side needs {MINIMUM_SIDE} pixels or more); "
            "use the original photograph"
        )


def check_bytes(path: Path, size: int, what: str) -> None:
    """Refuse files, or decoded samples (`what` they are, with a verb), of more than `MAXIMUM_BYTES`.

    Raises:
        InputError: too large.
    """
    if size > MAXIMUM_BYTES:
        raise InputError(
            f"{path}: {what} {size // 1_000_000} MB (at most {MAXIMUM_BYTES // 1_000_000} MB); "
            "save it as RGB with 8 bits per sample"
        )


def open_header(path: Path, kind: str) -> ImageFile.ImageFile:
    """Open a file with Pillow's decoder of this format only; reads the header and checks the size."""
    image = _PILLOW[kind](path)
    try:
        check_size(path, image.height, image.width)
    except InputError:
        image.close()
        raise
    return image


def read_jpeg(path: Path, frame: int | None) -> Decoded:
    """Read a JPEG; `frame` is ignored, because the other pictures of a multi-picture JPEG are previews."""
    with open_header(path, "JPEG") as image:
        mode, adobe, orientation = image.mode, "adobe" in image.info, _orientation(image)
    pixels = simplejpeg.decode_jpeg(path.read_bytes(), _JPEG_COLOURS[mode], strict=True)
    if mode == "L":
        pixels = np.repeat(pixels, 3, axis=2)
    elif mode == "CMYK":
        pixels = _rgb_of(Image.fromarray(255 - pixels if adobe else pixels, "CMYK"))
    return displayed(pixels, orientation, mode, 8)


def read_png(path: Path, frame: int | None) -> Decoded:
    """Read a PNG; `frame` is ignored.

    Raises:
        InputError: an animated PNG.
    """
    with open_header(path, "PNG") as image:
        if getattr(image, "n_frames", 1) > 1:
            raise InputError(f"{path}: is an animated PNG; save the wanted picture as a plain PNG")
        image.verify()  # checks the checksum of every chunk; decoding does not check those of the pixel data
    with path.open("rb") as file:
        bits = file.read(25)[24]
    with open_header(path, "PNG") as image:
        return decoded(path, image, bits)


def read_bmp(path: Path, frame: int | None) -> Decoded:
    """Read a BMP; `frame` is ignored. BMP has no checksums, so only missing pixel data is detected as damage."""
    with open_header(path, "BMP") as image:
        return decoded(path, image, 8)


def to_8_bit(path: Path, samples: np.ndarray, bits: int) -> np.ndarray:
    """Scale samples (H, W) or (H, W, channels) of up to 16 bit, or float, to uint8 without saturation.

    Floats are in [0, 1] if the largest is at most 1, and in [0, 255] if it is at least `DARKEST_WHITE`. Between both
    the range is ambiguous (a photograph in [0, 1] with an overshoot, or an almost black one in [0, 255]).

    Raises:
        InputError: floats that are not finite, not in one of these ranges, or ambiguous.
    """
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == np.uint16:
        largest = 2 ** min(bits, 16) - 1
        scale = _integer_scale(largest)
    else:
        scale = _float_scale(path, float(samples.min()), float(samples.max()))
    values = np.empty(samples.shape, np.uint8)
    for rows in row_bands(*samples.shape[:2]):
        values[rows] = scale(samples[rows])
    return values


def _integer_scale(largest: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda samples: ((samples.astype(np.uint32) * 255 + largest // 2) // largest).astype(np.uint8)


def _float_scale(path: Path, low: float, high: float) -> Callable[[np.ndarray], np.ndarray]:
    """The scale of floats from `low` to `high`; both are NaN if one of the floats is."""
    if not np.isfinite([low, high]).all():
        raise InputError(f"{path}: holds NaN or infinite values; export it again with finite ones")
    if low < 0 or high > 255:
        raise InputError(f"{path}: float values from {low:g} to {high:g}; scale them to 0-1 or 0-255")
    if 1 < high < DARKEST_WHITE:
        raise InputError(
            f"{path}: float values from {low:g} to {high:g}, neither 0-1 nor 0-255; scale them to one of both"
        )
    return lambda samples: np.rint(samples * (255.0 if high <= 1 else 1.0)).astype(np.uint8)


def decoded(path: Path, image: Image.Image, bits: int) -> Decoded:
    """Decode an image that Pillow has opened."""
    image.load()  # this also applies the orientation of a TIFF
    convert = _TO_RGB.get(image.mode)
    if convert is None:
        raise InputError(f"{path}: colour mode {image.mode} cannot be read; save it as RGB")
    pixels = convert(path, image, bits)
    return displayed(pixels, _orientation(image), image.mode, bits)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(274, 1))
    except Exception:  # a damaged EXIF block does not make the picture unreadable
        return 1


def displayed(pixels: np.ndarray, orientation: int, mode: str, bits: int) -> Decoded:
    """Apply the orientation to the stored pixels, and add the metadata."""
    orientation = orientation if orientation in ORIENTATIONS else 1
    shown = np.ascontiguousarray(ORIENTATIONS[orientation](pixels))
    facts = {"mode": mode, "bits": bits, "height": shown.shape[0], "width": shown.shape[1]}
    return shown, {**facts, "orientation": orientation}


def _colour(path: Path, image: Image.Image, bits: int) -> np.ndarray:
    """Convert any 8-bit mode."""
    return _rgb_of(image)


def _rgb_of(image: Image.Image) -> np.ndarray:
    """Pixels (H, W, 3) uint8; alpha, also of a palette or a transparent colour, is composited on black."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for rows in row_bands(image.height, image.width):
        band = image.crop((0, rows.start, image.width, rows.stop))
        if "transparency" in image.info or image.mode in ("LA", "PA", "RGBA"):
            black = Image.new("RGBA", band.size, (0, 0, 0, 255))
            band = Image.alpha_composite(black, band.convert("RGBA"))
        pixels[rows] = np.asarray(band.convert("RGB"))
    return pixels


def _deep_grey(path: Path, image: Image.Image, bits: int) -> np.ndarray:
    """Convert 16-bit or float grey."""
    values = to_8_bit(path, np.asarray(image), bits)
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(262) == 0:
        values = 255 - values
    return np.repeat(values[..., None], 3, axis=2)


_TO_RGB: dict[str, Callable[[Path, Image.Image, int], np.ndarray]] = {
    **dict.fromkeys(("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"), _colour),
    **dict.fromkeys(("I;16", "I;16B", "I;16L", "I;16N", "F"), _deep_grey),
}

_JPEG_COLOURS = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
"""simplejpeg's names by Pillow's mode."""

# Used instead of Image.open, which would warn about large files and detect the format again.
_PILLOW: dict[str, type[ImageFile.ImageFile]] = {
    "BMP": BmpImageFile,
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "TIFF": TiffImageFile,
}
