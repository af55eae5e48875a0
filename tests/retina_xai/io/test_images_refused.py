"""Reading: the error message of an unfit file is one line with the file name and what to do."""

import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.image_files import RGB, RNG, SMOOTH, refusal, save
from PIL import Image

from retina_xai.io.images import read_image


def test_multi_page_tiff_needs_a_frame_and_previews_are_not_pages(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", np.stack([RGB, 255 - RGB]), photometric="rgb")
    assert "has 2 pages and none was chosen" in refusal(tmp_path / "m.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "m.tif", frame=1).pixels, 255 - RGB)
    assert refusal(tmp_path / "m.tif", frame=2) == "has no page 2; choose one from 0 to 1"
    with tifffile.TiffWriter(tmp_path / "p.tif") as writer:
        writer.write(RGB, photometric="rgb")
        writer.write(RGB[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "p.tif").pixels, RGB)


@pytest.mark.parametrize("length", [1, 2])
def test_a_tiff_with_a_circular_list_of_pages_is_refused(tmp_path, length):
    path = tmp_path / "circle.tif"
    tifffile.imwrite(path, np.stack([SMOOTH[..., 0]] * length), photometric="minisblack", metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        first, last = tiff.pages[0].offset, tiff.pages[length - 1].offset
    tags = struct.unpack_from("<H", content, last)[0]
    struct.pack_into("<I", content, last + 2 + 12 * tags, first)
    path.write_bytes(content)
    assert "its list of pages is circular" in refusal(path)


def test_animated_png_is_refused(tmp_path):
    first, second = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    assert refusal(tmp_path / "a.png") == "is an animated PNG; save the wanted picture as a plain PNG"


DISGUISED = {
    "text.jpg": (b"Dear colleague, attached is the photograph.\n" * 40, "is text, not an image"),
    "eps.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(/etc/passwd) (r) file", "is EPS"),
    "dos-eps.png": (b"\xc5\xd0\xd3\xc6" + bytes(40), "is EPS"),
    "svg.png": (b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>', "is SVG or XML"),
    "pdf.png": (b"%PDF-1.7\n", "is PDF"),
    "moving.jpg": (b"GIF89a" + bytes(40), "is GIF"),
    "noise.tif": (b"\0\1\2\3" * 50, "has an unknown format"),
    "scan.dcm": (bytes(128) + b"DICM" + bytes(8), "is a DICOM file, which cannot be read yet"),
}


@pytest.mark.parametrize("name", DISGUISED)
def test_other_formats_are_recognised_by_their_content(tmp_path, name):
    content, expected = DISGUISED[name]
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path / name)
    assert message.startswith(expected)
    assert "export the photograph" in message


def test_zip_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", b"x")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    assert refusal(tmp_path / "a.png").startswith("is zip archive; expected JPEG, PNG, TIFF or BMP")


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("name", ["t.jpg", "progressive.jpg", "t.png", "t.tif", "lzw.tif", "deep.tif", "t.bmp"])
def test_truncated_files_are_refused(tmp_path, name, share):
    path = tmp_path / name
    if name == "deep.tif":
        tifffile.imwrite(path, RGB.astype(np.uint16), photometric="rgb")
    else:
        options = {"progressive.jpg": {"progressive": True}, "lzw.tif": {"compression": "tiff_lzw"}}
        save(path, RGB, **options.get(name, {}))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert refusal(path).startswith("damaged, truncated or unsupported")


def test_every_flipped_bit_of_a_png_is_detected(tmp_path):
    data = bytearray(save(tmp_path / "b.png", RGB).read_bytes())
    path = tmp_path / "flipped.png"
    for position in RNG.choice(np.arange(8, len(data)), 60, replace=False):
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(RNG.integers(8))
        path.write_bytes(flipped)
        assert refusal(path), position


def test_a_png_bomb_uses_no_memory(tmp_path):
    for side in (12_000, 20_000, 60_000):
        header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        pixels = b"IDAT" + zlib.compress(bytes(1_000_000))
        data = b"\x89PNG\r\n\x1a\n"
        for chunk in (header, pixels, b"IEND"):
            data += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        path = tmp_path / f"bomb{side}.png"
        path.write_bytes(data)
        tracemalloc.start()
        message = refusal(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert message.startswith(f"{side}x{side} is too large (at most 100 megapixels and 30000 a side)")
        assert peak < 5_000_000


def test_a_tiff_bomb_is_refused_before_decoding(tmp_path):
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, RGB, photometric="rgb")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["ImageWidth"].overwrite(15_000)
        tiff.pages[0].tags["ImageLength"].overwrite(15_000)
    assert "15000x15000 is too large" in refusal(path)


@pytest.mark.parametrize("side", [1, 8, 63])
def test_tiny_images_are_refused(tmp_path, side):
    for suffix in (".png", ".jpg", ".tif"):
        path = save(tmp_path / f"tiny{suffix}", RGB[:side, :side])
        assert refusal(path).startswith(f"{side}x{side} is too small (each side needs 64 pixels or more)")


def test_missing_empty_folder_and_forbidden(tmp_path, monkeypatch):
    assert refusal(tmp_path / "none.png") == "no such file; check the path"
    assert refusal(tmp_path) == "is a folder; name an image file in it"
    (tmp_path / "empty.png").touch()
    assert refusal(tmp_path / "empty.png") == "is empty (0 bytes); copy it again from its source"
    path = save(tmp_path / "secret.png", RGB)

    def forbidden(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    assert refusal(path) == "cannot be opened (Permission denied); check path and permissions"
