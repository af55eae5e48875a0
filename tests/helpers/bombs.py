"""Small image files that claim to be enormous, or hold what becomes enormous when it is decoded."""

import io
import struct
import zlib

import numpy as np
from helpers.dicom_bombs import DICOM_BOMBS
from PIL import Image


def png_chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """An RGB PNG with these chunks between header and pixels; there are pixels for 64 x 64 only."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(64 * (1 + 3 * 64))))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + png_chunk(b"IEND", b"")


def tiff(tags: dict[int, tuple[int, int | bytes]], pages: int = 1, tail: bytes = b"") -> bytes:
    """A little-endian TIFF of `pages` equal pages with these tags, {number: (type, value)}; `tail` is at its end."""
    entries = sorted(tags.items())
    size = 2 + 12 * len(entries) + 4
    outside, place = b"", 8 + pages * size
    row = b""
    for number, (kind, value) in entries:
        content = struct.pack("<I", value) if isinstance(value, int) else value
        count = 1 if isinstance(value, int) else len(value) // {3: 2, 4: 4}[kind]
        row += struct.pack("<HHI", number, kind, count)
        row += content.ljust(4, b"\0") if len(content) <= 4 else struct.pack("<I", place + len(outside))
        outside += content if len(content) > 4 else b""
    blocks = [
        struct.pack("<H", len(entries)) + row + struct.pack("<I", 0 if page == pages - 1 else 8 + (page + 1) * size)
        for page in range(pages)
    ]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(blocks) + outside + tail


def header(width: int, height: int, samples: int = 3, **more: tuple[int, int | bytes]) -> dict:
    """Tags of an RGB TIFF in one deflated strip of 1000 bytes at 8; `more` by the name t<number>."""
    tags = {256: (4, width), 257: (4, height), 258: (3, 8), 259: (3, 8), 262: (3, 2), 277: (3, samples)}
    tags |= {273: (4, 8), 278: (4, height), 279: (4, 1000), 284: (3, 1)}
    return tags | {int(name[1:]): value for name, value in more.items()}


def deflated_tiff(samples: int) -> bytes:
    """A grey TIFF of 7,000 x 7,000 pixels of many 16-bit samples; its 1000 strips share their deflated bytes."""
    strip = zlib.compress(bytes(7000 * 7 * samples * 2), 9)
    tags = header(7000, 7000, samples, t278=(4, 7), t262=(3, 1))
    tags |= {258: (3, struct.pack("<H", 16) * samples), 338: (3, bytes(2 * (samples - 1)))}
    start = 8 + 2 + 12 * len(tags) + 4 + 2 * samples + 2 * (samples - 1) + 2 * 4 * 1000
    tags |= {273: (4, struct.pack("<I", start) * 1000), 279: (4, struct.pack("<I", len(strip)) * 1000)}
    return tiff(tags, tail=strip)


def jpeg(width: int, height: int) -> bytes:
    """A sound small JPEG whose header claims another size."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((80, 96, 3), 90, np.uint8)).save(buffer, "JPEG")
    content = bytearray(buffer.getvalue())
    frame = content.index(b"\xff\xc0")
    struct.pack_into(">HH", content, frame + 5, height, width)
    return bytes(content)


def bmp(width: int, height: int, bits: int = 24, colours: int = 0) -> bytes:
    """The header of a BMP, with a few bytes of pixels."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 100_000, 0, 0, 54) + info + bytes(1000)


def many_pages(pages: int) -> bytes:
    """A TIFF of many pages that share one strip."""
    tags = header(64, 64, t259=(3, 1), t279=(4, 64 * 64 * 3))
    return tiff(
        {number: value for number, value in tags.items() if number != 258} | {258: (3, 8)}, pages, bytes(64 * 64 * 3)
    )


BOMBS = {
    "400 megapixels.png": lambda: png(20_000, 20_000),
    "a text chunk of 300 MB.png": lambda: png(
        64, 64, png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 * 10**8), 9))
    ),
    "64 text chunks of 60 MB.png": lambda: png(
        64, 64, *[png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(60_000_000), 9))] * 64
    ),
    "a colour profile of 300 MB.png": lambda: png(
        64, 64, png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(3 * 10**8), 9))
    ),
    "60 samples per pixel.tif": lambda: deflated_tiff(60),
    "a tile of 17 gigapixels.tif": lambda: tiff(
        header(6000, 6000, t322=(4, 131_072), t323=(4, 131_072), t324=(4, 8), t325=(4, 1000))
    ),
    "a strip of 65535 samples.tif": lambda: tiff(header(9000, 9000, 65_535)),
    "a volume.tif": lambda: tiff(header(9000, 9000, t32997=(4, 10_000))),
    "100,000 pages.tif": lambda: many_pages(100_000),
    "4 billion strips.tif": lambda: tiff(header(9000, 9000, t278=(4, 1))).replace(
        struct.pack("<HHI", 273, 4, 1), struct.pack("<HHI", 273, 4, 2**32 - 1)
    ),
    "4 gigapixels.jpg": lambda: jpeg(65_500, 65_500),
    "100 megapixels of nothing.jpg": lambda: jpeg(10_000, 10_000),
    "4 gigapixels.bmp": lambda: bmp(65_536, 65_536),
    "100 megapixels of nothing.bmp": lambda: bmp(10_000, -10_000),
    "a negative width.bmp": lambda: bmp(-10_000, 10_000),
    "2 billion colours.bmp": lambda: bmp(9000, 9000, 8, 2**31),
    **DICOM_BOMBS,
}
"""Content by file name."""
