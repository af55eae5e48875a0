"""Exports hold what the store holds, harmless in a spreadsheet, sound as COCO, and nobody's name where so wished."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest
from helpers.readings import IMAGE, LESIONS, MODEL, READING, reading_of

from retina_xai.app.readings.export import EXPORTS, coco_of, deidentified, export_bytes, table_of, write_export
from retina_xai.app.readings.model import MOST_LESIONS, Circle, Polygon, ReadLesion, from_plain
from retina_xai.errors import InputError, UsageError

NASTY = "=cmd()|' /C calc'!A0\r=second()\r\nЗоя 🙂, \"quoted\" <script>"
FIRST = replace(READING, number=1)
SECOND = replace(READING, number=2, decision="agree", lesions=LESIONS[:2])
BOB = replace(READING, number=3, reader="Bob", lesions=())
OTHER = reading_of("b.png", number=4, lesions=LESIONS[2:], comment="")
READINGS = (FIRST, SECOND, BOB, OTHER)


def rows_of(readings):
    """The CSV as another program reads it."""
    return list(csv.DictReader(io.StringIO(export_bytes(readings, "csv").decode(), newline="")))


def drawn(shape, **changes):
    """COCO annotations of one reading with one drawn lesion."""
    lesion = replace(ReadLesion("d", "drawn", "soft_exudates", shape, "added"), **changes)
    return coco_of([replace(READING, lesions=(lesion,))])["annotations"]


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
    circle = {"type": "haemorrhages", "x": "100.5", "y": "80.25", "radius": "12.0", "points": ""}
    assert {**facts, **scores, **reader, **circle, "status": "kept", "lesion_score": "0.75"}.items() <= rows[0].items()
    assert json.loads(rows[0]["settings"]) == READING.settings
    assert json.loads(rows[2]["points"]) == [[10, 20], [30, 20], [30, 60]]
    assert (rows[2]["lesion_score"], rows[2]["x"]) == ("", "")


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
    assert content["schema_version"] == 1
    assert [one.pop("newest") for one in content["readings"]] == [True, True]
    assert [from_plain(one) for one in content["readings"]] == readings


def test_coco_is_sound():
    coco = json.loads(export_bytes(READINGS, "coco"))
    images = {image["id"]: image for image in coco["images"]}
    categories = {category["id"]: category["name"] for category in coco["categories"]}
    assert [image["file_name"] for image in images.values()] == ["10_left.jpeg", "b.png"]
    assert list(categories.values()) == [
        *("haemorrhages", "hard_exudates", "soft_exudates", "red_small_dots", "unspecified")
    ]
    assert [one["id"] for one in coco["annotations"]] == [1, 2]
    for one in coco["annotations"]:
        image, (x, y, width, height) = images[one["image_id"]], one["bbox"]
        (corners,) = one["segmentation"]
        assert min(x, y) >= 0 and min(width, height) > 0
        assert x + width <= image["width"] and y + height <= image["height"]
        assert len(corners) >= 6 and len(corners) % 2 == 0
        assert [min(corners[::2]), min(corners[1::2])] == [x, y]
        assert [max(corners[::2]), max(corners[1::2])] == pytest.approx([x + width, y + height])
        assert 0 < one["area"] <= width * height
        assert one["iscrowd"] == 0 and one["category_id"] in categories


def test_coco_holds_what_counts_and_not_what_was_deleted():
    annotations = coco_of(READINGS)["annotations"]
    assert [(one["attributes"]["reading"], one["attributes"]["lesion"]) for one in annotations] == [
        (2, "c1"),
        (4, "d1"),
    ]
    circle, triangle = annotations
    assert circle["area"] == pytest.approx(math.pi * 12**2, rel=2e-3)
    assert circle["bbox"] == pytest.approx([88.5, 68.25, 24, 24])
    assert (triangle["area"], triangle["bbox"]) == (400, [10, 20, 20, 40])
    assert triangle["segmentation"] == [[10, 20, 30, 20, 30, 60]]


def test_coco_outlines_end_at_the_border():
    (half,) = drawn(Circle(0, 100, 10))
    assert half["area"] == pytest.approx(math.pi * 10**2 / 2, rel=2e-3)
    assert half["bbox"] == pytest.approx([0, 90, 10, 20])
    assert drawn(Circle(-50, 100, 10)) == []
    assert drawn(Polygon(((1, 1), (5, 5), (9, 9)))) == []
    assert drawn(Circle(50, 50, 10), status="deleted") == []


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
    assert [type(value) for value in table_of(READINGS)["width"]] == [int] * 7


def test_a_reading_of_the_most_lesions_is_exported():
    lesions = tuple(replace(LESIONS[0], id=str(number)) for number in range(MOST_LESIONS))
    assert len(rows_of([replace(READING, lesions=lesions)])) == MOST_LESIONS
