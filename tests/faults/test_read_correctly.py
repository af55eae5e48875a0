"""Photographs of unusual but sound files are read correctly, and the results lie on the picture as displayed."""

import json
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.bombs import png_chunk
from helpers.image_files import GREY, RGB, SMOOTH, save
from PIL import Image, ImageOps

from retina_xai.fundus.field_of_view import field_of_view
from retina_xai.io.decoders import ORIENTATIONS
from retina_xai.io.images import read_image
from retina_xai.training.phantoms.phantom import make_phantom

PHANTOM = make_phantom(3, 192, 240, grade=3).pixels


def turned(orientation: int) -> np.ndarray:
    """The pixels to store so that the phantom is displayed under this EXIF orientation."""
    back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    return np.ascontiguousarray(ORIENTATIONS[back](PHANTOM))


def test_the_overlay_lies_on_the_displayed_image_for_every_exif_orientation(call, weights, tmp_path):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        save(tmp_path / f"o{orientation}.png", turned(orientation), exif=exif)
    out = tmp_path / "out"
    code, _, err = call(
        "localize", tmp_path, "--weights", weights, "--method", "saliency", "--ungradable", "--out", out
    )
    assert (code, err) == (0, "")
    evidence, overlay = (np.asarray(Image.open(out / f"o1_{kind}.png")) for kind in ("evidence", "overlay"))
    nothing = evidence == 0
    assert 0.1 < nothing.mean() < 0.95
    assert np.array_equal(overlay[nothing], PHANTOM[nothing])
    for orientation in range(2, 9):
        assert json.loads((out / f"o{orientation}.json").read_text())["file"]["orientation"] == orientation
        assert np.array_equal(np.asarray(Image.open(out / f"o{orientation}_evidence.png")), evidence)
        assert np.array_equal(np.asarray(Image.open(out / f"o{orientation}_overlay.png")), overlay)


def test_16_bit_rgba_palette_and_cmyk_of_one_photograph_get_nearly_one_score(call, weights, tmp_path):
    image = Image.fromarray(PHANTOM)
    image.save(tmp_path / "rgb.png")
    image.convert("RGBA").save(tmp_path / "rgba.png")
    image.convert("CMYK").save(tmp_path / "cmyk.tif", compression="tiff_lzw")
    image.save(tmp_path / "lzw.tif", compression="tiff_lzw")
    image.save(tmp_path / "photo.jpg", quality=98, subsampling=0)
    tifffile.imwrite(tmp_path / "deep.tif", PHANTOM.astype(np.uint16) * 257, photometric="rgb", compression="zlib")
    deep_png(tmp_path / "deep.png", PHANTOM.astype(np.uint16) * 257, 2)
    code, _, err = call("predict", tmp_path, "--weights", weights, "--out", tmp_path / "table.csv")
    assert (code, err) == (0, "")
    scores = [float(line.split(",")[1]) for line in (tmp_path / "table.csv").read_text().splitlines()[1:]]
    assert len(scores) == 7
    assert max(scores) - min(scores) < 0.03


@pytest.mark.parametrize("cut", ["left", "top", "both", "off-centre"])
def test_an_off_centre_or_cut_field_of_view_is_found(cut):
    pixels = make_phantom(3, 400, 480, grade=3).pixels
    whole = field_of_view(pixels)
    left, top = {"left": (90, 0), "top": (0, 60), "both": (90, 60), "off-centre": (-130, -40)}[cut]
    moved = np.zeros((400 + abs(min(top, 0)), 480 + abs(min(left, 0)), 3), np.uint8)
    moved[max(0, -top) :, max(0, -left) :] = pixels
    view = field_of_view(np.ascontiguousarray(moved[max(top, 0) :, max(left, 0) :]))
    assert view.found
    assert abs(view.radius - whole.radius) < 0.03 * whole.radius
    assert abs(view.centre_x - (whole.centre_x - left)) < 0.03 * whole.radius
    assert abs(view.centre_y - (whole.centre_y - top)) < 0.03 * whole.radius


def test_photographs_in_a_read_only_folder_are_read_and_nothing_is_written_there(call, weights, tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    save(folder / "eye.png", PHANTOM)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        code, _, err = call("predict", folder, "--weights", weights, "--out", tmp_path / "table.csv")
        assert (code, err) == (0, "")
        code, _, err = call("localize", folder, "--weights", weights, "--method", "saliency", "--out", tmp_path / "out")
        assert (code, err) == (0, "")
    finally:
        folder.chmod(0o755)
    assert [path.name for path in folder.iterdir()] == ["eye.png"]


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

    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(raw))
        + png_chunk(b"IEND", b"")
    )
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
    alpha = np.random.default_rng(0).integers(0, 256, GREY.shape, dtype=np.uint8)
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


@pytest.mark.parametrize("bits", [8, 16])
def test_the_orientation_of_a_tiff_is_in_the_metadata(tmp_path, bits):
    path = tmp_path / "turned.tif"
    pixels = SMOOTH.astype(f"uint{bits}")
    tifffile.imwrite(path, pixels, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    photograph = read_image(path)
    assert photograph.metadata["orientation"] == 6
    assert photograph.pixels.shape[:2] == SMOOTH.shape[1::-1]
