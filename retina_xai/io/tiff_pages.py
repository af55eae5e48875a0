"""The decoder of TIFF: one page, as RGB uint8. The conversions are those of `decoders`.

`tiff_segments` checks every strip or tile of the page first, because Pillow accepts damaged ones. Samples of more than
8 bit are decoded by tifffile, all others by Pillow.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from retina_xai.errors import InputError
from retina_xai.io.decoders import (
    ORIENTATIONS,
    Decoded,
    check_bytes,
    check_size,
    decoded,
    displayed,
    open_header,
    to_8_bit,
)
from retina_xai.io.tiff_segments import check_segments
from retina_xai.row_bands import row_bands

logging.getLogger("tifffile").addHandler(logging.NullHandler())

MAXIMUM_PAGES = 1000
WHITE_IS_ZERO, GREY, RGB = 0, 1, 2
"""Values of the tag PhotometricInterpretation."""


def read_tiff(path: Path, frame: int | None) -> Decoded:
    """Read page `frame` of a TIFF; None for the only page.

    Raises:
        InputError: no such page, several pages without a choice, an unsupported kind of samples, or damaged samples.
    """
    with tifffile.TiffFile(path) as tiff:
        number = _page_number(path, tiff, frame)
        page: Any = tiff.pages[number]
        _check(path, page)
        check_segments(path, page)
        bits = int(np.max(page.bitspersample))
        deep = page.dtype.itemsize > 1 and int(page.photometric) in (WHITE_IS_ZERO, GREY, RGB)
        result = _by_tifffile(path, page, bits) if deep else None
    if result is None:
        with open_header(path, "TIFF") as image:
            image.seek(number)
            check_size(path, image.height, image.width)
            result = decoded(path, image, bits)
        result[1]["orientation"] = _orientation(page)  # Pillow has applied it and removed the tag
    result[1]["page"] = number
    return result


def _page_number(path: Path, tiff: tifffile.TiffFile, frame: int | None) -> int:
    """The index of the page to read; previews (reduced images) are not counted as pages."""
    pages, seen = [], set()
    for number, page in enumerate(tiff.pages):
        if page.offset in seen:  # tifffile would loop forever
            raise InputError(f"{path}: damaged TIFF file, its list of pages is circular; export it again")
        if number == MAXIMUM_PAGES:
            raise InputError(f"{path}: has more than {MAXIMUM_PAGES} pages; save the wanted one as a separate file")
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


def _check(path: Path, page: Any) -> None:
    """Refuse sizes and kinds of samples that cannot be read, from the header."""
    check_size(path, int(page.imagelength), int(page.imagewidth))
    if (
        page.dtype is None
        or page.dtype.kind not in "buf"
        or (page.dtype.kind != "f" and np.max(page.bitspersample) > 16)
    ):
        raise InputError(f"{path}: {page.dtype} samples cannot be read; save it with 8 or 16 bits per sample")
    if page.imagedepth != 1:
        raise InputError(f"{path}: is a volume of {page.imagedepth} slices; save the wanted one as a separate file")
    if int(page.photometric) == RGB and page.samplesperpixel < 3:
        raise InputError(
            f"{path}: is RGB with {page.samplesperpixel} sample(s) per pixel, expected 3 or 4; export it again"
        )
    samples = int(np.prod(page.chunks, dtype=object) * np.prod(page.chunked, dtype=object))
    check_bytes(path, samples * page.dtype.itemsize, "its samples take")


def _by_tifffile(path: Path, page: Any, bits: int) -> Decoded:
    """Decode 16-bit and float samples, grey or RGB."""
    samples = page.asarray(maxworkers=1)
    if samples.ndim == 3 and page.planarconfig == 2:
        samples = np.moveaxis(samples, 0, -1)
    values = to_8_bit(path, samples, bits)
    del samples
    if int(page.photometric) == WHITE_IS_ZERO:
        np.subtract(255, values, out=values)
    colours = 3 if int(page.photometric) == RGB else 1
    values = values.reshape(*values.shape[:2], -1)
    pixels = np.repeat(values[..., :1], 3, axis=2) if colours == 1 else values[..., :3]
    if 2 in page.extrasamples[:1]:  # unassociated alpha; associated alpha is already composited on black
        for rows in row_bands(*pixels.shape[:2]):
            alpha = values[rows, :, colours : colours + 1] / 255.0
            pixels[rows] = np.rint(pixels[rows] * alpha).astype(np.uint8)
    return displayed(pixels, _orientation(page), page.photometric.name, bits)


def _orientation(page: Any) -> int:
    orientation = int(page.tags[274].value) if 274 in page.tags else 1
    return orientation if orientation in ORIENTATIONS else 1
