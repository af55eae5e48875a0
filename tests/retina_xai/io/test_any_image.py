"""Properties of reading for pictures of any size, content, mode and orientation."""

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from retina_xai.errors import InputError
from retina_xai.io.images import read_image, write_png

SIDES = st.integers(64, 140)
LOSSLESS = (
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    *(("TIFF", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")),
)
TURNS = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: np.transpose(pixels, (1, 0, 2)),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.transpose(np.rot90(pixels, 2), (1, 0, 2)),
    8: np.rot90,
}
"""Exif orientation: what is done to the stored pixels to display them."""


@st.composite
def pictures(draw, channels=3, dtype=np.uint8):
    """Arrays (H, W, channels), or (H, W) for 0 channels: a few values drawn, the rest from a seeded generator."""
    height, width, seed = draw(SIDES), draw(SIDES), draw(st.integers(0, 2**32 - 1))
    shape = (height, width, channels) if channels else (height, width)
    largest = np.iinfo(dtype).max
    filled = np.random.default_rng(seed).integers(0, largest, shape, dtype=dtype, endpoint=True)
    corner = draw(arrays(dtype, (4, 4, *shape[2:])))
    filled[:4, :4] = corner
    return filled


def read_back(content: bytes):
    """The photograph of these bytes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        path.write_bytes(content)
        return read_image(path)


def stored(image, kind, **options) -> bytes:
    stream = BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


@given(pictures(), st.sampled_from(LOSSLESS))
@settings(max_examples=30, deadline=None)
def test_rgb_of_any_size_comes_back_exactly_from_every_lossless_format(pixels, saved):
    kind, options = saved
    photograph = read_back(stored(Image.fromarray(pixels), kind, **options))
    np.testing.assert_array_equal(photograph.pixels, pixels)
    assert (photograph.metadata["height"], photograph.metadata["width"]) == pixels.shape[:2]


@given(pictures(0), st.sampled_from(LOSSLESS))
@settings(max_examples=30, deadline=None)
def test_grey_of_any_size_comes_back_in_three_channels(pixels, saved):
    kind, options = saved
    np.testing.assert_array_equal(
        read_back(stored(Image.fromarray(pixels), kind, **options)).pixels, np.dstack([pixels] * 3)
    )


@given(pictures(0, np.uint16), st.sampled_from(["PNG", "TIFF"]))
@settings(max_examples=20, deadline=None)
def test_16_bit_grey_is_scaled_by_257(pixels, kind):
    expected = np.rint(pixels / 257).astype(np.uint8)
    np.testing.assert_array_equal(read_back(stored(Image.fromarray(pixels), kind)).pixels, np.dstack([expected] * 3))


@given(pictures(3, np.uint16), st.sampled_from([None, "zlib"]))
@settings(max_examples=20, deadline=None)
def test_16_bit_rgb_tiff_is_scaled_by_257_up_to_one_level(pixels, compression):
    stream = BytesIO()
    tifffile.imwrite(stream, pixels, photometric="rgb", compression=compression)
    found = read_back(stream.getvalue()).pixels
    assert np.abs(found - pixels / 257).max() <= 1


@given(pictures(4), st.sampled_from(["PNG", "TIFF"]))
@settings(max_examples=20, deadline=None)
def test_alpha_of_any_picture_is_composited_on_black(pixels, kind):
    found = read_back(stored(Image.fromarray(pixels), kind)).pixels
    assert np.abs(found - pixels[..., :3] * (pixels[..., 3:] / 255)).max() <= 1


@given(pictures(4))
@settings(max_examples=20, deadline=None)
def test_cmyk_of_any_picture_follows_its_formula(pixels):
    found = read_back(stored(Image.fromarray(pixels, "CMYK"), "TIFF")).pixels
    assert np.abs(found - (255.0 - pixels[..., :3]) * (255.0 - pixels[..., 3:]) / 255).max() <= 1


@given(pictures(), st.sampled_from(sorted(TURNS)), st.sampled_from(["PNG", "TIFF"]))
@settings(max_examples=30, deadline=None)
def test_every_orientation_of_any_size_is_shown_upright(pixels, orientation, kind):
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[274] = orientation
    photograph = read_back(stored(image, kind, exif=exif))
    np.testing.assert_array_equal(photograph.pixels, TURNS[orientation](pixels))
    assert photograph.metadata["orientation"] == orientation


@given(pictures(), st.floats(0, 1, exclude_max=True), st.sampled_from(["PNG", "JPEG", "TIFF", "BMP"]))
@settings(max_examples=60, deadline=None)
def test_a_file_that_ends_anywhere_is_refused(pixels, share, kind):
    content = stored(Image.fromarray(pixels), kind)
    end = {"PNG": 12, "JPEG": 2}.get(kind, 0)  # the mark of the end holds no pixels
    try:
        photograph = read_back(content[: int(share * (len(content) - end))])
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert kind == "TIFF", "only a TIFF may hold something after its pixels"
        np.testing.assert_array_equal(photograph.pixels, pixels)


@given(st.sampled_from([pictures(), pictures(0), pictures(0, np.uint16)]).flatmap(lambda kind: kind))
@settings(max_examples=20, deadline=None)
def test_what_is_written_is_read_back(pixels):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        write_png(path, pixels)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels)
