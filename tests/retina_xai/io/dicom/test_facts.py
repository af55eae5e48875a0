"""Facts and identity of DICOM photographs, their pseudonyms, and which files of folders and DICOMDIRs are read."""

import logging
import shutil

import numpy as np
import pydicom.uid as uids
import pytest
from helpers.dicom_files import PATIENT_NAME, SECRETS, STUDY, photograph, save_as
from helpers.image_files import refusal
from pydicom.fileset import FileSet

from retina_xai.errors import InputError
from retina_xai.io.identity import Identity, numbered
from retina_xai.io.images import find_images, public_name, read_image
from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(1, 80, 100).pixels


def identity(path, **attributes):
    return read_image(save_as(path, photograph(EYE, **attributes))).identity


def test_facts_hold_eye_and_spacing_and_no_patient(tmp_path):
    found = read_image(save_as(tmp_path / "eye.dcm", photograph(EYE, PixelSpacing=[0.012, 0.01])))
    assert dict(found.metadata) == {
        "format": "DICOM",
        "mode": "RGB",
        "bits": 8,
        "height": 80,
        "width": 100,
        "orientation": 1,
        "transfer_syntax": "Explicit VR Little Endian",
        "eye": "right",
        "pixel_spacing_mm": [0.012, 0.01],
    }


@pytest.mark.parametrize("spacing", [None, [0, 0.01], [-1, 1], [0.01]])
def test_a_spacing_that_is_none_is_left_out(tmp_path, spacing):
    path = save_as(tmp_path / "eye.dcm", photograph(EYE, PixelSpacing=spacing))
    assert "pixel_spacing_mm" not in read_image(path).metadata


def test_identity_is_read_and_its_text_names_nobody(tmp_path):
    found = identity(tmp_path / "eye.dcm", IssuerOfPatientID="Clinic")
    assert found == Identity("QX195603@Clinic", STUDY, "right", "2024-02-29T10:15:02")
    assert str(found) == "Identity(eye='right')"


def test_without_a_number_name_and_birth_date_are_the_patient(tmp_path):
    assert identity(tmp_path / "a.dcm", PatientID="").patient == f"{PATIENT_NAME} 19560304"
    assert identity(tmp_path / "b.dcm", PatientID="", PatientName="").patient == ""


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"AcquisitionDateTime": None}, "2024-02-29T10:15:01"),
        ({"AcquisitionDateTime": None, "ContentDate": None}, "2024-02-29T10:15:00"),
        ({"AcquisitionDateTime": "2024"}, ""),
        ({"AcquisitionDateTime": "20240228"}, "2024-02-28"),
    ],
)
def test_the_most_exact_time_counts(tmp_path, attributes, expected):
    assert identity(tmp_path / "eye.dcm", **attributes).acquired == expected


@pytest.mark.parametrize(("letter", "eye"), [("L", "left"), ("B", "both"), ("U", ""), ("", "")])
def test_eyes(tmp_path, letter, eye):
    assert identity(tmp_path / "eye.dcm", ImageLaterality=letter).eye == eye


def test_a_pseudonym_takes_the_place_of_the_file_name(tmp_path):
    path = save_as(tmp_path / f"{PATIENT_NAME}.dcm", photograph(EYE))
    found = read_image(path)
    assert found.name == f"dicom-{found.sha256[:12]}" == public_name(path)
    assert read_image(path, identified=True).name == f"{PATIENT_NAME}.dcm"
    assert not [secret for secret in SECRETS if secret in repr(found)]


def test_numbers_follow_the_first_occurrence():
    found = [Identity(name) for name in ("b", "", "a", "b")]
    assert numbered(found, lambda one: one.patient) == {"b": 1, "a": 2}


def test_burnt_in_text_is_warned_of_without_the_file_name(tmp_path, caplog):
    path = save_as(tmp_path / f"{PATIENT_NAME}.dcm", photograph(EYE, BurnedInAnnotation="YES"))
    with caplog.at_level(logging.WARNING):
        read_image(path)
    assert "burnt-in text" in caplog.text
    assert "Quixley" not in caplog.text


def test_files_without_suffix_are_found_and_other_objects_left_out(tmp_path, caplog):
    photographs = [
        save_as(tmp_path / name, photograph(EYE, number))
        for number, name in enumerate(("IM0001", "a/1.2.840.7", "b/eye.DCM", "c/scan.dicom"), start=1)
    ]
    save_as(tmp_path / "report.dcm", photograph(EYE, SOPClassUID=uids.ComprehensiveSRStorage))
    save_as(tmp_path / "own", photograph(EYE, SecondaryCaptureDeviceManufacturer="retina-xai"))
    (tmp_path / "README").write_text("no image")
    (tmp_path / "notes.2").write_bytes(bytes(200))
    with caplog.at_level(logging.WARNING):
        assert find_images([tmp_path]) == sorted(photographs)
    assert "DICOM files in the folders that are left out: 2 (they are no photographs)" in caplog.text
    assert refusal(tmp_path / "report.dcm") == (
        "is a DICOM file of the class Comprehensive SR Storage, expected a photograph "
        "(Ophthalmic Photography or Secondary Capture)"
    )


@pytest.fixture
def file_set(tmp_path):
    """A folder with a DICOMDIR of two photographs."""
    made = FileSet()
    for number in (1, 2):
        made.add(save_as(tmp_path / "loose" / f"{number}.dcm", photograph(EYE + np.uint8(number), number)))
    made.write(tmp_path / "disc")
    return tmp_path / "disc"


def test_a_dicomdir_stands_for_its_images(file_set):
    found = find_images([file_set / "DICOMDIR"])
    assert [read_image(path).pixels[0, 0, 0] for path in found] == [EYE[0, 0, 0] + 1, EYE[0, 0, 0] + 2]
    assert sorted(found) == find_images([file_set])


def test_a_dicomdir_that_leads_out_of_its_folder_is_refused(file_set, tmp_path):
    content = (file_set / "DICOMDIR").read_bytes()
    shutil.rmtree(tmp_path / "loose")
    (file_set / "DICOMDIR").write_bytes(content.replace(b"PT000000\\", b"..\\......\\", 1))
    with pytest.raises(InputError, match="lists a file that is not below its folder|damaged DICOMDIR"):
        find_images([file_set / "DICOMDIR"])
    (file_set / "DICOMDIR").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="DICOMDIR: (damaged DICOMDIR|lists no images|damaged DICOM)"):
        find_images([file_set / "DICOMDIR"])
