"""The registry of image formats: signatures, suffixes, and a new format by one entry."""

import numpy as np
import pytest

from retina_xai.errors import InputError
from retina_xai.io.decoders import check_size
from retina_xai.io.formats import FORMATS, REFUSED, ImageFormat, format_names, kind_of
from retina_xai.io.images import SUFFIXES, read_image


def test_names_suffixes_and_signatures_agree():
    assert all(key == one.name for key, one in FORMATS.items())
    assert frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".dcm", ".dicom"}) == SUFFIXES
    assert format_names() == "JPEG, PNG, TIFF, BMP or DICOM"
    signatures = [(mark, offset) for one in FORMATS.values() for mark, offset in one.signatures]
    signatures += [(mark, offset) for mark, offset, _ in REFUSED]
    assert len(set(signatures)) == len(signatures)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"MM\0*", "TIFF"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"DICM" + bytes(128), None),
        (b"", None),
    ],
)
def test_kinds_are_recognised_by_their_signature(head, kind):
    assert kind_of(head) == kind


def test_a_new_format_is_one_entry(tmp_path, monkeypatch):
    def read_raw(path, frame):
        height, width = np.frombuffer(path.read_bytes()[4:8], np.uint16)
        check_size(path, int(height), int(width))
        grey = np.frombuffer(path.read_bytes()[8:], np.uint8).reshape(height, width)
        facts = {"mode": "L", "bits": 8, "height": int(height), "width": int(width), "orientation": 1}
        return np.repeat(grey[..., None], 3, axis=2), facts

    path = tmp_path / "a.raw"
    grey = np.arange(64 * 80, dtype=np.uint8).reshape(64, 80)
    path.write_bytes(b"RAW1" + np.array([64, 80], np.uint16).tobytes() + grey.tobytes())
    with pytest.raises(InputError, match="has an unknown format; expected JPEG, PNG, TIFF, BMP or DICOM"):
        read_image(path)
    monkeypatch.setitem(FORMATS, "RAW", ImageFormat("RAW", (".raw",), ((b"RAW1", 0),), read_raw))
    photograph = read_image(path)
    np.testing.assert_array_equal(photograph.pixels[..., 1], grey)
    assert photograph.metadata["format"] == "RAW"
