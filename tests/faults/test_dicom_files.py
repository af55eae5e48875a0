"""DICOM files that are hostile, damaged or no photograph: one line each, and no growth of memory."""

import random

import imagecodecs
import numpy as np
import pydicom.uid as uids
import pytest
from helpers.command_line import command
from helpers.dicom_bombs import PIXELS, jpeg_2000, start, with_frame, with_pixels
from helpers.dicom_files import COMPRESSED, SYNTAXES, content, content_as, encapsulated, jpeg, photograph
from helpers.image_files import refusal
from pydicom.pixels.decoders.base import Decoder

from retina_xai.errors import InputError
from retina_xai.io.images import read_image
from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(3, 90, 120, grade=3).pixels
CUT = "damaged DICOM file, its pixel data is cut off; copy or export it again"

UNREADABLE = {
    "140 bytes": (lambda: bytes(128) + b"DICM" + bytes(8), "damaged DICOM file, it names no transfer syntax"),
    "first group only": (lambda: start(uids.ExplicitVRLittleEndian), "is a DICOM file without a class, expected a"),
    "no pixel data": (lambda: with_pixels(PixelData=None), "is a DICOM file without pixel data; export the"),
    "pixel data of no bytes": (lambda: with_pixels(PixelData=b""), "its header says 80x64, which is 15360 bytes"),
    "more rows than there are": (lambda: with_pixels(Rows=100), "its header says 80x100, which is 24000 bytes of"),
    "fewer rows than there are": (lambda: with_pixels(Rows=63 + 2), "its header says 80x65, which is 15600 bytes of"),
    "a JPEG of another size": (
        lambda: with_frame(jpeg(EYE), uids.JPEGBaseline8Bit),
        "its header says 80x64 with 3 sample(s) per pixel, but the frame in it is 120x90 with 3; copy or export it",
    ),
    "a grey JPEG in colour": (
        lambda: with_frame(jpeg(PIXELS[..., 0]), uids.JPEGBaseline8Bit),
        "its header says 80x64 with 3 sample(s) per pixel, but the frame in it is 80x64 with 1; copy or export it",
    ),
    "a PNG as JPEG": (
        lambda: with_frame(b"\x89PNG\r\n\x1a\n" + bytes(80), uids.JPEGBaseline8Bit),
        "damaged DICOM file, frame 0 is no whole JPEG Baseline (Process 1); export it again",
    ),
    "a JPEG without its end": (
        lambda: with_frame(jpeg(PIXELS)[:-2], uids.JPEGBaseline8Bit),
        "damaged DICOM file, frame 0 is no whole JPEG Baseline (Process 1); export it again",
    ),
    "JPEG 2000 without data": (
        lambda: with_frame(jpeg_2000(64, 80), uids.JPEG2000Lossless),
        "damaged, truncated or unsupported DICOM file; copy or export it again",
    ),
    "a film": (
        lambda: with_frame(b"film", uids.MPEG4HP41),
        "transfer syntax MPEG-4 AVC/H.264 High Profile / Level 4.1 cannot be read; export the photograph as PNG",
    ),
    "an unknown syntax": (
        lambda: with_frame(b"frame", "1.2.840.999"),
        "transfer syntax 1.2.840.999 cannot be read; export the photograph as PNG or TIFF",
    ),
    "frames without a choice": (
        lambda: with_pixels(NumberOfFrames=2),
        "has 2 frames and none was chosen; choose one, or save it as a separate file",
    ),
    "8 pixels": (lambda: with_pixels(Rows=8, Columns=8), "8x8 is too small (each side needs 64 pixels or more)"),
    "no size": (lambda: with_pixels(Rows=None), "80x0 is too small"),
    "1 bit": (
        lambda: with_pixels(BitsAllocated=1, BitsStored=1),
        "1 of 1 bits per sample cannot be read, expected 8 or 16; export it again",
    ),
    "signed": (lambda: with_pixels(PixelRepresentation=1), "signed samples cannot be read; export the photograph"),
    "partial YBR": (
        lambda: with_pixels(PhotometricInterpretation="YBR_PARTIAL_420"),
        "colours of the kind YBR_PARTIAL_420 cannot be read; export the photograph as RGB",
    ),
    "RGB of one sample": (
        lambda: with_pixels(SamplesPerPixel=1),
        "is RGB with 1 sample(s) per pixel, expected 3; export it again",
    ),
    "a report": (
        lambda: with_pixels(SOPClassUID=uids.EncapsulatedPDFStorage),
        "is a DICOM file of the class Encapsulated PDF Storage, expected a photograph",
    ),
}
"""What makes the file, and how the message begins, by name."""


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_is_one_line(tmp_path, name):
    make, said = UNREADABLE[name]
    path = tmp_path / f"{name}.dcm"
    path.write_bytes(make())
    assert refusal(path).startswith(said)


