"""The index of readings: new rows are read once, without lesions; whole readings come from the store."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from helpers.readings import READING

from retina_xai.app.readings.store import ReadingStore, open_store
from retina_xai.app.viewer.reading_index import AT_ONCE, ReadingIndex
from retina_xai.errors import InputError


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "readings.sqlite")


def add(store, *readers):
    return [store.add(replace(READING, reader=reader)) for reader in readers]


def test_heads_are_the_readings_of_one_reader_without_lesions_and_settings(store):
    index = ReadingIndex(store)
    assert index.heads("Ada") == ()
    first, _, third = add(store, "Ada", "Finn", "Ada")
    assert index.heads("Ada") == tuple(replace(one, lesions=(), settings={}) for one in (first, third))
    (fourth,) = add(store, "Ada")
    assert [head.number for head in index.heads("Ada")] == [first.number, third.number, fourth.number]
    assert index.full(lambda head: head.reader == "Ada") == (first, third, fourth)
    assert first.lesions and first.settings
    assert index.damaged == ()


def test_each_row_is_read_once(store, monkeypatch):
    read, asked = ReadingStore.read, []
    monkeypatch.setattr(ReadingStore, "read", lambda self, numbers: asked.extend(numbers) or read(self, numbers))
    index = ReadingIndex(store)
    count = AT_ONCE + 2
    add(store, *["Ada"] * count)
    for _ in range(3):
        assert len(index.heads("Ada")) == count
    add(store, "Ada")
    assert len(index.heads("Ada")) == count + 1
    assert asked == [*range(1, count + 2)]


def test_a_row_that_is_damaged_later_is_left_out_and_named(store):
    add(store, "Ada", "Ada")
    index = ReadingIndex(store)
    assert len(index.heads("Ada")) == 2
    with sqlite3.connect(store.path) as connection:
        connection.execute("DROP TRIGGER no_update")
        connection.execute("UPDATE readings SET lesions = '[' WHERE number = 1")
    assert [one.number for one in index.full(lambda _: True)] == [2]
    assert index.damaged == (1,)
    assert [head.number for head in index.heads("Ada")] == [2]


@pytest.mark.parametrize("by", [shutil.copy, shutil.move], ids=["over the file", "in its place"])
def test_an_older_copy_in_the_place_of_the_store_is_read_anew(store, tmp_path, by):
    add(store, "Ada")
    with closing(sqlite3.connect(store.path)) as connection, closing(sqlite3.connect(tmp_path / "backup")) as backup:
        connection.backup(backup)
    add(store, "Ada", "Ada")
    index = ReadingIndex(store)
    assert len(index.heads("Ada")) == 3
    for log in tmp_path.glob(f"{store.path.name}-*"):
        log.unlink()
    by(tmp_path / "backup", store.path)
    (second,) = add(store, "Finn")
    assert [one.number for one in index.heads("Ada")] == [1]
    assert index.full(lambda head: head.number == 2) == (second,)
    assert index.damaged == ()


def test_a_head_knows_how_many_lesions_were_marked_and_leads_to_its_reading(store):
    (reading,) = add(store, "Ada")
    index = ReadingIndex(store)
    (head,) = index.heads("Ada")
    assert index.marks(head) == 2  # one kept, one drawn; another is deleted
    assert index.whole(head) == reading
    with sqlite3.connect(store.path) as connection:
        connection.execute("DROP TRIGGER no_update")
        connection.execute("UPDATE readings SET lesions = '['")
    with pytest.raises(InputError, match="reading 1 is damaged"):
        index.whole(head)
