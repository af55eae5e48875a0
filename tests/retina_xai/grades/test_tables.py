"""CSV tables: accepted files, and error messages of one line."""

from pathlib import Path

import pytest

from retina_xai.errors import InputError
from retina_xai.grades.tables import rows_of


def _csv(folder: Path, content: bytes) -> Path:
    (folder / "labels.csv").write_bytes(content)
    return folder / "labels.csv"


def test_quoted_commas_and_line_breaks_are_read_with_their_line(tmp_path: Path) -> None:
    path = _csv(tmp_path, b'image,label,note\r\n"a,1",NPDR,"two\r\nlines"\r\n\r\nb, 0 ,\r\n')
    assert [(line, row["image"], row["label"]) for line, row in rows_of(path, ("image", "label"))] == [
        (3, "a,1", "NPDR"),
        (5, "b", "0"),
    ]


def test_a_field_over_the_limit_is_one_line(tmp_path: Path) -> None:
    path = _csv(tmp_path, b"image,label\na,0\nb," + b"x" * 131_073 + b"\n")
    with pytest.raises(InputError, match=r"labels.csv: line 3: field larger than field limit \(131072\)") as caught:
        list(rows_of(path, ("image", "label")))
    assert len(str(caught.value).splitlines()) == 1


def test_a_column_twice_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: header 'image,label,label'; expected the columns image,label"):
        list(rows_of(_csv(tmp_path, b"image,label,label\na,0,1\n"), ("image", "label")))
    with pytest.raises(InputError, match="cannot read"):
        list(rows_of(tmp_path / "none.csv", ("image",)))
