"""Atomic writes, and formulas in tables."""

import csv
import json
import os

import pandas as pd
import pytest

from retina_xai.errors import InputError, OutputError
from retina_xai.io.files import remove_stale, replacing, write_csv, write_json, write_text


def test_an_interrupted_write_keeps_the_former_file_and_no_partial_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "former")
    with pytest.raises(KeyboardInterrupt), replacing(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "former"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_one_line_and_no_partial_file_remains(tmp_path):
    with pytest.raises(OutputError, match=r"a.txt: cannot write .* free some space"), replacing(tmp_path / "a.txt"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_only_a_full_disk_asks_for_space(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(InputError, match=r"a.txt: cannot write \(Is a directory\); choose another place"):
        write_text(tmp_path / "a.txt", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_in_place_of_a_folder_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write here"):
        write_text(tmp_path / "file" / "a.txt", "")


def test_permissions_follow_the_umask(tmp_path):
    former = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "")
    finally:
        os.umask(former)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_json_has_null_for_nan(tmp_path):
    write_json(tmp_path / "a.json", {"a": [float("nan"), 1.5], "b": ("x", {"c": float("nan")})})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [None, 1.5], "b": ["x", {"c": None}]}


def test_formulas_in_tables_are_neutralised(tmp_path):
    write_csv(tmp_path / "a.csv", ["a", "b"], [("=cmd()", -1.0), ("+1", 2.0), ("fine", 3.0)])
    assert (tmp_path / "a.csv").read_text() == "a,b\n'=cmd(),-1.0\n'+1,2.0\nfine,3.0\n"


def test_a_table_is_that_of_pandas(tmp_path):
    rows = [("a,b", 0.1, 1 / 3, True, 7), ('q"q', float("nan"), 1e-12, False, -7), ("x\ny", 2.0, 1e22, True, 0)]
    columns = ["text", "score", "other", "flag", "count"]
    write_csv(tmp_path / "a.csv", columns, rows)
    assert (tmp_path / "a.csv").read_text() == pd.DataFrame(rows, columns=columns).to_csv(index=False)
    write_csv(tmp_path / "b.csv", ["text", "none"], [("\udcff", None)])
    assert (tmp_path / "b.csv").read_text() == "text,none\n\\udcff,\n"
    write_csv(tmp_path / "c.csv", ["a", "b"], [])
    assert (tmp_path / "c.csv").read_text() == "a,b\n"


def test_a_carriage_return_cannot_start_a_row_with_a_formula(tmp_path):
    write_csv(tmp_path / "a.csv", ["a"], [("x\r=cmd()",), ("y\r\nz",), ("\r=cmd()",)])
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["a"], ["x\n=cmd()"], ["y\nz"], ["'\n=cmd()"]]


def test_partial_files_of_killed_writers_are_removed_and_those_being_written_stay(tmp_path):
    for folder in (tmp_path, tmp_path / "records", tmp_path / "a" / "b"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".partial-x.json").write_text("half")
    with replacing(tmp_path / "records" / "a.txt") as partial:
        partial.write_text("whole")
        remove_stale(tmp_path)
        assert partial.exists()
    assert (tmp_path / "records" / "a.txt").read_text() == "whole"
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"records/a.txt", "a/b/.partial-x.json"}, "folders further down are not ours"
