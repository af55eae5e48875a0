"""DICOM files where the extra `dicom` is not installed: one line, and other photographs as before."""

import logging
import sys

import pytest
from helpers.dicom_files import photograph, save_as
from helpers.image_files import refusal, save

from retina_xai.errors import InputError
from retina_xai.io.images import find_images
from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(1, 80, 100).pixels
NEEDED = "reading it needs the extra 'dicom': pip install 'retina-xai[dicom]'"


@pytest.fixture(autouse=True)
def without_pydicom(monkeypatch, tmp_path):
    """Two DICOM files in a folder, and pydicom not installed."""
    for name in ("eye.dcm", "IM0001"):
        save_as(tmp_path / "study" / name, photograph(EYE))
    monkeypatch.setitem(sys.modules, "pydicom", None)


def test_a_named_file_is_one_line(tmp_path):
    assert refusal(tmp_path / "study" / "IM0001") == f"is a DICOM file; {NEEDED} (pydicom is not installed)"


def test_a_folder_is_read_without_them_and_with_one_warning(tmp_path, caplog):
    picture = save(tmp_path / "study" / "eye.png", EYE)
    with caplog.at_level(logging.WARNING):
        assert find_images([tmp_path]) == [picture]
    assert caplog.messages == [f"DICOM files in the folders that are left out: 2 ({NEEDED})"]


def test_a_folder_of_nothing_else_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no image found; expected files ending in"):
        find_images([tmp_path])
