"""Reading: every supported kind of file becomes RGB uint8."""

import numpy as np
import pytest
import tifffile
from helpers.image_files import GREY, RGB, SMOOTH, refusal, save
from PIL import Image

from retina_xai.errors import InputError, UsageError
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
    with pytest.raises(InputError, match=r"void: no image found; expected files ending in \.bmp, \.dcm, \.dicom, \.jp"):
        find_images([tmp_path / "void"])
