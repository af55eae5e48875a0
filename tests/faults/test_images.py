"""Files that are no photograph, or an unfit one: one line names the file, what is wrong and what to do; exit code 3."""

import re
import struct
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.bombs import header, tiff
from helpers.command_line import command
from helpers.image_files import GREY, RGB, SMOOTH, refusal, save
from PIL import Image

from retina_xai.io.images import read_image
from retina_xai.training.phantoms.phantom import make_phantom

OTHER_FORMATS = {
    "text.jpg": (b"Dear colleague, attached is the photograph.\n" * 40, "is text, not an image"),
    "eps.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(/etc/passwd) (r) file", "is EPS"),
    "dos-eps.png": (b"\xc5\xd0\xd3\xc6" + bytes(40), "is EPS"),
    "svg.png": (b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>', "is SVG or XML"),
    "pdf.png": (b"%PDF-1.7\n", "is PDF"),
    "moving.jpg": (b"GIF89a" + bytes(40), "is GIF"),
    "noise.tif": (b"\0\1\2\3" * 50, "has an unknown format"),
    "scan.dcm": (bytes(128) + b"DICM" + bytes(8), "damaged DICOM file, it names no transfer syntax"),
}
"""Content and message by file name."""


def float_tiff(path, values):
    tifffile.imwrite(path, np.resize(np.asarray(values, np.float32), (80, 96, 3)), photometric="rgb")


def deep_tiff(path, samples, bits):
    """An RGB TIFF of 16 bits or 32-bit floats with too few samples, which tifffile does not write."""
    tags = header(80, 96, samples, t258=(3, struct.pack("<H", bits) * samples) if samples > 1 else (3, bits))
    pixels = bytes(range(256)) * (80 * 96 * samples * bits // 8 // 256)
    tags |= {259: (3, 1), 279: (4, len(pixels)), 339: (3, 3 if bits == 32 else 1)}
    tags[273] = (4, len(tiff(tags)))
    path.write_bytes(tiff(tags, tail=pixels))


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"x")


UNREADABLE = {
    **{name: (partial(Path.write_bytes, data=data), said) for name, (data, said) in OTHER_FORMATS.items()},
    "empty.png": (Path.touch, "is empty (0 bytes); copy it again"),
    "archive.png": (zipped, "is zip archive; expected"),
    "pages.tif": (
        lambda path: tifffile.imwrite(path, np.stack([RGB, RGB]), photometric="rgb"),
        "has 2 pages and none was chosen; choose one, or save it",
    ),
    "1 pixel.png": (lambda path: save(path, RGB[:1, :1]), "1x1 is too small (each side needs 64 pixels or more)"),
    "8 pixels.png": (lambda path: save(path, RGB[:8, :8]), "8x8 is too small"),
    "nan.tif": (lambda path: float_tiff(path, [0, 0.5, np.nan]), "holds NaN or infinite values; export it again"),
    "infinite.tif": (lambda path: float_tiff(path, [0, 0.5, np.inf]), "holds NaN or infinite values; export it again"),
    "overshoot.tif": (
        lambda path: float_tiff(path, [0, 0.5, 1.003]),
        "float values from 0 to 1.003, neither 0-1 nor 0-255; scale them to one of both",
    ),
    **{
        f"{samples} of {bits} bits.tif": (
            partial(deep_tiff, samples=samples, bits=bits),
            f"is RGB with {samples} sample(s) per pixel, expected 3 or 4; export it again",
        )
        for samples in (1, 2)
        for bits in (16, 32)
    },
    "fax.tif": (
        lambda path: Image.fromarray(GREY > 99).save(path, compression="group4"),
        "compression CCITTFAX4 cannot be read; save it with LZW, deflate or none",
    ),
}
"""What makes the file, and what the message says, by file name."""


@pytest.fixture
def call(monkeypatch, capfd):
    return command(monkeypatch, capfd)


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_is_one_line_and_exit_code_3(call, weights, tmp_path, name):
    make, expected = UNREADABLE[name]
    make(tmp_path / name)
    code, out, err = call("predict", tmp_path / name, "--weights", weights, "--out", tmp_path / "table.csv")
    assert code == 3
    shown = rf"dicom-\w+: {expected}" if name.endswith(".dcm") else re.escape(f"{tmp_path / name}: {expected}")
    assert re.match(f"error: {shown}", err)
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    assert (tmp_path / "table.csv").read_text().count("\n") == 1, "the head of the table only"


def test_a_batch_with_every_unreadable_file_goes_on_and_lists_them(call, weights, tmp_path):
    for name, (make, _) in UNREADABLE.items():
        make(tmp_path / name)
    (tmp_path / "scan.dcm").rename(tmp_path / "scan.png")  # a file in a folder is found by its suffix
    save(tmp_path / "zz good.png", make_phantom(1, 192, 240).pixels)
    code, out, err = call("predict", tmp_path, "--weights", weights, "--out", tmp_path / "table.csv")
    assert code == 5
    assert err.startswith(f"error: {len(UNREADABLE)} of {len(UNREADABLE) + 1} photographs failed (1 of 16 bits.tif, ")
    assert out.count(": failed: ") == len(UNREADABLE)
    rows = (tmp_path / "table.csv").read_text().splitlines()
    assert len(rows) == 2
    assert rows[1].startswith(f"{tmp_path / 'zz good.png'},0.")


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
    assert refusal(tmp_path / "none.png") == "no such file or folder; check the path"
    assert refusal(tmp_path) == "is a folder; name an image file in it"
    (tmp_path / "empty.png").touch()
    assert refusal(tmp_path / "empty.png") == "is empty (0 bytes); copy it again from its source"
    path = save(tmp_path / "secret.png", RGB)

    def forbidden(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    assert refusal(path) == "cannot be opened (Permission denied); check path and permissions"
