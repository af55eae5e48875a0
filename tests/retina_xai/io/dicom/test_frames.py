"""Pixels of DICOM files: transfer syntaxes, colours, bits and frames, against the array that they were made of."""

import numpy as np
import pydicom.uid as uids
import pytest
from helpers.dicom_files import SYNTAXES, content, jpeg, photograph, save_as
from helpers.image_files import refusal
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space

from retina_xai.io.images import read_image
from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(3, 90, 120, grade=3).pixels
DEEP = EYE[..., 1].astype(np.uint16) * 257


def pixels_of(path, made, kind="explicit", **options):
    return read_image(save_as(path, made, kind), **options).pixels


@pytest.mark.parametrize("kind", [kind for kind in SYNTAXES if kind != "JPEG"])
def test_every_lossless_transfer_syntax_gives_the_same_pixels(tmp_path, kind):
    np.testing.assert_array_equal(pixels_of(tmp_path / "eye.dcm", photograph(EYE), kind), EYE)


def test_a_jpeg_in_dicom_is_read_as_the_jpeg_file_is(tmp_path):
    (tmp_path / "eye.jpg").write_bytes(jpeg(EYE))
    found = pixels_of(tmp_path / "eye.dcm", photograph(EYE), "JPEG")
    np.testing.assert_array_equal(found, read_image(tmp_path / "eye.jpg").pixels)
    assert np.abs(found.astype(int) - EYE).mean() < 2


def test_ybr_in_a_plain_file_equals_its_rgb(tmp_path):
    ybr = convert_color_space(EYE, "RGB", "YBR_FULL")
    made = photograph(ybr, PhotometricInterpretation="YBR_FULL")
    assert np.abs(pixels_of(tmp_path / "a.dcm", made).astype(int) - EYE).max() <= 2
    halves = ybr.copy()
    halves[:, 1::2, 1:] = halves[:, ::2, 1:]
    stored = np.stack([*(halves[:, place::2, 0] for place in (0, 1)), halves[:, ::2, 1], halves[:, ::2, 2]], axis=2)
    made = photograph(ybr, PhotometricInterpretation="YBR_FULL_422", PixelData=stored.tobytes())
    expected = convert_color_space(halves, "YBR_FULL", "RGB")
    np.testing.assert_array_equal(pixels_of(tmp_path / "b.dcm", made), expected)


@pytest.mark.parametrize(("photometric", "tolerance"), [("RGB", 0), ("YBR_FULL", 2)])
def test_a_lossless_jpeg_is_stored_as_its_header_says(tmp_path, photometric, tolerance):
    stored = EYE if photometric == "RGB" else convert_color_space(EYE, "RGB", photometric)
    made = photograph(stored, PhotometricInterpretation=photometric)
    found = pixels_of(tmp_path / "eye.dcm", made, "JPEG lossless")
    assert np.abs(found.astype(int) - EYE).max() <= tolerance


def test_planes_are_put_together(tmp_path):
    made = photograph(EYE, PlanarConfiguration=1, PixelData=np.moveaxis(EYE, 2, 0).tobytes())
    np.testing.assert_array_equal(pixels_of(tmp_path / "eye.dcm", made), EYE)


@pytest.mark.parametrize(
    ("photometric", "expected"), [("MONOCHROME2", EYE[..., 1]), ("MONOCHROME1", 255 - EYE[..., 1])]
)
@pytest.mark.parametrize("deep", [False, True])
def test_grey_of_8_and_16_bits_is_read_without_saturation(tmp_path, photometric, expected, deep):
    stored = DEEP if deep else EYE[..., 1]
    found = pixels_of(tmp_path / "eye.dcm", photograph(stored, PhotometricInterpretation=photometric))
    np.testing.assert_array_equal(found, np.repeat(expected[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["RLE", "JPEG 2000", "JPEG-LS"])
def test_compressed_grey_of_16_bits(tmp_path, kind):
    np.testing.assert_array_equal(pixels_of(tmp_path / "eye.dcm", photograph(DEEP), kind)[..., 0], EYE[..., 1])


def test_12_bits_use_the_whole_range_and_the_bits_above_are_ignored(tmp_path):
    stored = np.round(EYE[..., 1] / 255 * 4095).astype(np.uint16) | 0xF000
    made = photograph(stored, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(pixels_of(tmp_path / "eye.dcm", made)[..., 0], EYE[..., 1])


def test_a_palette_is_applied(tmp_path):
    palette = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16)
    tables = dict(zip(("Red", "Green", "Blue"), palette, strict=True))
    described = {f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16] for name in tables}
    held = {f"{name}PaletteColorLookupTableData": (table * 257).tobytes() for name, table in tables.items()}
    index = EYE[..., 1]
    made = photograph(index, PhotometricInterpretation="PALETTE COLOR", **described, **held)
    np.testing.assert_array_equal(pixels_of(tmp_path / "eye.dcm", made), palette.T.astype(np.uint8)[index])
    assert refusal(save_as(tmp_path / "b.dcm", photograph(index, PhotometricInterpretation="PALETTE COLOR"))) == (
        "its palette has no plain tables; export the photograph as RGB"
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_a_frame_is_chosen_by_its_number(tmp_path, compressed):
    frames = [EYE, 255 - EYE, EYE[::-1].copy()]
    made = photograph(EYE, NumberOfFrames=3, SOPClassUID=uids.MultiFrameTrueColorSecondaryCaptureImageStorage)
    path, syntax = tmp_path / "eyes.dcm", uids.ExplicitVRLittleEndian
    made.PixelData = b"".join(frame.tobytes() for frame in frames)
    if compressed:
        syntax, made.PixelData = uids.JPEGBaseline8Bit, encapsulate([jpeg(frame) for frame in frames])
        made.PhotometricInterpretation = "YBR_FULL"
    path.write_bytes(content(made, syntax))
    assert refusal(path) == "has 3 frames and none was chosen; choose one, or save it as a separate file"
    assert refusal(path, frame=3) == "has no frame 3; choose one from 0 to 2"
    for number, frame in enumerate(frames):
        found = read_image(path, frame=number)
        assert np.abs(found.pixels.astype(int) - frame).mean() < (3 if compressed else 1e-9)
        assert found.metadata["frame"] == number


def test_the_frame_of_a_single_photograph_is_0(tmp_path):
    path = save_as(tmp_path / "eye.dcm", photograph(EYE))
    np.testing.assert_array_equal(read_image(path, frame=0).pixels, EYE)
    assert "frame" not in read_image(path).metadata
    assert refusal(path, frame=1) == "has no frame 1; choose one from 0 to 0"