def test_a_command_ends_with_exit_code_3_and_goes_on_in_a_batch(tmp_path, weights, monkeypatch, capfd):
    call, out = command(monkeypatch, capfd), tmp_path / "table.csv"
    for name, (make, _) in UNREADABLE.items():
        (tmp_path / f"{name}.dcm").write_bytes(make())
    (tmp_path / "zz.dcm").write_bytes(content_as(photograph(make_phantom(1, 192, 240).pixels), "explicit"))
    code, _, err = call("predict", tmp_path / "140 bytes.dcm", "--weights", weights, "--out", out)
    assert (code, err.count("\n")) == (3, 1)
    assert "names no transfer syntax" in err
    left_out = {"a report", "first group only"}
    code, said, err = call("predict", tmp_path, "--weights", weights, "--out", out)
    assert code == 5
    assert f"{len(UNREADABLE) - len(left_out)} of {len(UNREADABLE) + 1 - len(left_out)} photographs failed" in err
    assert "Traceback" not in said + err
    assert len(out.read_text().splitlines()) == 2


@pytest.mark.parametrize("kind", SYNTAXES)
def test_a_file_cut_anywhere_is_refused(tmp_path, kind):
    path, whole = tmp_path / "eye.dcm", content_as(photograph(EYE), kind)
    for length in (140, len(whole) // 3, len(whole) // 2, len(whole) - 300, len(whole) - 20, len(whole) - 5):
        path.write_bytes(whole[:length])
        said = refusal(path)
        assert length < len(whole) // 2 or said == CUT


@pytest.mark.parametrize("kind", ["JPEG", "JPEG lossless", "JPEG-LS"])
def test_damage_in_a_compressed_frame_is_noticed(tmp_path, kind):
    path, whole, noticed, seed = tmp_path / "eye.dcm", content_as(photograph(EYE), kind), 0, random.Random(0)
    for _ in range(20):
        place = seed.randrange(len(whole) // 2, len(whole) - 400)
        path.write_bytes(whole[:place] + seed.randbytes(200) + whole[place + 200 :])
        try:
            read_image(path)
        except InputError:
            noticed += 1
    assert noticed >= 16


def test_the_decoder_under_the_gpl_is_named_where_it_is_needed(tmp_path, monkeypatch):
    deep = (EYE[..., 1].astype(np.uint16) << 4) + 7
    made = photograph(deep, BitsStored=12, HighBit=11)
    stream = imagecodecs.jpeg8_encode(deep, lossless=True, predictor=1, bitspersample=12)
    path = tmp_path / "eye.dcm"
    path.write_bytes(content(encapsulated(made, stream), uids.JPEGLosslessSV1))
    np.testing.assert_array_equal(read_image(path).pixels[..., 0], np.rint(deep * (255 / 4095)).astype(np.uint8))
    monkeypatch.setattr(Decoder, "available_plugins", property(lambda _: ("pillow",)))
    assert "needs a plugin that is not installed (pylibjpeg" in refusal(path)
    assert refusal(path).endswith("pip install 'retina-xai[dicom-gpl]'")


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_missing_plugin_is_named(tmp_path, monkeypatch, kind):
    path = tmp_path / "eye.dcm"
    path.write_bytes(content_as(photograph(EYE), kind))
    needed = {"RLE": "pylibjpeg", "JPEG": "", "JPEG lossless": ""}.get(kind, "pylibjpeg")
    monkeypatch.setattr(Decoder, "available_plugins", property(lambda _: ("pillow",)))
    monkeypatch.setattr(Decoder, "missing_dependencies", property(lambda _: ["gdcm", f"{needed} - requires {needed}"]))
    if not needed:  # decoded without a plugin
        assert np.abs(read_image(path).pixels.astype(int) - EYE).mean() < 2
        return
    syntax = uids.UID(COMPRESSED[kind][0]).name
    assert refusal(path) == (
        f"transfer syntax {syntax} needs a plugin that is not installed (pylibjpeg - requires pylibjpeg); "
        "pip install 'retina-xai[dicom]'"
    )
