"""A damaged row of the store of readings: it is named and kept, and the other readings stay usable."""

import csv
import io
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.readings import READING, reading_of
from helpers.viewer_services import open_at, photographs
from streamlit.testing.v1 import AppTest

from retina_xai.app.readings.export import EXPORTS, export_bytes
from retina_xai.app.readings.model import Reading
from retina_xai.app.readings.store import open_store
from retina_xai.app.viewer.session import SLOT, Session
from retina_xai.checks import check_numbers
from retina_xai.errors import InputError
from retina_xai.lesions.annotation import Annotation, valid_annotations

SCHEMA_1 = Path(__file__).resolve().parents[1] / "app" / "readings" / "schema1.sqlite"
PAGE = Path(__file__).resolve().parents[2] / "app" / "viewer" / "page.py"
TRIGGERS = ("no_update", "no_delete", "no_replace")

DAMAGES = {
    "no JSON": ("lesions", "no JSON"),
    "another JSON": ("lesions", '{"id": 1}'),
    "a key is missing": ("image", '{"name": "x"}'),
    "nested too deeply": ("settings", "[" * 100_000),
    "no mapping": ("settings", "[]"),
    "a number of 401 digits": ("lesions", f'[{{"shape": {{"kind": "disk", "x": {"9" * 401}, "y": 1, "radius": 1}}}}]'),
    "a side of 401 digits": ("image", json.dumps({**vars(READING.image), "width": int("9" * 401)})),
    "not UTF-8": ("comment", b"\xff\xfe"),
    "no reader": ("reader", " "),
    "an unknown decision": ("decision", "perhaps"),
    "no time": ("time", "yesterday"),
    "a time before all time zones": ("time", "0001-01-01T00:00:00+14:00"),
    "another photograph": ("image_sha256", "00" * 32),
    "a score that is no number": ("verdict", json.dumps(READING.verdict.to_json()).replace("0.875", "NaN")),
}


def damage(path, number, column, value):
    """Change a cell by other means than the store's."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for trigger in TRIGGERS:
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(f"UPDATE readings SET {column} = CAST(? AS TEXT) WHERE number = ?", (value, number))


def rows(path):
    """All cells as bytes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return connection.execute("SELECT * FROM readings ORDER BY number").fetchall()


@pytest.fixture
def three(tmp_path):
    """A store of three readings."""
    store = open_store(tmp_path / "readings.sqlite")
    for reading in (READING, replace(READING, reader="Bob"), reading_of("b.png")):
        store.add(reading)
    return store


@pytest.mark.parametrize("name", DAMAGES)
def test_one_damaged_row_is_named_and_kept_and_the_others_are_used(three, name):
    damage(three.path, 2, *DAMAGES[name])
    before = rows(three.path)
    store = open_store(three.path)
    found = store.read()
    assert [one.number for one in found.readings] == [1, 3]
    (row,) = found.damaged
    assert row.number == 2
    assert row.fault.startswith(f"{three.path}: row 2 is ")
    assert "\n" not in row.fault
    assert store.add(READING).number == 4
    assert [one.number for one in store.all()] == [1, 3, 4]
    assert rows(three.path)[:3] == before


def test_a_damaged_page_of_the_file_costs_its_own_rows_only(tmp_path):
    store = open_store(tmp_path / "readings.sqlite")
    for number in range(40):
        store.add(replace(READING, comment=f"{number} " + "x" * 1000))
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(store.path.read_bytes())
    page = content.index(b"20 xxxx") // size * size
    content[page : page + 8] = b"\xff" * 8
    store.path.write_bytes(content)
    found = open_store(store.path).read()
    numbers = {one.number for one in found.damaged}
    assert 21 in numbers
    assert len(numbers) <= 4
    assert {one.number for one in found.readings} == set(range(1, 41)) - numbers


def test_an_upgrade_copies_a_damaged_row_as_it_is(tmp_path):
    old = tmp_path / "readings.sqlite"
    shutil.copy(SCHEMA_1, old)
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER no_update")
        connection.execute(
            "UPDATE readings SET finding = '{\"decision\": 1}', comment = CAST(x'ff' AS TEXT) WHERE number = 2"
        )
    before = rows(old)[1]
    added = (b"", None, b"")  # the columns of schema 3, after the decision
    found = open_store(old).read()
    assert [one.number for one in found.readings] == [1, 3, 4]
    assert [one.number for one in found.damaged] == [2]
    disc = b"null"  # the column of schema 4, the last
    assert rows(old)[1] == (*before[:6], *added, *before[6:], disc)


@pytest.mark.parametrize("kind", EXPORTS)
def test_an_export_names_the_damaged_rows(three, kind):
    damage(three.path, 2, *DAMAGES["no JSON"])
    found = three.read()
    text = export_bytes(found.readings, kind, [row.number for row in found.damaged]).decode()
    if kind == "csv":
        table = list(csv.DictReader(io.StringIO(text)))
        assert [row["reading"] for row in table if row["damaged"] == "True"] == ["2"]
        assert {row["reading"] for row in table if row["damaged"] == "False"} == {"1", "3"}
        assert [row["reader"] for row in table if row["damaged"] == "True"] == [""]
    else:
        content = json.loads(text)
        assert content.get("info", content)["damaged_rows"] == [2]


def test_the_viewer_shows_damaged_rows_and_goes_on(tmp_path, weights, monkeypatch):
    (tmp_path / "plain").mkdir()
    served = open_at(tmp_path, weights, paths=(photographs(tmp_path / "plain", {"10_left": 0}),))
    served.store.add(READING)
    damage(served.store.path, 1, *DAMAGES["no JSON"])
    page = AppTest.from_file(str(PAGE), default_timeout=60)
    page.session_state[SLOT] = Session(reader="Ada")
    page.run()
    assert not page.exception
    assert [warning.value for warning in page.warning] == [
        "The store of readings is damaged: number 1 cannot be read and is left out. "
        "The file keeps it as it is, and all others are used; to get it back, end the viewer and restore a backup."
    ]


def test_a_store_that_becomes_unusable_is_one_line_on_the_page(tmp_path, weights):
    (tmp_path / "plain").mkdir()
    served = open_at(tmp_path, weights, paths=(photographs(tmp_path / "plain", {"10_left": 0}),))
    for path in tmp_path.glob("readings.sqlite*"):
        path.unlink()
    served.store.path.write_bytes(b"no database at all" * 100)
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not page.exception
    (line,) = page.error
    assert "readings.sqlite" in line.value.replace("\\", "")
    assert "choose another file" in line.value


@pytest.mark.parametrize("value", [int("9" * 401), -int("9" * 401), 1e301, float("inf"), float("nan"), 2_000_000])
def test_a_coordinate_of_401_digits_is_refused_and_the_other_lesions_are_kept(value):
    with pytest.raises(InputError, match=r"disk with a coordinate .*: draw it again"):
        check_numbers("disk", (1, value))
    spot = Annotation.from_json(READING.lesions[0].to_json())
    nasty = {**spot.to_json(), "id": "other", "shape": {"kind": "disk", "x": value, "y": 1, "radius": 1}}
    assert valid_annotations([nasty, spot.to_json()]) == (spot,)
    with pytest.raises(InputError, match="coordinate"):
        Reading.from_json({**READING.to_json(), "lesions": [nasty]})
