"""User-defined tables and folders named by label: names, patients, unknown labels, and error messages."""

from pathlib import Path

import pytest

from retina_xai.errors import InputError
from retina_xai.grades.options import LabelOptions
from retina_xai.grades.photographs import LabelledSet
from retina_xai.grades.reading import read_labelled


def _set(folder: Path, rows: str, images: tuple[str, ...], header: str = "image,label", **options: str) -> LabelledSet:
    folder = folder / "clinic"
    _touch(folder, *images)
    (folder / "own.csv").write_text(f"{header}\n{rows}", encoding="utf-8")
    return read_labelled([folder], LabelOptions(table=folder / "own.csv", **options))  # type: ignore[arg-type]


def _touch(folder: Path, *images: str) -> None:
    for name in images:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_names_with_and_without_suffix_or_folder(tmp_path: Path) -> None:
    rows = "a,0\nb.JPG,2\nleft/c.png,3\nright\\c,4\nd.1,1\n"
    images = ("a.jpg", "x/b.JPG", "left/c.png", "right/c.png", "d.1.tif")
    found = _set(tmp_path, rows, images)
    assert {photo.image: photo.path.name for photo in found.photographs} == {
        "a": "a.jpg",
        "b": "b.JPG",
        "d.1": "d.1.tif",
        "left/c": "c.png",
        "right/c": "c.png",
    }
    assert [photo.level for photo in found.photographs] == [0, 2, 1, 3, 4]


def test_own_columns_labels_and_patients(tmp_path: Path) -> None:
    found = _set(
        tmp_path,
        "p1,a,NPDR\np1,b,0\np2,c,PDR\np3,d,-\np4,e,\n",
        ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"),
        header="who,file,DR",
        positive="NPDR,PDR",
        image_column="file",
        label_column="DR",
        patient_column="who",
    )
    assert [(photo.image, photo.patient, photo.label, photo.positive) for photo in found.photographs] == [
        ("a", "clinic:p1", "NPDR", True),
        ("b", "clinic:p1", "0", False),
        ("c", "clinic:p2", "PDR", True),
    ]
    assert (found.rows_without_label, found.images_without_row) == (2, 2)
    assert found.patient_rule == "column who"


def test_patients_by_pattern_official_name_or_photograph(tmp_path: Path) -> None:
    names = ("7_left", "7_right", "x")
    rows, images = "".join(f"{name},0\n" for name in names), tuple(f"{name}.png" for name in names)
    found = _set(tmp_path / "1", rows, images)
    assert [photo.patient for photo in found.photographs] == ["eyepacs:7", "eyepacs:7", "clinic:x"]
    assert found.patient_rule == "one photograph = one patient for 1, official names"
    found = _set(tmp_path / "2", "0004_R1,0\n0004_L1,2\n", ("0004_R1.jpg", "0004_L1.jpg"))
    assert found.patient_rule == "one photograph = one patient"
    options = {"patient_pattern": r"(\d+)_.*"}
    found = _set(tmp_path / "3", "0004_R1,0\n0004_L1,2\n", ("0004_R1.jpg", "0004_L1.jpg"), **options)
    assert {photo.patient for photo in found.photographs} == {"clinic:0004"}
    with pytest.raises(InputError, match=r"line 2: image 'a' does not fit the pattern"):
        _set(tmp_path / "4", "a,0\n", ("a.jpg",), **options)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,0\nb,7\n", r"own.csv: line 3: grade '7'; expected 0 to 4"),
        ("a,0\na.jpg,0\n", r"own.csv: line 3: image a.jpg appears twice"),
        ("a,0\n./a,1\n", r"own.csv: line 3: image ./a appears twice"),
        ("a,0\nin/a,1\n", r"own.csv: line 3: image in/a appears twice"),
        ("a,0\nc,1\n", r"clinic: 1 of 2 labelled images have no file \(first c\); add the photographs"),
        (",0\n", r"own.csv: line 2: no image name; complete or delete this row"),
        ("../clinic2/a,0\n", r"1 of 1 labelled images have no file"),
        ("d,0\n", r"in/d.png: also .*d.jpg; names must be unique"),
    ],
)
def test_a_faulty_table_is_one_line(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _set(tmp_path, rows, ("in/a.jpg", "b.jpg", "d.jpg", "in/d.png"))


def test_a_row_without_a_patient_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 2: no patient; complete or delete this row"):
        _set(tmp_path, "a,0, \n", ("a.jpg",), header="image,label,patient", patient_column="patient")


def test_positive_labels_that_occur_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InputError, match=r"no photograph has the positive label RDR \(labels: 0, NPDR\); correct"):
        _set(tmp_path / "1", "a,0\nb,NPDR\n", ("a.jpg", "b.jpg"), positive="RDR")
    found = _set(tmp_path / "2", "a,0\nb,NPDR\n", ("a.jpg", "b.jpg"), positive="NPDR,PDR")
    assert [photo.positive for photo in found.photographs] == [False, True]
    assert "no photograph has the positive label PDR" in caplog.text


def test_sub_folders_named_by_label(tmp_path: Path) -> None:
    _touch(tmp_path / "drim", "good/a.jpg", "good/more/b.jpg", "bad/a.jpg", "outlier/c.jpg", "d.jpg")
    found = read_labelled([tmp_path / "drim"], LabelOptions(positive="bad", unknown="outlier"))
    assert [(photo.image, photo.patient, photo.label, photo.positive) for photo in found.photographs] == [
        ("bad/a", "drim:bad/a", "bad", True),
        ("good/a", "drim:good/a", "good", False),
        ("good/more/b", "drim:good/more/b", "good", False),
    ]
    assert (found.rows_without_label, found.images_without_row) == (1, 1)
    with pytest.raises(
        InputError, match="drim/bad: grade 'bad'; expected 0 to 4: correct it, or name the positive labels"
    ):
        read_labelled([tmp_path / "drim"])


def test_one_table_for_several_folders(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "own.csv").write_text("image,label\n1,0\n2,3\n")
    found = read_labelled([tmp_path / "a", tmp_path / "b"], LabelOptions(table=tmp_path / "own.csv"))
    assert [photo.image for photo in found.photographs] == ["1", "2"] and found.rows_without_image == 0


def test_the_real_folders_with_own_labels(real_data: Path) -> None:
    mexico, drimdb = real_data / "mexico", real_data / "drimdb"
    if not mexico.is_dir():
        pytest.skip("no such data here")
    options = LabelOptions(
        positive="NPDR,PDR",
        table=mexico / "labels.csv",
        image_column="Name",
        label_column="DR",
        patient_pattern=r"(\d+)_.*",
    )
    found = read_labelled([mexico], options, allow_missing=True)
    rows = len(found.photographs) + found.rows_without_image + found.rows_without_label
    assert rows == len((mexico / "labels.csv").read_text().split()) - 1
    assert {photo.label for photo in found.photographs} == {"0", "NPDR", "PDR"}
    assert len({photo.patient for photo in found.photographs}) < len(found.photographs)
    folders = read_labelled([drimdb], LabelOptions(positive="bad"))
    labels = [photo.label for photo in folders.photographs]
    assert (labels.count("good"), labels.count("bad"), labels.count("outlier")) == (63, 35, 11)
