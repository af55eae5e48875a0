"""What was stored stays: through kills, second thoughts, two writers and SQL."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread, Timer

import pytest
from helpers.readings import READING, reading_of

from retina_xai.app.readings.model import newest
from retina_xai.app.readings.schema import APPLICATION_ID
from retina_xai.app.readings.store import _connected, open_store
from retina_xai.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from retina_xai.app.readings.store import open_store
from helpers.readings import READING
store = open_store(Path(sys.argv[1]))
for count in range(int(sys.argv[3])):
    stored = store.add(replace(READING, reader=sys.argv[2], comment=f"{count} " + "x" * 3000))
    print(stored.number, count, flush=True)
"""
TEXT = "Зоя 山田 🙂 e\u0301 \u202e a\x00b '; DROP TABLE readings; --"


def writer(path, reader, count):
    """A process that stores readings and tells each when it is stored."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    command = [sys.executable, "-c", WRITER, str(path), reader, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "readings.sqlite")


def test_what_is_stored_comes_back_the_same(store):
    first = store.add(replace(READING, reader=TEXT, comment=TEXT, settings={"a": [1, None, {"b": TEXT}]}))
    assert first == replace(READING, reader=TEXT, comment=TEXT, settings={"a": [1, None, {"b": TEXT}]}, number=1)
    assert open_store(store.path).all() == (first,)


def test_readings_come_in_the_order_of_their_storing_whatever_the_clock_said(store):
    first = store.add(READING)
    last = store.add(replace(READING, time=READING.time.replace(year=2020), decision="agree", number=99))
    elsewhere = store.add(reading_of("b.png"))
    assert store.all() == (first, last, elsewhere)
    assert [one.number for one in store.all()] == [1, 2, 3]
    assert newest(store.all()) == (last, elsewhere)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE readings SET comment = 'other'",
        "DELETE FROM readings",
        "INSERT OR REPLACE INTO readings SELECT * FROM readings",
        "REPLACE INTO readings SELECT * FROM readings WHERE number = 1",
        "INSERT INTO readings SELECT * FROM readings WHERE true ON CONFLICT DO UPDATE SET comment = 'other'",
    ],
)
def test_the_database_itself_refuses_changes(store, statement):
    stored = store.add(READING)
    with sqlite3.connect(store.path) as connection, pytest.raises(sqlite3.IntegrityError, match="are never changed"):
        connection.execute(statement)
    assert store.all() == (stored,)


def test_the_database_has_a_log_and_waits_for_the_disk(store):
    with _connected(store.path) as connection:
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]


def test_a_kill_loses_nothing_that_was_stored(tmp_path):
    path = tmp_path / "readings.sqlite"
    child = writer(path, "Ada", 100_000)
    told = [child.stdout.readline().split() for _ in range(25)]
    child.send_signal(signal.SIGKILL)
    told += [line.split() for line in child.stdout if line.endswith("\n")]
    child.wait()
    kept = open_store(path).all()
    assert [[str(one.number), one.comment.split()[0]] for one in kept][: len(told)] == told
    assert len(told) <= len(kept) <= len(told) + 1
    assert open_store(path).add(READING).number == len(kept) + 1


def test_two_processes_make_and_fill_one_store_at_once(tmp_path):
    path = tmp_path / "new" / "readings.sqlite"
    children = [writer(path, reader, 30) for reader in ("Ada", "Bob")]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    for child in children:
        child.stdout.close()
    readings = open_store(path).all()
    assert [one.number for one in readings] == list(range(1, 61))
    for reader in ("Ada", "Bob"):
        assert [one.comment.split()[0] for one in readings if one.reader == reader] == [str(i) for i in range(30)]


def test_a_store_may_be_made_by_another_while_it_is_opened(tmp_path, monkeypatch):
    path, others = tmp_path / "readings.sqlite", []

    class Interrupted(sqlite3.Connection):
        def execute(self, statement, *values):
            if statement == "PRAGMA user_version" and not others:
                others.append(Thread(target=lambda: open_store(path).add(READING)))
                others[0].start()
                others[0].join(timeout=0.5)
            return super().execute(statement, *values)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Interrupted))
    store = open_store(path)
    others[0].join()
    assert [one.number for one in (*store.all(), store.add(READING))] == [1, 2]


def test_a_store_may_be_opened_while_another_still_makes_it(store):
    other = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN IMMEDIATE")
    Timer(0.3, other.rollback).start()
    assert open_store(store.path).add(READING).number == 1
    other.close()
    with _connected(store.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_threads_may_share_a_store(store):
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(store.add, [READING] * 32))
    assert sorted(one.number for one in stored) == list(range(1, 33))
    assert len(store.all()) == 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 100), "file is not a database.; choose another file"),
        (lambda path: path.mkdir(), "unable to open database file.; choose another place"),
        (lambda path: run(path, "CREATE TABLE t (a)"), "a database, but no store of readings; choose another file"),
        (lambda path: run(path, "PRAGMA application_id = 7"), "a database, but no store of readings"),
        (
            lambda path: (open_store(path), run(path, "PRAGMA user_version = 5")),
            "readings of schema 5, this version reads 4; update retina-xai",
        ),
    ],
)
def test_other_files_are_refused_in_one_line_and_left_alone(tmp_path, make, message):
    path = tmp_path / "x.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(InputError, match=f"x.sqlite: .*{message}") as caught:
        open_store(path)
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_place_that_is_no_folder_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="readings.sqlite: cannot make its folder .* choose another place"):
        open_store(tmp_path / "file" / "readings.sqlite")


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("max_page_count = 1", "database or disk is full.; free some space and save again"),
        ("query_only = true", "attempt to write a readonly database.; make it writable, or choose another place"),
    ],
)
def test_a_full_or_read_only_disk_is_one_line_and_changes_nothing(store, monkeypatch, pragma, message):
    stored = store.add(READING)
    connect = sqlite3.connect

    def limited(*args, **kwargs):
        connection = connect(*args, **kwargs)
        connection.execute(f"PRAGMA {pragma}")
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)
    with pytest.raises(InputError, match=f"readings.sqlite: .*{message}"):
        store.add(replace(READING, comment="x" * 4000, settings={"a": "x" * 100_000}))
    assert store.all() == (stored,)


def test_a_locked_store_is_one_line(store, monkeypatch):
    monkeypatch.setattr("retina_xai.app.readings.store.PATIENCE", 0.05)
    with sqlite3.connect(store.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="database is locked.; another program holds it"):
            store.add(READING)
        assert store.all() == ()


def test_a_half_made_file_becomes_a_store(tmp_path):
    path = tmp_path / "readings.sqlite"
    path.touch()
    assert open_store(path).all() == ()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def run(path, statement):
    """One statement by other means than the store's."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()
