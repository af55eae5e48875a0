"""Small DICOM files that hold, or say that they hold, what becomes enormous when it is read."""

import io
import struct
import zlib

import numpy as np
import pydicom.uid as uids
from helpers.dicom_files import photograph
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info

PIXELS = np.zeros((64, 80, 3), np.uint8)


def start(syntax: str) -> bytes:
    """Preamble and first group."""
    made = photograph(PIXELS)
    made.file_meta.TransferSyntaxUID = uids.UID(syntax)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    stream = DicomBytesIO()
    write_file_meta_info(stream, made.file_meta)
    return bytes(128) + b"DICM" + stream.getvalue()


def deflated(value: int = 1_200_000_000, before_pixels: bool = True) -> bytes:
    """A deflated data set of one element of so many zeros, in the header or as pixel data of 64 x 80."""
    packer, block = zlib.compressobj(9, wbits=-zlib.MAX_WBITS), bytes(10_000_000)
    held = io.BytesIO()
    head = struct.pack("<HH2sHL", 0x0009, 0x1001, b"OB", 0, value)
    if not before_pixels:
        head = _header() + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, value)
    held.write(packer.compress(head))
    for _ in range(value // len(block)):
        held.write(packer.compress(block))
    held.write(packer.flush())
    return start(uids.DeflatedExplicitVRLittleEndian) + held.getvalue()


def _header() -> bytes:
    made = photograph(PIXELS)
    del made.PixelData
    stream = io.BytesIO()
    made.save_as(stream, implicit_vr=False, little_endian=True)
    return stream.getvalue()


def items(count: int = 2_000_000) -> bytes:
    """A sequence of empty items, each of 8 bytes, in a file."""
    head = struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFF_FFFF)
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0)
    return start(uids.ExplicitVRLittleEndian) + head + item * count


def nested(depth: int = 100_000) -> bytes:
    """Sequences in sequences."""
    one = struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFF_FFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 2**32 - 1)
    return start(uids.ExplicitVRLittleEndian) + one * depth


def long_value() -> bytes:
    """A first group whose value claims 4 GB."""
    return bytes(128) + b"DICM" + struct.pack("<HH2sHL", 2, 1, b"OB", 0, 0xFFFF_FFF0) + bytes(1000)


def with_pixels(**attributes: object) -> bytes:
    """A plain file whose header says something else than its pixel data."""
    made, stream = photograph(PIXELS, **attributes), io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def with_frame(frame: bytes, syntax: str, **attributes: object) -> bytes:
    """A compressed file with this frame."""
    made, stream = photograph(PIXELS, **attributes), io.BytesIO()
    made.file_meta.TransferSyntaxUID = uids.UID(syntax)
    made.PixelData = encapsulate([frame])
    made["PixelData"].is_undefined_length = True
    made.save_as(stream, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return stream.getvalue()


def jpeg_2000(height: int, width: int) -> bytes:
    """The header of a JPEG 2000 codestream of this size, and nothing in it."""
    sizes = struct.pack(">8I", width, height, 0, 0, width, height, 0, 0)
    siz = b"\xff\x51" + struct.pack(">HH", 47, 0) + sizes + struct.pack(">H", 3) + b"\x07\x01\x01" * 3
    cod = b"\xff\x52" + struct.pack(">HBBHBBBBBB", 12, 0, 0, 1, 0, 5, 4, 4, 0, 1)
    qcd = b"\xff\x5c" + struct.pack(">HB", 4, 0x40) + b"\x40"
    return b"\xff\x4f" + siz + cod + qcd + b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 14, 0, 1) + b"\xff\x93\xff\xd9"


def jpeg_lossless(height: int, width: int) -> bytes:
    """The header of a lossless JPEG of this size, and nothing in it."""
    return b"\xff\xd8\xff\xc3" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9) + b"\xff\xd9"


BIG = {"Rows": 10_000, "Columns": 10_000}

DICOM_BOMBS = {
    "a deflated header of 1.2 GB.dcm": deflated,
    "deflated pixels of 1.2 GB.dcm": lambda: deflated(before_pixels=False),
    "2 million items.dcm": items,
    "100,000 sequences in one another.dcm": nested,
    "a first group of 4 GB.dcm": long_value,
    "400 megapixels.dcm": lambda: with_pixels(Rows=20_000, Columns=20_000),
    "a billion frames.dcm": lambda: with_pixels(NumberOfFrames=10**9),
    "JPEG 2000 of 100 megapixels.dcm": lambda: with_frame(jpeg_2000(10_000, 10_000), uids.JPEG2000Lossless, **BIG),
    "JPEG 2000 of 4 gigapixels.dcm": lambda: with_frame(jpeg_2000(65_500, 65_500), uids.JPEG2000Lossless),
    "lossless JPEG of 4 gigapixels.dcm": lambda: with_frame(jpeg_lossless(65_500, 65_500), uids.JPEGLosslessSV1),
    "lossless JPEG of 100 megapixels.dcm": lambda: with_frame(
        jpeg_lossless(10_000, 10_000), uids.JPEGLosslessSV1, **BIG
    ),
    "a deep JPEG-LS of 100 megapixels.dcm": lambda: with_frame(
        jpeg_lossless(10_000, 10_000).replace(b"\xff\xc3", b"\xff\xf7"), uids.JPEGLSLossless, **BIG
    ),
}
"""Content by file name."""
