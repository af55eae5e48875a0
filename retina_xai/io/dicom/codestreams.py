"""The size that the header of a compressed frame says, which a decoder would allocate.

JPEG, JPEG-LS      the frame header: a marker SOF0-SOF15 (ITU-T T.81 B.2.2) or SOF55 (T.87 C.2.2)
JPEG 2000, HTJ2K   the marker SIZ (T.800 A.5.1), directly after SOC
"""

import struct
from typing import NamedTuple

SOI, SOC, SIZ = b"\xff\xd8", b"\xff\x4f", b"\xff\x51"
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a segment."""
FILL = 0xFF


class FrameSize(NamedTuple):
    """Height, width and components of a frame, and bits per sample."""

    height: int
    width: int
    components: int
    bits: int


def frame_size(stream: bytes) -> FrameSize | None:
    """The size in the header of a codestream; None for one of another kind, or without such a header.

    >>> frame_size(b"\\xff\\xd8\\xff\\xc0\\x00\\x11\\x08\\x00\\x40\\x00\\x50\\x03")
    FrameSize(height=64, width=80, components=3, bits=8)
    """
    try:
        if stream[:2] == SOI:
            return _jpeg(stream)
        if stream[:4] == SOC + SIZ:
            return _jpeg_2000(stream)
    except (struct.error, IndexError):
        return None
    return None


def _jpeg(stream: bytes) -> FrameSize | None:
    place = 2
    while stream[place] == 0xFF:
        marker = stream[place + 1]
        if marker in FRAME_MARKERS:
            bits, height, width, components = struct.unpack_from(">BHHB", stream, place + 4)
            return FrameSize(height, width, components, bits)
        if marker == FILL:
            place += 1
        elif marker in BARE_MARKERS:
            place += 2
        else:
            place += 2 + struct.unpack_from(">H", stream, place + 2)[0]
    return None


def _jpeg_2000(stream: bytes) -> FrameSize:
    right, bottom, left, top = struct.unpack_from(">4I", stream, 8)
    components, depth = struct.unpack_from(">HB", stream, 40)
    return FrameSize(bottom - top, right - left, components, (depth & 0x7F) + 1)
