"""Checks of the strips or tiles (segments) of a TIFF page: whether each decodes without a warning to its full size.

Pillow's TIFF decoder (libtiff) writes "incorrect data check" to standard error and accepts the picture. So each segment
is decoded here by a decoder that reports damage, and its length is compared with the header:

    none       length
    PackBits   codes, length
    LZW        codes, length
    deflate    checksum (Adler-32), end of the stream, length
    JPEG       warnings of libjpeg, width and height of each segment

LZW, PackBits and uncompressed samples have no checksum. Damage of them that leaves the length unchanged cannot be
detected.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import simplejpeg

from retina_xai.errors import InputError


class Segment(NamedTuple):
    """The bytes of a strip or tile as stored, its width, height and bytes after decoding, and those of a full one.

    The last strip may be shorter; some programs store it in full.
    """

    stored: bytes
    width: int
    height: int
    size: int
    full_height: int
    full_size: int


def check_segments(path: Path, page: Any) -> None:
    """Check all segments of a page (a `tifffile.TiffPage`).

    Raises:
        InputError: a damaged or missing segment, or a compression that cannot be checked.
    """
    compression = int(page.compression)
    if compression not in COMPRESSIONS:
        raise InputError(
            f"{path}: compression {getattr(page.compression, 'name', compression)} cannot be read; "
            "save it with LZW, deflate or none"
        )
    if page.is_subsampled and compression != JPEG:
        raise InputError(f"{path}: subsampled YCbCr without JPEG cannot be read; save it as RGB")
    is_whole = COMPRESSIONS[compression]
    tables = page.jpegtables or b""
    for number, segment in enumerate(_segments(page)):
        stored = tables[:-2] + segment.stored[2:] if tables else segment.stored
        try:
            whole = is_whole(segment._replace(stored=stored))
        except Exception as error:  # decoders raise anything on damaged data
            raise _damaged(path, page, number) from error
        if not whole:
            raise _damaged(path, page, number)


def _damaged(path: Path, page: Any, number: int) -> InputError:
    what = "tile" if page.is_tiled else "strip"
    return InputError(f"{path}: damaged TIFF file, {what} {number} is corrupt or incomplete; copy or export it again")


def _segments(page: Any) -> Iterator[Segment]:
    """All segments in order; the segments of a plane follow one another."""
    planes, samples = (1, page.samplesperpixel) if page.planarconfig == 1 else (page.samplesperpixel, 1)
    height, width = min(page.rowsperstrip, page.imagelength), page.imagewidth
    if page.is_tiled:
        height, width = page.tilelength, page.tilewidth
    row = math.ceil(width * samples * int(np.max(page.bitspersample)) / 8)
    down, across = math.ceil(page.imagelength / height), math.ceil(page.imagewidth / width)
    present = min(len(page.dataoffsets), len(page.databytecounts))
    file = page.parent.filehandle
    for number in range(planes * down * across):
        used = height if page.is_tiled else min(height, page.imagelength - number % down * height)
        stored = b""
        if number < present:
            offset, count = page.dataoffsets[number], page.databytecounts[number]
            if offset + count <= file.size:
                file.seek(offset)
                stored = file.read(count)
        yield Segment(stored, width, used, used * row, height, height * row)


def _has_length(segment: Segment) -> bool:
    return len(segment.stored) >= segment.size


def _unpacks(segment: Segment) -> bool:
    return _fits(segment, len(imagecodecs.packbits_decode(segment.stored, out=segment.full_size + 1)))


def _lzw_decodes(segment: Segment) -> bool:
    return _fits(segment, len(imagecodecs.lzw_decode(segment.stored, out=segment.full_size + 1)))


def _inflates(segment: Segment) -> bool:
    stream = zlib.decompressobj()
    return _fits(segment, len(stream.decompress(segment.stored, segment.full_size + 1))) and stream.eof


def _fits(segment: Segment, length: int) -> bool:
    return length in (segment.size, segment.full_size)


def _jpeg_decodes(segment: Segment) -> bool:
    height, width, colours, _ = simplejpeg.decode_jpeg_header(segment.stored)
    if height not in (segment.height, segment.full_height) or width != segment.width:
        return False
    asked = {"Gray": "GRAY", "CMYK": "CMYK", "YCCK": "CMYK"}.get(colours, "RGB")
    return bool(simplejpeg.decode_jpeg(segment.stored, asked, strict=True).size)


JPEG = 7

COMPRESSIONS: dict[int, Callable[[Segment], bool]] = {
    1: _has_length,
    5: _lzw_decodes,
    JPEG: _jpeg_decodes,
    8: _inflates,
    32773: _unpacks,
    32946: _inflates,
}
"""Checks by value of the tag Compression."""
