"""The header of a DICOM file, read within bounds: what comes before the pixel data, of which few attributes are kept.

A file may be hostile. So

- at most `HEADER_BYTES` are read for the header, in at most `HEADER_READS` parts, because an empty item of a sequence
  has 8 bytes in the file and a thousand in memory; attributes that are not in `WANTED` are skipped where possible;
- a deflated file is inflated by this module, first as far as the header may reach, then as far as the header says that
  the pixel data does (PS3.5 A.5; pydicom inflates everything, even if it is to stop before the pixel data);
- pydicom's warnings and log lines, which quote values, are switched off (`quiet_pydicom`).
"""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import config
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from retina_xai.errors import InputError

HEADER_BYTES = 8_000_000
HEADER_READS = 200_000
PREAMBLE = 132
ITEM, DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
MAX_ITEMS = 1_000_000
"""Fragments of compressed pixel data."""
COLOURS = ("Red", "Green", "Blue")
WANTED = (
    *(
        "SpecificCharacterSet",
        "SOPClassUID",
        "SOPInstanceUID",
        "ImageType",
        "BurnedInAnnotation",
        "LossyImageCompression",
    ),
    *("SecondaryCaptureDeviceManufacturer", "DirectoryRecordSequence"),
    *(
        "PatientName",
        "PatientID",
        "IssuerOfPatientID",
        "PatientBirthDate",
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
    ),
    *("AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime"),
    *("Laterality", "ImageLaterality", "PixelSpacing", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation", "PlanarConfiguration", "PhotometricInterpretation"),
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in COLOURS),
    *(f"{colour}PaletteColorLookupTableData" for colour in COLOURS),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
)
"""Keywords of the attributes that are kept."""


def _tags_of(keywords: Sequence[str]) -> list[BaseTag | int]:
    return [tag for keyword in keywords if (tag := tag_for_keyword(keyword)) is not None]


_TAGS = _tags_of(WANTED)
_PIXEL_TAGS = frozenset(map(tag_for_keyword, ("FloatPixelData", "DoubleFloatPixelData", "PixelData")))
_LONG_VRS = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN", "SQ", "UC", "UR", "UT", "SV", "UV"})
_UNDEFINED = 0xFFFF_FFFF


@dataclass(eq=False)
class DicomFile:
    """An open file: the attributes that were asked for, the syntax, and where the value of the pixel data begins.

    start: None without pixel data. length: in bytes; None for encapsulated (compressed) pixel data.
    """

    path: Path
    dataset: Dataset
    syntax: UID
    stream: BinaryIO
    start: int | None = None
    length: int | None = None

    def pixel_stream(self) -> BinaryIO:
        """The stream at the begin of the pixel data; of a deflated file, inflated up to its end and no further.

        Raises:
            InputError: the file ends before the pixel data does.
        """
        start, length = self.start or 0, self.length or 0
        if self.syntax == DeflatedExplicitVRLittleEndian:
            self.stream = BytesIO(_inflated(self.path, start + length))
        if self.stream.seek(0, 2) < start + length or (
            self.length is None and not _items_are_whole(self.stream, start)
        ):
            raise InputError(f"{self.path}: damaged DICOM file, its pixel data is cut off; copy or export it again")
        self.stream.seek(start)
        return self.stream


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Without warnings and log lines of pydicom, which quote values; invalid values are kept as they are."""
    logger, mode = logging.getLogger("pydicom"), config.settings.reading_validation_mode
    disabled, logger.disabled = logger.disabled, True
    config.settings.reading_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.settings.reading_validation_mode = mode
        logger.disabled = disabled


@contextmanager
def open_dicom(path: Path, more: Sequence[str] | None = ()) -> Iterator[DicomFile]:
    """Open a DICOM file (PS3.10, with its preamble) and read its header.

    Args:
        more: keywords of attributes that are kept beside those of `WANTED`; None keeps all attributes.

    Raises:
        InputError: the header is too large, or names no transfer syntax.
        Exception: whatever pydicom raises on a damaged header.
    """
    with quiet_pydicom(), path.open("rb") as file:
        syntax, begin = _syntax(path, file)
        stream: BinaryIO = file
        if syntax == DeflatedExplicitVRLittleEndian:
            stream, begin = BytesIO(_inflated(path, HEADER_BYTES)), 0
        place, metered = _PixelPlace(), _MeteredStream(path, stream, begin)
        dataset = read_dataset(
            metered,  # type: ignore[arg-type]
            syntax == ImplicitVRLittleEndian,
            syntax != ExplicitVRBigEndian,
            stop_when=place.reached,
            specific_tags=None if more is None else [*_TAGS, *_tags_of(more)],
        )
        found = DicomFile(path, dataset, syntax, stream)
        if not place.seen and stream is not file and stream.seek(0, 2) == HEADER_BYTES:
            raise _too_long(path)
        if place.seen:
            found.start = stream.tell() + (12 if place.vr in _LONG_VRS else 8)
            found.length = None if place.length == _UNDEFINED else place.length
        yield found


class _PixelPlace:
    """Stops the reading of a header at its pixel data, and keeps VR (None if implicit) and length of that."""

    def __init__(self) -> None:
        self.seen, self.vr, self.length = False, "", 0

    def reached(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in _PIXEL_TAGS:
            self.seen, self.vr, self.length = True, vr or "", length
        return self.seen


class _MeteredStream:
    """A stream of which at most `HEADER_BYTES` are read in `HEADER_READS` parts; skipping is free."""

    def __init__(self, path: Path, stream: BinaryIO, begin: int) -> None:
        self.path, self.stream, self.bytes, self.reads = path, stream, HEADER_BYTES, HEADER_READS
        self.seek, self.tell = stream.seek, stream.tell
        stream.seek(begin)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.bytes or not self.reads:
            raise _too_long(self.path)
        self.bytes, self.reads = self.bytes - size, self.reads - 1
        return self.stream.read(size)


def _items_are_whole(stream: BinaryIO, start: int) -> bool:
    """Whether every item of encapsulated pixel data lies in the file, and a delimiter follows (PS3.5 A.4).

    pydicom takes the bytes that are there, and asks for the memory of lengths that are not.
    """
    size = stream.seek(0, 2)
    for _ in range(MAX_ITEMS):
        stream.seek(start)
        tag, length = struct.unpack("<4sL", stream.read(8).ljust(8, b"\0"))
        start += 8 + length
        if tag != ITEM or start > size:
            return bool(tag == DELIMITER)
    return False


def _too_long(path: Path) -> InputError:
    return InputError(
        f"{path}: has a DICOM header of more than {HEADER_BYTES // 1_000_000} MB or {HEADER_READS:,} parts; "
        "export the photograph as PNG or TIFF"
    )


def _syntax(path: Path, file: BinaryIO) -> tuple[UID, int]:
    """The transfer syntax, and where the data set begins."""
    metered = _MeteredStream(path, file, PREAMBLE)
    group = read_dataset(metered, False, True, stop_when=lambda tag, _, __: tag >> 16 != 2)  # type: ignore[arg-type]
    syntax = group.get("TransferSyntaxUID")
    if not syntax or not isinstance(syntax, str):
        raise InputError(f"{path}: damaged DICOM file, it names no transfer syntax; copy or export it again")
    return UID(syntax), file.tell()


def _inflated(path: Path, limit: int) -> bytes:
    """The data set of a deflated file, its first `limit` bytes at most."""
    with path.open("rb") as file:
        _, begin = _syntax(path, file)
        file.seek(begin)
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), limit)
