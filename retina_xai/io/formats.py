"""The registry of image formats. A new format is one reader and one entry here.

A reader maps (path, page) to (pixels, metadata): RGB uint8 (H, W, 3) as displayed, and mode, bits, height, width and
orientation. It must call `decoders.check_size` with the size in the header before it decodes pixels, and raise
InputError for files that it cannot read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retina_xai.io.decoders import Decoded, read_bmp, read_jpeg, read_png
from retina_xai.io.dicom_extra import frames_in_dicom, identity_in_dicom, read_dicom_photograph
from retina_xai.io.identity import Identity
from retina_xai.io.tiff_pages import read_tiff


@dataclass(frozen=True)
class ImageFormat:
    """One format.

    suffixes: in lower case, with the dot. signatures: (bytes, offset); every file has one of them. read: the reader;
    its page is None for the only page. identity: who the photograph is of, for formats that hold it; names of such
    files are replaced by pseudonyms. frames: the number of photographs in a file, where it can be more than one.
    """

    name: str
    suffixes: tuple[str, ...]
    signatures: tuple[tuple[bytes, int], ...]
    read: Callable[[Path, int | None], Decoded]
    identity: Callable[[Path], Identity] | None = None
    frames: Callable[[Path], int] | None = None


FORMATS: dict[str, ImageFormat] = {
    "JPEG": ImageFormat("JPEG", (".jpg", ".jpeg"), ((b"\xff\xd8\xff", 0),), read_jpeg),
    "PNG": ImageFormat("PNG", (".png",), ((b"\x89PNG\r\n\x1a\n", 0),), read_png),
    "TIFF": ImageFormat(
        "TIFF", (".tif", ".tiff"), ((b"II*\0", 0), (b"MM\0*", 0), (b"II+\0", 0), (b"MM\0+", 0)), read_tiff
    ),
    "BMP": ImageFormat("BMP", (".bmp",), ((b"BM", 0),), read_bmp),
    "DICOM": ImageFormat(
        "DICOM", (".dcm", ".dicom"), ((b"DICM", 128),), read_dicom_photograph, identity_in_dicom, frames_in_dicom
    ),
}

REFUSED: tuple[tuple[bytes, int, str], ...] = (
    (b"%PDF", 0, "PDF"),
    (b"%!PS", 0, "EPS"),
    (b"\xc5\xd0\xd3\xc6", 0, "EPS"),
    (b"PK\x03\x04", 0, "zip archive"),
    (b"\x1f\x8b", 0, "gzip archive"),
    (b"GIF8", 0, "GIF"),
    (b"WEBP", 8, "WebP"),
    (b"\0\0\0\x0cjP  ", 0, "JPEG 2000"),
)
"""Signature, offset and name of unsupported formats, recognised for error messages."""


def kind_of(head: bytes) -> str | None:
    """The name of a supported or refused format from the first 1024 bytes of a file; None if no signature matches."""
    known = ((mark, offset, one.name) for one in FORMATS.values() for mark, offset in one.signatures)
    for mark, offset, name in (*known, *REFUSED):
        if head[offset : offset + len(mark)] == mark:
            return name
    return None


def format_names() -> str:
    """Names of the supported formats for messages: "JPEG, PNG or TIFF"."""
    *first, last = FORMATS
    return f"{', '.join(first)} or {last}" if first else last
