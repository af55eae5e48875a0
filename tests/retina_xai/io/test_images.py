"""Reading: every supported kind of file becomes RGB uint8."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.image_files import GREY, RGB, RNG, SMOOTH, refusal, save
from PIL import Image, ImageOps

from retina_xai.errors import InputError, UsageError
from retina_xai.io.decoders import ORIENTATIONS
from retina_xai.io.files import sha256_of
from retina_xai.io.images import find_images, read_image, write_png


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_lossless_files_are_read_exactly(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", RGB)
    photograph = read_image(path)
    np.testing.assert_array_equal(photograph.pixels, RGB)
    assert photograph.name == path.name
    assert photograph.sha256 == sha256_of(path)
    assert (photograph.metadata["height"], photograph.metadata["width"], photograph.metadata["bits"]) == (80, 96, 8)


def test_jpeg_is_close_and_the_suffix_does_not_count(tmp_path):
    path = tmp_path / "really a jpeg.png"
    Image.fromarray(SMOOTH).save(path, format="JPEG", quality=98)
    photograph = read_image(path)
    assert photograph.metadata["format"] == "JPEG"
    assert np.abs(photograph.pixels.astype(int) - SMOOTH).max() <= 8


def test_names_with_spaces_unicode_and_many_characters(tmp_path):
    for name in ("two words.png", "眼底 – œil.png", "x" * 240 + ".png"):
        assert read_image(save(tmp_path / name, RGB)).name == name


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[274] = orientation
    exif[0x010E] = "Jane Doe, born 1950"
    path = save(tmp_path / f"o{suffix}", SMOOTH, exif=exif, **({"quality": 100} if suffix == ".jpg" else {}))
    # the standard's description of where row 0 and column 0 of the file are on the display
    rows = {1: "top", 2: "top", 3: "bottom", 4: "bottom", 5: "left", 6: "right", 7: "right", 8: "left"}
    columns = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}
    shown = read_image(path).pixels
    side = {"top": shown[0], "bottom": shown[-1], "left": shown[:, 0], "right": shown[:, -1]}

    def same(displayed: np.ndarray, stored: np.ndarray) -> bool:
        return any(np.abs(displayed.astype(int) - s).max() <= 8 for s in (stored, stored[::-1]))

    assert same(side[rows[orientation]], SMOOTH[0])
    assert same(side[columns[orientation]], SMOOTH[:, 0])
    assert "Jane" not in repr(read_image(path).metadata)


def test_16_bit_tiff_orientation_is_applied(tmp_path):
    deep = RGB.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "o.tif", deep, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_array_equal(read_image(tmp_path / "o.tif").pixels, np.rot90(RGB, -1))


def test_orientations_are_the_ones_that_pillow_applies():
    for orientation, turn in ORIENTATIONS.items():
        image = Image.fromarray(RGB)
        image.getexif()[274] = orientation
        np.testing.assert_array_equal(turn(RGB), np.asarray(ImageOps.exif_transpose(image)))


def test_16_bit_grey_png_and_tiff_are_scaled_without_saturation(tmp_path):
    deep = np.linspace(0, 65535, 80 * 96).reshape(80, 96).astype(np.uint16)
    expected = np.rint(deep / 257).astype(np.uint8)
    Image.fromarray(deep).save(tmp_path / "g.png")
    tifffile.imwrite(tmp_path / "g.tif", deep, photometric="minisblack")
    tifffile.imwrite(tmp_path / "w.tif", 65535 - deep, photometric="miniswhite")
    Image.fromarray(deep).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    for name in ("g.png", "g.tif", "w.tif", "lzw.tif"):
        pixels = read_image(tmp_path / name).pixels
        assert np.abs(pixels.astype(int) - expected[..., None]).max() <= (1 if name == "w.tif" else 0), name


@pytest.mark.parametrize("options", [{}, {"planarconfig": "separate"}, {"compression": "zlib"}])
def test_16_bit_rgb_tiff(tmp_path, options):
    deep = RGB.astype(np.uint16) * 257
    stored = np.moveaxis(deep, 2, 0) if "planarconfig" in options else deep
    tifffile.imwrite(tmp_path / "c.tif", stored, photometric="rgb", **options)
    np.testing.assert_array_equal(read_image(tmp_path / "c.tif").pixels, RGB)


def deep_png(path: Path, samples: np.ndarray, colour_type: int) -> Path:
    """A 16-bit colour PNG, which Pillow does not write."""
    height, width = samples.shape[:2]
    rows = samples.astype(">u2").reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    path.write_bytes(png)
    return path


def test_16_bit_colour_png(tmp_path):
    deep = np.stack([np.linspace(0, 65535, 80 * 96).reshape(80, 96)] * 3, axis=2).astype(np.uint16)
    photograph = read_image(deep_png(tmp_path / "c.png", deep, 2))
    assert photograph.metadata["bits"] == 16
    assert np.abs(photograph.pixels - deep / 257).max() <= 1
    alpha = np.dstack([deep, np.full((80, 96), 32768, np.uint16)])
    composited = read_image(deep_png(tmp_path / "a.png", alpha, 6)).pixels
    assert np.abs(composited - deep / 514).max() <= 2


def test_alpha_is_composited_on_black(tmp_path):
    alpha = RNG.integers(0, 256, GREY.shape, dtype=np.uint8)
    expected = RGB * (alpha[..., None] / 255)
    for name in ("a.png", "a.tif"):
        pixels = read_image(save(tmp_path / name, np.dstack([RGB, alpha]))).pixels
        assert np.abs(pixels - expected).max() <= 1
    Image.fromarray(np.dstack([GREY, alpha]), "LA").save(tmp_path / "la.png")
    assert np.abs(read_image(tmp_path / "la.png").pixels - (GREY * (alpha / 255))[..., None]).max() <= 1
    deep = np.dstack([RGB, alpha]).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "d.tif", deep, photometric="rgb", extrasamples=["unassalpha"])
    assert np.abs(read_image(tmp_path / "d.tif").pixels - expected).max() <= 1


def test_palette_and_grey(tmp_path):
    palette = Image.fromarray(RGB).quantize(64)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png").pixels, np.asarray(palette.convert("RGB")))
    transparent = int(np.asarray(palette)[0, 0])
    palette.save(tmp_path / "t.png", transparency=transparent)
    pixels = read_image(tmp_path / "t.png").pixels
    assert (pixels[np.asarray(palette) == transparent] == 0).all()
    for name in ("g.png", "g.tif"):
        np.testing.assert_array_equal(read_image(save(tmp_path / name, GREY)).pixels, np.repeat(GREY[..., None], 3, 2))


def test_cmyk_tiff_and_both_kinds_of_cmyk_jpeg(tmp_path):
    cmyk = np.stack([np.full((80, 96), v, np.uint8) for v in (20, 180, 200, 10)], axis=2)
    expected = [(255 - v) * (255 - 10) / 255 for v in (20, 180, 200)]
    for name in ("c.tif", "adobe.jpg"):
        Image.fromarray(cmyk, "CMYK").save(tmp_path / name)
        assert np.abs(read_image(tmp_path / name).pixels - expected).max() <= 3
    Image.fromarray(255 - cmyk, "CMYK").save(tmp_path / "inverted.jpg")  # now cut out the Adobe marker
    data = (tmp_path / "inverted.jpg").read_bytes()
    start = data.index(b"\xff\xee")
    length = struct.unpack(">H", data[start + 2 : start + 4])[0]
    (tmp_path / "plain.jpg").write_bytes(data[:start] + data[start + 2 + length :])
    assert np.abs(read_image(tmp_path / "plain.jpg").pixels - expected).max() <= 3


def test_float_tiff(tmp_path):
    unit = np.linspace(0, 1, 80 * 96, dtype=np.float32).reshape(80, 96)
    tifffile.imwrite(tmp_path / "unit.tif", unit)
    tifffile.imwrite(tmp_path / "byte.tif", unit * 255)
    for name in ("unit.tif", "byte.tif"):
        np.testing.assert_array_equal(read_image(tmp_path / name).pixels[..., 1], np.rint(unit * 255))
    for bad in (np.nan, np.inf, -np.inf):
        broken = unit.copy()
        broken[3, 4] = bad
        tifffile.imwrite(tmp_path / "bad.tif", broken)
        assert refusal(tmp_path / "bad.tif") == "holds NaN or infinite values; export it again with finite ones"
    tifffile.imwrite(tmp_path / "wide.tif", unit * 4000)
    assert refusal(tmp_path / "wide.tif") == "float values from 0 to 4000; scale them to 0-1 or 0-255"
    tifffile.imwrite(tmp_path / "int.tif", np.full((80, 96), -5, np.int32))
    assert refusal(tmp_path / "int.tif") == "int32 samples cannot be read; save it with 8 or 16 bits per sample"


@pytest.mark.parametrize("bits", [8, 16])
def test_the_orientation_of_a_tiff_is_in_the_metadata(tmp_path, bits):
    path = tmp_path / "turned.tif"
    pixels = SMOOTH.astype(f"uint{bits}")
    tifffile.imwrite(path, pixels, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    photograph = read_image(path)
    assert photograph.metadata["orientation"] == 6
    assert photograph.pixels.shape[:2] == SMOOTH.shape[1::-1]


def test_write_png_round_trip(tmp_path):
    for pixels in (RGB, GREY, GREY.astype(np.uint16) * 200):
        write_png(tmp_path / "sub" / "w.png", pixels)
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "sub" / "w.png")), pixels)
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["w.png"]
    with pytest.raises(UsageError, match=r"expected uint8 \(H, W\)"):
        write_png(tmp_path / "w.png", RGB / 255)
    assert not (tmp_path / "w.png").exists()


def test_find_images(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    names = ["b.png", "A.JPG", "deep/c.tiff", "deep/er/d.jpeg"]
    for name in [*names, "notes.txt", ".hidden.png"]:
        (tmp_path / name).touch()
    expected = sorted(tmp_path / name for name in names)
    assert find_images([tmp_path]) == expected
    odd = tmp_path / "notes.txt"
    assert find_images([odd, tmp_path, odd]) == [odd, *expected]
    with pytest.raises(InputError, match="gone: no such file or folder; check the path"):
        find_images([tmp_path / "gone"])
    (tmp_path / "void").mkdir()
    with pytest.raises(InputError, match=r"void: no image found; expected files ending in \.bmp, \.jpeg, \.jpg"):
        find_images([tmp_path / "void"])
