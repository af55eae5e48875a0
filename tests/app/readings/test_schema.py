"""Stores of older schemas open and show the same readings; an upgrade that is interrupted leaves them as they were.

schema1.sqlite to schema3.sqlite were written by earlier versions of the store; their readings are made up. All hold
`READINGS`; those of schema 2 and 3 hold one more.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retina_xai.app.readings.model import ImageFile, Reading
from retina_xai.app.readings.store import open_store
from retina_xai.fundus.quality import Gradability
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Disk, Outline
from retina_xai.verdict import Verdict

ROOT = Path(__file__).resolve().parents[3]
SQUARE = Outline((((88.0, 70.0), (88.0, 92.0), (113.0, 92.0), (113.0, 70.0)),))
MOVED = Outline((((30.25, 40.5), (35.25, 40.5), (33.0, 44.75)),))
TRIANGLE = Outline((((10.0, 20.0), (30.0, 20.0), (30.0, 60.0)),))
LESIONS = (
    Annotation("candidate-1", "haemorrhages", SQUARE, "candidate", "kept", 0.75),
    Annotation("candidate-2", "unspecified", Disk(200.5, 90.0, 0.7978845608028654), "candidate", "deleted", 0.5),
    Annotation("candidate-3", "red_small_dots", MOVED, "candidate", "moved", 0.25),
    Annotation("5e0c", "hard_exudates", Disk(300.0, 10.0, 12.5), "reader", "added"),
    Annotation("6f1d", "soft_exudates", TRIANGLE, "reader", "added"),
)
FIRST = Reading(
    reader="Ada",
    time=datetime(2026, 5, 4, 9, 30, 15, tzinfo=UTC),
    image=ImageFile("10_left.jpeg", "ab" * 32, 400, 320),
    model_sha256="cd" * 32,
    verdict=Verdict(Gradability("usable", "soft: small lesions may be missed"), 0.875, 0.5, margin=None),
    decision="disagree",
    lesions=LESIONS,
    comment="near the macula Зоя 🙂 '; DROP TABLE readings; --",
    settings={"method": "retina", "candidates_from": 0.04},
    number=1,
)
AGREED = datetime(2026, 5, 5, 10, 0, tzinfo=UTC)
DARK = Verdict(Gradability("ungradable", "too dark: most of the field of view is black"), 0.9, 0.5, margin=None)
OTHER_IMAGE = ImageFile("b.png", "0f" * 32, 64, 48)
BY_ZOYA = replace(FIRST, reader="Зоя", lesions=(), comment="")
READINGS = (
    FIRST,
    replace(FIRST, number=2, time=AGREED, decision="agree", lesions=LESIONS[:1], comment=""),
    replace(BY_ZOYA, number=3, image=OTHER_IMAGE, decision="none", settings={}, verdict=DARK),
    replace(BY_ZOYA, number=4, verdict=Verdict(Gradability("good", ""), 0.125, 0.5, margin=None)),
)
KILLED = """
import os, signal, sys
from pathlib import Path
from retina_xai.app.readings import schema, store
insert, count = schema.insert, []
def killing(connection, reading):
    count.append(insert(connection, reading))
    if len(count) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
schema.insert = killing
store.open_store(Path(sys.argv[1]))
"""


@pytest.fixture(params=[1, 2, 3])
def schema(request):
    """The version of an old store."""
    return request.param


@pytest.fixture
def old(tmp_path, schema):
    """An old store."""
    path = tmp_path / "readings.sqlite"
    shutil.copy(Path(__file__).with_name(f"schema{schema}.sqlite"), path)
    return path


def asked(path, query):
    """The answer of the database itself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(query).fetchall()


def test_an_old_store_shows_the_same_readings_and_takes_more(old):
    store = open_store(old)
    before = store.all()
    assert before[:4] == READINGS
    assert {(one.finding, one.grade, one.oedema, one.disc) for one in before[:4]} == {("", None, "", None)}
    assert asked(old, "PRAGMA user_version") == [(4,)]
    opinion = {"finding": "no referable DR", "grade": 1, "oedema": "unsure"}
    new = replace(FIRST, **opinion, disc=Disk(120.5, 80.25, 31.0), number=len(before) + 1)
    assert store.add(new) == new
    assert open_store(old).all() == (*before, new)


@pytest.mark.parametrize("schema", [2], indirect=True)
def test_a_candidate_that_nobody_touched_was_not_reviewed(old):
    last = open_store(old).all()[4]
    added = {one.id: one.status for one in last.lesions if one not in LESIONS}
    assert added == {"candidate-4": "unreviewed"}
    assert {one.status for one in last.reviewed} == {"kept", "deleted", "moved", "added"}


@pytest.mark.parametrize("schema", [3], indirect=True)
def test_what_a_reader_found_stays(old):
    last = open_store(old).all()[4]
    assert (last.finding, last.grade, last.oedema, last.disc) == ("refer", 3, "no", None)


def test_a_damaged_row_stays_as_it_is(old, schema):
    asked(old, "DROP TRIGGER no_update")
    asked(old, "UPDATE readings SET lesions = 'no JSON', comment = 'kept' WHERE number = 2")
    found = open_store(old).read()
    assert [row.number for row in found.damaged] == [2]
    assert asked(old, "SELECT lesions, comment FROM readings WHERE number = 2") == [("no JSON", "kept")]
    assert len(found.readings) == {1: 3, 2: 4, 3: 4}[schema]


def test_an_upgraded_store_has_the_schema_of_a_new_one(old, tmp_path):
    tables = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
    open_store(old)
    new = open_store(tmp_path / "new.sqlite").path
    assert asked(old, tables) == asked(new, tables)
    for statement in ("UPDATE readings SET comment = ''", "DELETE FROM readings"):
        with pytest.raises(sqlite3.IntegrityError, match="are never changed"):
            asked(old, statement)
    assert asked(old, "PRAGMA journal_mode") == [("wal",)]


def test_an_upgrade_that_is_killed_leaves_the_old_store(old, schema):
    before = asked(old, "SELECT * FROM readings")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(old)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert asked(old, "PRAGMA user_version") == [(schema,)]
    assert asked(old, "SELECT * FROM readings") == before
    assert open_store(old).all()[:4] == READINGS
