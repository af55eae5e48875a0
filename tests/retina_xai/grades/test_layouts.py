"""Official layouts: reading, and error messages that name file and line."""

from pathlib import Path

import pytest

from retina_xai.errors import InputError
from retina_xai.grades.layouts import LAYOUTS, labels_in
from retina_xai.grades.options import LabelOptions
from retina_xai.grades.photographs import ImageFiles
from retina_xai.grades.reading import read_labelled

EYEPACS = LAYOUTS["eyepacs"]


def _csv(folder: Path, text: str, name: str = "trainLabels.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_byte_order_mark_crlf_and_blank_lines_are_read(tmp_path: Path) -> None:
    path = _csv(tmp_path, "\ufeffimage,level,Usage\r\n1_left,0,Private\r\n\r\n1_right,4,Public\r\n")
    assert labels_in(path, EYEPACS) == {"1_left": "0", "1_right": "4"}
    assert labels_in(path, EYEPACS, "Public") == {"1_right": "4"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("image,level\n1_left,0\n1_right,7\n", r"trainLabels.csv: line 3: grade '7'; expected 0 to 4"),
        ("image,level\n1_left,1.5\n", r"line 2: grade '1.5'"),
        ("image,level\n1_left,\n", r"line 2: grade ''"),
        ("image,level\n1_left,0\n1_left,0\n", r"line 3: image 1_left appears twice"),
        ("name,grade\n1_left,0\n", r"line 1: header 'name,grade'; expected the columns image,level"),
        ("", r"line 1: header ''"),
        ("image,level\n../../1_left,0\n", r"line 2: image '../../1_left'; expected a name like 10_left"),
        ("image,level\n1_left.jpeg,0\n", r"line 2: image '1_left.jpeg'"),
        ("image,level\n1_left,0,0\n", r"line 2: 3 values; expected 2"),
        ("image,level,Usage\n1_left,0,Secret\n", r"line 2: Usage 'Secret'; expected Public or Private"),
    ],
)
def test_a_faulty_row_is_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        labels_in(_csv(tmp_path, rows), EYEPACS)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trainLabels.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        labels_in(tmp_path / "trainLabels.csv", EYEPACS)


def test_photographs_are_found_in_every_folder_and_must_be_unique(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1_left.jpeg", "b/deep/2_left.PNG", "b/notes.txt", ".hidden/3_left.png")
    assert sorted(path.stem for path in ImageFiles((tmp_path,)).paths) == ["1_left", "2_left"]
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert sorted(path.stem for path in ImageFiles((tmp_path,)).paths) == ["1_left", "2_left"]
    _touch(tmp_path, "b/1_left.png")
    with pytest.raises(InputError, match=r"b/1_left.png: also .*a/1_left.jpeg"):
        ImageFiles((tmp_path,)).find("1_left")


def test_rows_and_images_without_a_match_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _csv(tmp_path, "image,level\n1_left,0\n1_right,2\n2_left,1\n")
    _csv(tmp_path, "image,level,Usage\r\n3_left,4,Public\r\n", "retinopathy_solution.csv")
    _touch(tmp_path, "train/1_left.jpeg", "test/3_left.jpeg", "test/9_left.jpeg")
    with pytest.raises(InputError, match=r"2 of 4 labelled images have no file \(first 1_right\).*allow missing ones"):
        read_labelled([tmp_path])
    found = read_labelled([tmp_path], allow_missing=True)
    assert [(photo.image, photo.patient, photo.level) for photo in found.photographs] == [
        ("1_left", "eyepacs:1", 0),
        ("3_left", "eyepacs:3", 4),
    ]
    assert (found.rows_without_image, found.images_without_row) == (2, 1)
    assert "1 images without a label" in caplog.text
    only = read_labelled([tmp_path], LabelOptions(labels=("test",)), allow_missing=True)
    assert [photo.image for photo in only.photographs] == ["3_left"]


@pytest.mark.parametrize(("usage", "images"), [("all", ["1_left", "2_left"]), ("Private", ["2_left"])])
def test_the_usage_of_the_options_chooses_rows(tmp_path: Path, usage: str, images: list[str]) -> None:
    _csv(tmp_path, "image,level,Usage\n1_left,0,Public\n2_left,4,Private\n", "retinopathy_solution.csv")
    _touch(tmp_path, "1_left.jpeg", "2_left.jpeg")
    found = read_labelled([tmp_path], LabelOptions(usage=usage))
    assert [photo.image for photo in found.photographs] == images


def test_an_image_in_both_label_files_is_refused(tmp_path: Path) -> None:
    _csv(tmp_path, "image,level\n1_left,0\n")
    _csv(tmp_path, "image,level,Usage\n1_left,0,Public\n", "retinopathy_solution.csv")
    with pytest.raises(InputError, match=r"1_left is labelled in trainLabels\.csv too"):
        read_labelled([tmp_path])


def test_the_mexican_layout_has_grades_and_patients(tmp_path: Path) -> None:
    rows = "Name,DME,DR\n0004_OD_f_1,1,-\n0012_OI_f_1,0,NPDR\n0012_od_f_2,1,PDR\n1_OD_f_1,0,0\n"
    _csv(tmp_path, rows, "labels.csv")
    _touch(tmp_path, *(f"images/{name}.jpg" for name in ("0004_OD_f_1", "0012_OI_f_1", "0012_od_f_2", "1_OD_f_1")))
    found = {photo.image: (photo.patient, photo.level) for photo in read_labelled([tmp_path]).photographs}
    assert found == {
        "0004_OD_f_1": ("mexico:0004", 2),
        "0012_OI_f_1": ("mexico:0012", 2),
        "0012_od_f_2": ("mexico:0012", 4),
        "1_OD_f_1": ("mexico:0001", 0),
    }
    _csv(tmp_path, "Name,DME,DR\n0004_OD_f_1,0,-\n", "labels.csv")
    with pytest.raises(InputError, match=r"labels.csv: line 2: grade '-'; expected 0 to 4"):
        read_labelled([tmp_path])


def test_a_table_of_a_common_name_is_no_layout(tmp_path: Path) -> None:
    _csv(tmp_path, "file,diagnosis\na,0\n", "labels.csv")
    _touch(tmp_path, "0/a.png", "2/b.png")
    assert [photo.level for photo in read_labelled([tmp_path]).photographs] == [0, 2]


def test_a_folder_without_labels_or_photographs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no trainLabels\.csv or retinopathy_solution\.csv"):
        read_labelled([tmp_path])
    _csv(tmp_path, "image,level\n1_left,0\n")
    with pytest.raises(InputError, match="no photograph has a label"):
        read_labelled([tmp_path], allow_missing=True)


def test_the_real_mexican_set(real_data: Path) -> None:
    photographs = read_labelled([real_data / "mexico"]).photographs
    assert (len(photographs), len({photo.patient for photo in photographs})) == (685, 401)
    assert [sum(photo.level == level for photo in photographs) for level in (0, 2, 4)] == [352, 286, 47]


def test_the_real_label_files(real_data: Path) -> None:
    folder = real_data / "eyepacs"
    assert len(labels_in(folder / "trainLabels.csv", EYEPACS)) == 35126
    assert len(labels_in(folder / "retinopathy_solution.csv", EYEPACS)) == 53576
    found = read_labelled([folder], allow_missing=True)
    assert len(found.photographs) == 802 + 844 + 154
    assert found.rows_without_image == 35126 + 53576 - 1800
