"""Readings on disk: one SQLite file to which readings are added and in which none is ever changed (see `schema`).

A reading that `add` has returned is safe from a kill of the process and from a loss of power: write-ahead log with
synchronous=FULL, so the log is on the disk before the commit returns (https://www.sqlite.org/wal.html,
https://www.sqlite.org/pragma.html#pragma_synchronous). Several processes and threads may use one file at once; each
waits up to `PATIENCE` seconds for a lock. The file must lie on a local disk: the log needs shared memory. Nothing is
written to a file that is not a store. A damaged row is left out and named; the others stay usable.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from retina_xai.app.readings.model import Reading
from retina_xai.app.readings.schema import SCHEMA_VERSION, insert, numbers_of, reading_of, upgrade, version_of
from retina_xai.errors import InputError

PATIENCE = 30.0

REMEDIES = {
    "SQLITE_FULL": "free some space and save again",
    "SQLITE_READONLY": "make it writable, or choose another place",
    "SQLITE_CANTOPEN": "choose another place",
    "SQLITE_BUSY": "another program holds it; save again when it is done",
    "SQLITE_NOTADB": "choose another file",
    "SQLITE_CORRUPT": "restore it from a backup, or choose another file",
}


@dataclass(frozen=True)
class DamagedRow:
    """A row that holds no reading any more: its number, and in `fault` the line that says why."""

    number: int
    fault: str


@dataclass(frozen=True)
class StoredReadings:
    """What a store holds, in the order of its storing."""

    readings: tuple[Reading, ...] = ()
    damaged: tuple[DamagedRow, ...] = ()


@dataclass(frozen=True)
class ReadingStore:
    """A store that `open_store` opened; may be shared by threads."""

    path: Path

    def add(self, reading: Reading) -> Reading:
        """Store a reading for good; returns it with its number.

        Raises:
            InputError: it cannot be written (disk full, read-only, locked); the store is as it was.
        """
        with _connected(self.path) as connection:
            return replace(reading, number=insert(connection, replace(reading, number=0)))

    def all(self) -> tuple[Reading, ...]:
        """All readings in the order of their storing, without the damaged ones.

        Raises:
            InputError: the store cannot be read.
        """
        return self.read().readings

    def numbers(self, after: int = 0) -> list[int]:
        """The numbers of the rows in order, from the one after `after`.

        Raises:
            InputError: the store cannot be read.
        """
        with _connected(self.path) as connection:
            return numbers_of(connection, after)

    def read(self, numbers: Sequence[int] | None = None) -> StoredReadings:
        """The readings and the damaged rows of these numbers, which are rows of this store, or all.

        Raises:
            InputError: the store cannot be read.
        """
        readings, damaged = [], []
        with _connected(self.path) as connection:
            connection.execute("BEGIN")  # one view of the file
            for number in numbers_of(connection) if numbers is None else numbers:
                try:
                    readings.append(reading_of(self.path, connection, number))
                except InputError as error:
                    damaged.append(DamagedRow(number, str(error)))
        return StoredReadings(tuple(readings), tuple(damaged))


def open_store(path: Path) -> ReadingStore:
    """Open a store of readings, or make one where there is no file; a store of an older schema is upgraded.

    Raises:
        InputError: the file is something else, is of a newer version, or cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot make its folder ({error.strerror}); choose another place") from error
    with _connected(path) as connection:
        connection.execute("BEGIN")  # one view of the file: another process may be making it
        version = version_of(path, connection)
        connection.execute("COMMIT")
        if version != SCHEMA_VERSION:
            upgrade(path, connection)
        _use_log(connection)
    return ReadingStore(path)


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in which each statement is its own transaction unless BEGIN says otherwise.

    Its errors are one line each; a transaction that is not committed is rolled back.
    """
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")
            yield connection
    except (sqlite3.Error, UnicodeDecodeError) as error:  # a message that quotes a damaged schema may be no text
        remedy = REMEDIES.get(_kind(error), "check the disk, or choose another file")
        reason = " ".join(str(error).split())  # of a damaged schema, it has several lines
        raise InputError(f"{path}: not usable as a store of readings ({reason}); {remedy}") from error


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log for good; unlike other statements, this one does not wait for a lock itself."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _kind(error) != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _kind(error: Exception) -> str:
    """The primary result code of SQLite, as SQLITE_READONLY of SQLITE_READONLY_DIRECTORY."""
    return "_".join(str(getattr(error, "sqlite_errorname", "")).split("_")[:2])
