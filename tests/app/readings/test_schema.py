"""A store of schema 1 opens and shows the same readings; an upgrade that is interrupted leaves it as it was.

schema1.sqlite was written by the first version of the store; its readings are made up.
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


@pytest.fixture
def old(tmp_path):
    """A store of schema 1."""
    path = tmp_path / "readings.sqlite"
    shutil.copy(Path(__file__).with_name("schema1.sqlite"), path)
    return path


def asked(path, query):
    """The answer of the database itself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(query).fetchall()


def test_an_old_store_shows_the_same_readings_and_takes_more(old):
    store = open_store(old)
    assert store.all() == READINGS
    assert asked(old, "PRAGMA user_version") == [(2,)]
    assert store.add(FIRST).number == 5
    assert open_store(old).all()[:4] == READINGS


def test_an_upgraded_store_has_the_schema_of_a_new_one(old, tmp_path):
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
    open_store(old)
    new = open_store(tmp_path / "new.sqlite").path
    assert asked(old, schema) == asked(new, schema)
    for statement in ("UPDATE readings SET comment = ''", "DELETE FROM readings"):
        with pytest.raises(sqlite3.IntegrityError, match="are never changed"):
            asked(old, statement)
    assert asked(old, "PRAGMA journal_mode") == [("wal",)]


def test_an_upgrade_that_is_killed_leaves_the_old_store(old):
    before = asked(old, "SELECT * FROM readings")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(old)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert asked(old, "PRAGMA user_version") == [(1,)]
    assert asked(old, "SELECT * FROM readings") == before
    assert open_store(old).all() == READINGS
