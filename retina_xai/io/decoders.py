"""Decoders of JPEG, PNG, TIFF and BMP: from a path to RGB uint8 as displayed.

Size limits are checked on the header, before any pixel is decoded, so a decompression bomb uses no memory. Conversions
to 8-bit RGB:

    16 bit           round(v / 257); colour PNG and compressed TIFF (by Pillow): the high byte, at most one level off
    float            [0, 1] times 255, or [0, 255] unchanged; NaN and infinity are refused
    alpha            composited on black: v * alpha
    grey             the same value in three channels
    CMYK             (255 - C)(255 - K) / 255; inverted in JPEG files with Adobe's APP14 marker
    orientation      applied (Exif 2.3, tag 0x0112)
    colour profiles  not applied: networks are trained on the stored values

Only mode, bits, size and orientation are kept of the metadata, because EXIF may contain a patient's name. TIFF samples
other than 8 bit are decoded by tifffile, all others, and codecs that tifffile lacks, by Pillow.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from retina_xai.errors import InputError

logging.getLogger("tifffile").addHandler(logging.NullHandler())

MAXIMUM_PIXELS = 100_000_000
MAXIMUM_SIDE = 30_000
MINIMUM_SIDE = 64

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


def _open(path: Path, kind: str) -> ImageFile.ImageFile:
    """Open a file with the decoder of this format only; reads the header and checks the size."""
    image = _PILLOW[kind](path)
    try:
        check_size(path, image.height, image.width)
    except InputError:
        image.close()
        raise
    return image


def read_jpeg(path: Path, frame: int | None) -> Decoded:
    """Read a JPEG; `frame` is ignored, because the other pictures of a multi-picture JPEG are previews."""
    with _open(path, "JPEG") as image:
        return _decoded(path, image, 8)


def read_png(path: Path, frame: int | None) -> Decoded:
    """Read a PNG; `frame` is ignored.

    Raises:
        InputError: an animated PNG.
    """
    with _open(path, "PNG") as image:
        if getattr(image, "n_frames", 1) > 1:
            raise InputError(f"{path}: is an animated PNG; save the wanted picture as a plain PNG")
        image.verify()  # checks the checksum of every chunk; decoding does not check those of the pixel data
    with path.open("rb") as file:
        bits = file.read(25)[24]
    with _open(path, "PNG") as image:
        return _decoded(path, image, bits)


def read_bmp(path: Path, frame: int | None) -> Decoded:
    """Read a BMP; `frame` is ignored. BMP has no checksums, so only missing pixel data is detected as damage."""
    with _open(path, "BMP") as image:
        return _decoded(path, image, 8)


def read_tiff(path: Path, frame: int | None) -> Decoded:
    """Read page `frame` of a TIFF; None for the only page.

    Raises:
        InputError: no such page, several pages without a choice, or an unsupported sample type.
    """
    with tifffile.TiffFile(path) as tiff:
        number = _page_number(path, tiff, frame)
        page: Any = tiff.pages[number]
        check_size(path, int(page.imagelength), int(page.imagewidth))
        bits = int(np.max(page.bitspersample))
        if page.dtype is None or page.dtype.kind not in "buf" or (page.dtype.kind != "f" and bits > 16):
            raise InputError(f"{path}: {page.dtype} samples cannot be read; save it with 8 or 16 bits per sample")
        decoded = _by_tifffile(path, page) if page.dtype.itemsize > 1 else None
    if decoded is None:
        with _open(path, "TIFF") as image:
            image.seek(number)
            check_size(path, image.height, image.width)
            decoded = _decoded(path, image, bits)
        decoded[1]["orientation"] = _tiff_orientation(page)  # Pillow has applied it and removed the tag
    decoded[1]["page"] = number
    return decoded


def _page_number(path: Path, tiff: tifffile.TiffFile, frame: int | None) -> int:
    """The index of the page to read; previews (reduced images) are not counted as pages."""
    pages, seen = [], set()
    for number, page in enumerate(tiff.pages):
        if page.offset in seen:  # tifffile would loop forever
            raise InputError(f"{path}: damaged TIFF file, its list of pages is circular; export it again")
        seen.add(page.offset)
        if not getattr(page, "is_reduced", False):
            pages.append(number)
    if frame is None and len(pages) > 1:
        raise InputError(
            f"{path}: has {len(pages)} pages and none was chosen; choose one, or save it as a separate file"
        )
    if frame is not None and not 0 <= frame < len(pages):
        raise InputError(f"{path}: has no page {frame}; choose one from 0 to {len(pages) - 1}")
    return pages[frame or 0]


def _by_tifffile(path: Path, page: Any) -> Decoded | None:
    """Decode 16-bit and float samples, grey or RGB; None if Pillow is needed (CMYK, palette, missing codecs)."""
    if int(page.photometric) not in (0, 1, 2):
        return None
    try:
        samples = page.asarray()
    except ValueError as error:
        if "imagecodecs" in str(error):
            return None
        raise
    if samples.ndim == 3 and page.planarconfig == 2:
        samples = np.moveaxis(samples, 0, -1)
    values = _to_8_bit(path, samples, int(np.max(page.bitspersample)))
    if int(page.photometric) == 0:
        values = 255 - values
    colours = 3 if int(page.photometric) == 2 else 1
    values = values.reshape(*values.shape[:2], -1)
    pixels = np.repeat(values[..., :1], 3, axis=2) if colours == 1 else values[..., :3]
    if 2 in page.extrasamples[:1]:  # unassociated alpha; associated alpha is already composited on black
        pixels = np.rint(pixels * (values[..., colours : colours + 1] / 255.0)).astype(np.uint8)
    return _displayed(pixels, _tiff_orientation(page), page.photometric.name, int(np.max(page.bitspersample)))


def _tiff_orientation(page: Any) -> int:
    orientation = int(page.tags[274].value) if 274 in page.tags else 1
    return orientation if orientation in ORIENTATIONS else 1


def _to_8_bit(path: Path, samples: np.ndarray, bits: int) -> np.ndarray:
    """Scale samples of up to 16 bit, or float, to uint8 without saturation."""
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == np.uint16:
        largest = 2 ** min(bits, 16) - 1
        scaled: np.ndarray = (samples.astype(np.uint32) * 255 + largest // 2) // largest
        return scaled.astype(np.uint8)
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: holds NaN or infinite values; export it again with finite ones")
    low, high = float(samples.min()), float(samples.max())
    if low < 0 or high > 255:
        raise InputError(f"{path}: float values from {low:g} to {high:g}; scale them to 0-1 or 0-255")
    return np.rint(samples * (255.0 if high <= 1 else 1.0)).astype(np.uint8)


def _decoded(path: Path, image: Image.Image, bits: int) -> Decoded:
    """Decode an image that Pillow has opened."""
    image.load()  # this also applies the orientation of a TIFF
    convert = _TO_RGB.get(image.mode)
    if convert is None:
        raise InputError(f"{path}: colour mode {image.mode} cannot be read; save it as RGB")
    if image.format == "JPEG" and image.mode == "CMYK" and "adobe" not in image.info:
        image = Image.fromarray(255 - np.asarray(image), "CMYK")  # Pillow inverts every CMYK JPEG
    pixels = convert(path, image, bits)
    return _displayed(pixels, _orientation(image), image.mode, bits)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(274, 1))
    except Exception:  # a damaged EXIF block does not make the picture unreadable
        return 1


def _displayed(pixels: np.ndarray, orientation: int, mode: str, bits: int) -> Decoded:
    """Apply the orientation to the stored pixels, and add the metadata."""
    orientation = orientation if orientation in ORIENTATIONS else 1
    shown = np.ascontiguousarray(ORIENTATIONS[orientation](pixels))
    facts = {"mode": mode, "bits": bits, "height": shown.shape[0], "width": shown.shape[1]}
    return shown, {**facts, "orientation": orientation}


def _colour(path: Path, image: Image.Image, bits: int) -> np.ndarray:
    """Convert any 8-bit mode; alpha, also of a palette or a transparent colour, is composited on black."""
    if "transparency" in image.info or image.mode in ("LA", "PA", "RGBA"):
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, rgba)
    return np.array(image.convert("RGB"))


def _deep_grey(path: Path, image: Image.Image, bits: int) -> np.ndarray:
    """Convert 16-bit or float grey that only Pillow can decompress."""
    values = _to_8_bit(path, np.asarray(image), bits)
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(262) == 0:
        values = 255 - values
    return np.repeat(values[..., None], 3, axis=2)


_TO_RGB: dict[str, Callable[[Path, Image.Image, int], np.ndarray]] = {
    **dict.fromkeys(("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"), _colour),
    **dict.fromkeys(("I;16", "I;16B", "I;16L", "I;16N", "F"), _deep_grey),
}

# Used instead of Image.open, which would warn about large files and detect the format again.
_PILLOW: dict[str, type[ImageFile.ImageFile]] = {
    "BMP": BmpImageFile,
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "TIFF": TiffImageFile,
}
