"""Readings on disk: one SQLite file to which readings are added and in which none is ever changed.

Append-only is kept by the database itself: triggers refuse every UPDATE, DELETE and replacing INSERT, whoever
sends it. A reading that `add` has returned is safe from a kill of the process and from a loss of power: write-ahead
log with synchronous=FULL, so the log is on the disk before the commit returns (https://www.sqlite.org/wal.html,
https://www.sqlite.org/pragma.html#pragma_synchronous). Several processes and threads may use one file at once; who
finds it locked waits up to `PATIENCE` seconds. The file must lie on a local disk: the log needs shared memory.

The file knows what it is: `application_id` tells a store of readings from other databases, `user_version` is the
version of its schema. Nothing is written to a file that is no store.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    create_engine,
    insert,
    select,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from retina_xai.app.readings.model import Reading, from_plain
from retina_xai.errors import InputError

SCHEMA_VERSION = 1
APPLICATION_ID = 0x52584149
"""The letters RXAI, at byte 68 of the file."""

PATIENCE = 30.0

REMEDIES = {
    "SQLITE_FULL": "free some space and save again",
    "SQLITE_READONLY": "make it writable, or choose another place",
    "SQLITE_CANTOPEN": "choose another place",
    "SQLITE_BUSY": "another program holds it; save again when it is done",
    "SQLITE_NOTADB": "choose another file",
    "SQLITE_CORRUPT": "restore it from a backup, or choose another file",
}

METADATA = MetaData()
READINGS = Table(
    "readings",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("reader", String, nullable=False),
    Column("time", String, nullable=False),
    Column("image_sha256", String, nullable=False),
    Column("model_sha256", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("comment", String, nullable=False),
    Column("image", JSON, nullable=False),
    Column("finding", JSON, nullable=False),
    Column("lesions", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    CheckConstraint("number > 0"),  # a trigger before INSERT sees -1 where the number is still to be given
    Index("readings_of_image", "image_sha256", "model_sha256", "reader"),
    sqlite_autoincrement=True,
)
REFUSE = "BEGIN SELECT RAISE(ABORT, 'readings are never changed: add another'); END"
TRIGGERS = (
    f"CREATE TRIGGER no_update BEFORE UPDATE ON readings {REFUSE}",
    f"CREATE TRIGGER no_delete BEFORE DELETE ON readings {REFUSE}",
    "CREATE TRIGGER no_replace BEFORE INSERT ON readings "
    f"WHEN EXISTS (SELECT 1 FROM readings WHERE number = NEW.number) {REFUSE}",
)


@dataclass(frozen=True)
class ReadingStore:
    """A store that `open_store` opened; may be shared by threads."""

    path: Path
    engine: Engine

    def add(self, reading: Reading) -> Reading:
        """Store a reading for good; returns it with its number.

        Raises:
            InputError: it cannot be written (disk full, read-only, locked); the store is as it was.
        """
        values = {**reading.to_plain(), "image_sha256": reading.image.sha256}
        del values["number"]
        with _connected(self.path, self.engine) as connection:
            key = connection.execute(insert(READINGS), values).inserted_primary_key
        if key is None:
            raise InputError(f"{self.path}: the reading got no number; save again")
        return replace(reading, number=key[0])

    def latest(self, image_sha256: str, model_sha256: str, reader: str) -> Reading | None:
        """The last reading of a photograph with these weights by this reader, or None.

        Raises:
            InputError: the store cannot be read.
        """
        chosen = self._of(image_sha256, model_sha256, reader)
        found = self._read(chosen.order_by(READINGS.c.number.desc()).limit(1))
        return found[0] if found else None

    def history(
        self, image_sha256: str, model_sha256: str | None = None, reader: str | None = None
    ) -> tuple[Reading, ...]:
        """All readings of a photograph, of all weights and readers unless named, in the order of their storing.

        Raises:
            InputError: the store cannot be read.
        """
        return self._read(self._of(image_sha256, model_sha256, reader).order_by(READINGS.c.number))

    def all(self) -> tuple[Reading, ...]:
        """All readings in the order of their storing.

        Raises:
            InputError: the store cannot be read.
        """
        return self._read(select(READINGS).order_by(READINGS.c.number))

    def _of(self, image_sha256: str, model_sha256: str | None, reader: str | None) -> Select[Any]:
        wanted = {"image_sha256": image_sha256, "model_sha256": model_sha256, "reader": reader}
        return select(READINGS).filter_by(**{name: value for name, value in wanted.items() if value is not None})

    def _read(self, query: Select[Any]) -> tuple[Reading, ...]:
        with _connected(self.path, self.engine) as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return tuple(self._reading_of(row) for row in rows)

    def _reading_of(self, row: dict[str, Any]) -> Reading:
        try:
            return from_plain({name: value for name, value in row.items() if name != "image_sha256"})
        except InputError as error:
            raise InputError(f"{self.path}: row {row['number']} is {error}") from error


def open_store(path: Path) -> ReadingStore:
    """Open a store of readings, or make one where there is no file.

    Raises:
        InputError: the file is something else, is of a newer version, or cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot make its folder ({error.strerror}); choose another place") from error
    engine = create_engine(
        "sqlite://",
        creator=partial(_connect, path),
        poolclass=NullPool,
        json_serializer=partial(json.dumps, allow_nan=False),
    )
    with _connected(path, engine) as connection:
        connection.exec_driver_sql("BEGIN")  # one view of the file: another process may be making it
        empty = _is_empty(path, connection)
        connection.commit()
        if empty:
            _create(path, connection)
        _use_log(connection)
    return ReadingStore(path, engine)


def _connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode: each statement is its own transaction unless BEGIN says otherwise."""
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def _connected(path: Path, engine: Engine) -> Iterator[Connection]:
    """A connection whose errors are one line each."""
    try:
        with engine.connect() as connection:
            yield connection
            connection.commit()
    except (DatabaseError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DatabaseError) else error
        remedy = REMEDIES.get(_kind(cause), "check the disk, or choose another file")
        raise InputError(f"{path}: not usable as a store of readings ({cause}); {remedy}") from error


def _is_empty(path: Path, connection: Connection) -> bool:
    """Whether the file holds nothing yet; an error where it holds something else than readings of this version."""
    application, version, tables = (
        connection.exec_driver_sql(query).scalar_one()
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT COUNT(*) FROM sqlite_master")
    )
    if (application, version, tables) == (0, 0, 0):
        return True
    if application != APPLICATION_ID:
        raise InputError(f"{path}: a database, but no store of readings; choose another file")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path}: readings of schema {version}, this version reads {SCHEMA_VERSION}; update retina-xai"
        )
    return False


def _create(path: Path, connection: Connection) -> None:
    """Make the schema, unless another process has made it meanwhile."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    if _is_empty(path, connection):
        METADATA.create_all(connection)
        for trigger in TRIGGERS:
            connection.exec_driver_sql(trigger)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.commit()


def _use_log(connection: Connection) -> None:
    """Switch to the write-ahead log for good; unlike other statements, this one does not wait for a lock itself."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except DatabaseError as error:
            if _kind(error.orig) != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _kind(error: BaseException | None) -> str:
    """The primary result code of SQLite, as SQLITE_READONLY of SQLITE_READONLY_DIRECTORY."""
    return "_".join(str(getattr(error, "sqlite_errorname", "")).split("_")[:2])
