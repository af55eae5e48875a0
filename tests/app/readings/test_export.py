"""Exports hold what the store holds, are harmless in a spreadsheet, and name nobody if this is wanted."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest
from helpers.readings import IMAGE, LESIONS, MODEL, READING, reading_of

from retina_xai.app.readings.export import COLUMNS, EXPORTS, deidentified, export_bytes, table_rows, write_export
from retina_xai.app.readings.model import Reading
from retina_xai.errors import InputError, UsageError
from retina_xai.lesions.annotation import MAX_ANNOTATIONS, Annotation
from retina_xai.lesions.shapes import Disk

NASTY = "=cmd()|' /C calc'!A0\r=second()\r\nЗоя 🙂, \"quoted\" <script>"
FIRST = replace(READING, number=1)
SECOND = replace(READING, number=2, decision="agree", lesions=LESIONS[:2])
BOB = replace(READING, number=3, reader="Bob", lesions=())
OTHER = reading_of("b.png", number=4, lesions=LESIONS[2:], comment="")
READINGS = (FIRST, SECOND, BOB, OTHER)


def rows_of(readings):
    """The CSV as another program reads it."""
    return list(csv.DictReader(io.StringIO(export_bytes(readings, "csv").decode(), newline="")))


def test_csv_has_a_row_per_lesion_and_one_for_a_reading_without():
    rows = rows_of(READINGS)
    assert [(row["reading"], row["newest"], row["reader"], row["lesion"]) for row in rows] == [
        *[("1", "False", "Ada", lesion) for lesion in ("c1", "c2", "d1")],
        *[("2", "True", "Ada", lesion) for lesion in ("c1", "c2")],
        ("3", "True", "Bob", ""),
        ("4", "True", "Ada", "d1"),
    ]
    facts = {"file": "10_left.jpeg", "image_sha256": IMAGE.sha256, "model_sha256": MODEL, "system_decision": "refer"}
    scores = {"score": "0.875", "threshold": "0.5", "quality": "usable", "quality_reason": "rather soft"}
    reader = {"reader_decision": "disagree", "comment": "near the macula", "time": "2026-05-04T09:30:15+00:00"}
    disk = {"type": "haemorrhages", "origin": "candidate", "x": "100.5", "y": "80.25", "area": f"{math.pi * 12**2}"}
    assert {**facts, **scores, **reader, **disk, "status": "kept", "lesion_score": "0.75"}.items() <= rows[0].items()
    assert json.loads(rows[0]["settings"]) == READING.settings
    assert json.loads(rows[0]["shape"]) == {"kind": "disk", "x": 100.5, "y": 80.25, "radius": 12.0}
    assert json.loads(rows[2]["shape"]) == {"kind": "outline", "rings": [[[10, 20], [30, 20], [30, 60]]]}
    assert (rows[2]["lesion_score"], rows[2]["area"], float(rows[2]["x"])) == ("", "400.0", pytest.approx(70 / 3))


def test_the_marked_disc_is_exported_in_pixels():
    marked = replace(BOB, disc=Disk(120.5, 80.0, 31.0))
    (row, plain) = rows_of([marked, replace(BOB, number=4)])
    assert [row[f"disc_{name}"] for name in ("x", "y", "diameter")] == ["120.5", "80.0", "62.0"]
    assert [plain[f"disc_{name}"] for name in ("x", "y", "diameter")] == ["", "", ""]
    (reading,) = json.loads(export_bytes([marked], "json"))["readings"]
    assert reading["disc"] == {"kind": "disk", "x": 120.5, "y": 80.0, "radius": 31.0}


def test_csv_and_json_hold_a_lesion_in_one_codec():
    (row,) = rows_of([OTHER])
    (reading,) = json.loads(export_bytes([OTHER], "json"))["readings"]
    names = {"id": "lesion", "type": "type", "origin": "origin", "status": "status"}
    values = {name: row[column] for name, column in names.items()}
    lesion = Annotation.from_json({**values, "score": None, "shape": json.loads(row["shape"])})
    assert (lesion,) == OTHER.lesions == tuple(map(Annotation.from_json, reading["lesions"]))


def test_exports_hold_what_the_reader_reviewed_and_say_whose_each_mark_is():
    unreviewed = replace(LESIONS[0], id="c9", status="unreviewed")
    said = {"finding": "no referable DR", "grade": 1, "oedema": "no"}
    reading = replace(FIRST, lesions=(unreviewed, *LESIONS), **said)
    rows = rows_of([reading])
    assert [(row["lesion"], row["mark"]) for row in rows] == [
        ("c1", "found by the system, accepted by the reader"),
        ("c2", "found by the system, rejected by the reader"),
        ("d1", "drawn by the reader"),
    ]
    assert {**{name: str(value) for name, value in said.items()}, "not_reviewed": "1"}.items() <= rows[0].items()
    (told,) = json.loads(export_bytes([reading], "json"))["readings"]
    assert ([one["id"] for one in told["lesions"]], told["not_reviewed"]) == (["c1", "c2", "d1"], 1)
    coco = json.loads(export_bytes([reading], "coco"))["annotations"]
    assert [one["attributes"]["lesion"] for one in coco] == ["c1", "d1"]


def test_no_cell_of_the_csv_begins_a_formula_and_no_text_a_row():
    lesion = replace(LESIONS[2], id="@SUM(1)")
    image = replace(IMAGE, name="+1+cmd|.png")
    (row,) = rows_of([replace(READING, reader="-2+3", comment=NASTY, image=image, lesions=(lesion,))])
    assert row["comment"] == "'" + NASTY.replace("\r\n", "\n").replace("\r", "\n")
    assert (row["reader"], row["lesion"], row["file"]) == ("'-2+3", "'@SUM(1)", "'+1+cmd|.png")
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


def test_json_gives_the_readings_back():
    readings = [FIRST, replace(SECOND, reader=NASTY, comment=NASTY)]
    content = json.loads(export_bytes(readings, "json"))
    assert content["schema_version"] == 4
    assert [one.pop("newest") for one in content["readings"]] == [True, True]
    assert [one.pop("not_reviewed") for one in content["readings"]] == [0, 0]
    assert [Reading.from_json(one) for one in content["readings"]] == readings


def test_deidentified_readings_name_nobody():
    secret = reading_of("Mueller_Hans.png", reader="Zoë", comment="Hans M., born 1950", number=5)
    plain = deidentified([*READINGS, secret])
    assert [one.reader for one in plain] == ["R1", "R1", "R2", "R1", "R3"]
    assert plain[0].image.name == IMAGE.sha256[:16]
    assert plain[0].lesions == FIRST.lesions
    for kind in EXPORTS:
        text = export_bytes(plain, kind).decode()
        assert IMAGE.sha256 in text
        assert not any(name in text for name in ("Mueller", "Hans", "Ada", "Bob", "Zoë", "10_left", "macula"))


@pytest.mark.parametrize("kind", EXPORTS)
def test_files_are_the_downloads_and_always_the_same(tmp_path, kind):
    write_export(tmp_path / "x", READINGS, kind)
    assert (tmp_path / "x").read_bytes() == export_bytes(READINGS, kind)


@pytest.mark.parametrize("kind", EXPORTS)
def test_nothing_read_is_an_empty_export(kind):
    assert export_bytes((), kind).decode().strip()


def test_unknown_kinds_and_places_are_one_line(tmp_path):
    with pytest.raises(UsageError, match="unknown export 'xlsx': choose one of csv, json, coco"):
        export_bytes(READINGS, "xlsx")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write here"):
        write_export(tmp_path / "file" / "x.csv", READINGS, "csv")


def test_whole_numbers_stay_whole_beside_empty_cells():
    assert [type(row[COLUMNS.index("width")]) for row in table_rows(READINGS)] == [int] * 7


def test_a_reading_of_the_most_lesions_is_exported():
    lesions = tuple(replace(LESIONS[0], id=str(number)) for number in range(MAX_ANNOTATIONS))
    assert len(rows_of([replace(READING, lesions=lesions)])) == MAX_ANNOTATIONS
