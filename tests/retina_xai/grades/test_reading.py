"""IDRiD's layout and its special cases, and several folders."""

from pathlib import Path

import numpy as np
import pytest
from helpers.dicom_files import photograph, save_as

from retina_xai.errors import InputError
from retina_xai.grades.layouts import LAYOUTS, labels_in
from retina_xai.grades.reading import read_labelled

HEADER = "Image name,Retinopathy grade,Risk of macular edema \n"


def _idrid(folder: Path, rows: str, *images: str) -> Path:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "grades.csv").write_text(HEADER + rows, encoding="utf-8")
    for name in images:
        (folder / "images" / name).write_bytes(b"")
    return folder


def _eyepacs(folder: Path, rows: str, *images: str) -> Path:
    (folder / "train").mkdir(parents=True, exist_ok=True)
    (folder / "trainLabels.csv").write_text("image,level\n" + rows, encoding="utf-8")
    for name in images:
        (folder / "train" / name).write_bytes(b"")
    return folder


def test_official_columns_with_trailing_space_and_nameless_ones_are_read(tmp_path: Path) -> None:
    path = tmp_path / "grades.csv"
    path.write_bytes(b"\xef\xbb\xbfImage name,Retinopathy grade,Risk of macular edema ,,,\r\nIDRiD_001,3,2,,,\r\n")
    assert labels_in(path, LAYOUTS["idrid"]) == {"IDRiD_001": "3"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("IDRiD_001,7,0\n", r"grades.csv: line 2: grade '7'; expected 0 to 4"),
        ("IDRiD_001,,0\n", r"line 2: grade ''"),
        ("IDRiD_001,1,0\nIDRiD_001,1,0\n", r"line 3: image IDRiD_001 appears twice"),
        ("10_left,1,0\n", r"line 2: image '10_left'; expected a name like IDRiD_001"),
        ("IDRiD_001.jpg,1,0\n", r"line 2: image 'IDRiD_001.jpg'"),
        ("IDRiD_001,1\n", r"line 2: 2 values; expected 3"),
    ],
)
def test_a_faulty_row_is_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled([_idrid(tmp_path, rows)])


def test_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "grades.csv").write_text("image,level\nIDRiD_001,1\n")
    with pytest.raises(InputError, match="expected the columns Image name,Retinopathy grade"):
        read_labelled([tmp_path])


def test_a_missing_image_is_counted_or_refused(tmp_path: Path) -> None:
    folder = _idrid(tmp_path, "IDRiD_001,1,0\nIDRiD_002,4,0\n", "IDRiD_002.jpg", "IDRiD_009.jpg")
    with pytest.raises(InputError, match=r"1 of 2 labelled images have no file \(first IDRiD_001\)"):
        read_labelled([folder])
    found = read_labelled([folder], allow_missing=True)
    assert [(photo.image, photo.patient, photo.source, photo.level) for photo in found.photographs] == [
        ("IDRiD_002", "idrid:002", "idrid", 4)
    ]
    assert (found.rows_without_image, found.images_without_row) == (1, 1)


def test_several_folders_are_read_as_one_set(tmp_path: Path) -> None:
    one = _eyepacs(tmp_path / "a", "10_left,0\n10_right,2\n", "10_left.jpeg")
    two = _idrid(tmp_path / "b", "IDRiD_001,3,0\n", "IDRiD_001.jpg", "IDRiD_002.jpg")
    found = read_labelled([one, two], allow_missing=True)
    assert [photo.patient for photo in found.photographs] == ["eyepacs:10", "idrid:001"]
    assert (found.rows_without_image, found.images_without_row) == (1, 1)


def test_names_must_be_unique_over_all_folders(tmp_path: Path) -> None:
    folders = [_idrid(tmp_path / name, "IDRiD_001,3,0\n", "IDRiD_001.jpg") for name in ("train", "test")]
    with pytest.raises(InputError, match=r"test/images/IDRiD_001.jpg: also .*train/images/IDRiD_001.jpg"):
        read_labelled(folders)


def test_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no trainLabels.csv or retinopathy_solution.csv or grades.csv"):
        read_labelled([tmp_path])
    with pytest.raises(InputError, match="no data folder given"):
        read_labelled([])


def test_the_real_folders(real_data: Path) -> None:
    found = read_labelled([real_data / "eyepacs", real_data / "idrid"], allow_missing=True)
    sources = [photo.source for photo in found.photographs]
    assert (sources.count("eyepacs"), sources.count("idrid")) == (1800, 402)


def test_dicom_photographs_are_grouped_by_their_patient_and_not_by_their_names(tmp_path):
    patients = {"0/10_left": "A7", "0/10_right": "B8", "2/scan": "A7", "2/nobody": ""}
    for number, (name, patient) in enumerate(patients.items()):
        made = photograph(np.full((64, 64, 3), number, np.uint8), PatientID=patient, PatientName="")
        save_as(tmp_path / f"{name}.dcm", made)
    found = read_labelled([tmp_path])
    assert {photo.image: photo.patient for photo in found.photographs} == {
        "0/10_left": "dicom:1",
        "0/10_right": "dicom:2",
        "2/nobody": f"{tmp_path.name}:2/nobody",
        "2/scan": "dicom:1",
    }
    assert found.patient_rule == "one photograph = one patient for 1, patient of the DICOM file"
