"""The schema of the store of readings, and the migration of older stores.

The file identifies itself: `application_id` distinguishes a store of readings from other databases, `user_version` is
the version of its schema. Schema 2 and 3 hold lesions as `retina_xai.lesions.annotation` and the system's verdict as
`retina_xai.verdict` write them in JSON. Schema 1 had lesions with a "source" and circles or polygons, and the verdict
in a column "finding"; coordinates meant the same.

Schema 3 has the reader's finding, grade and macular oedema, which schema 2 had not: readings of it have an agreement
alone. In schema 2 a candidate was "kept" unless it was rejected. Whether its reader had looked at it is known only
where a type was given; the others become "unreviewed". Schema 4 has the optic disc that the reader marked; readings of
schema 3 have none.

Append-only is enforced by the database itself: triggers refuse every UPDATE, DELETE and replacing INSERT. A damaged row
stays as it is, through upgrades too.
"""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retina_xai.app.readings.model import Reading
from retina_xai.errors import InputError
from retina_xai.io.files import parse_json
from retina_xai.lesions.annotation import UNSPECIFIED

SCHEMA_VERSION = 4
APPLICATION_ID = 0x52584149
"""The letters RXAI, at byte 68 of the file."""

# A trigger before INSERT sees the number -1 where the number is still to be given, hence the CHECK.
TABLE = """
CREATE TABLE readings (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    reader TEXT NOT NULL,
    time TEXT NOT NULL,
    image_sha256 TEXT NOT NULL,
    model_sha256 TEXT NOT NULL,
    decision TEXT NOT NULL,
    finding TEXT NOT NULL,
    grade INTEGER,
    oedema TEXT NOT NULL,
    comment TEXT NOT NULL,
    image TEXT NOT NULL,
    verdict TEXT NOT NULL,
    lesions TEXT NOT NULL,
    settings TEXT NOT NULL,
    disc TEXT NOT NULL,
    CHECK (number > 0)
)
"""
INDEX = "CREATE INDEX readings_of_image ON readings (image_sha256, model_sha256, reader)"
REFUSE = "BEGIN SELECT RAISE(ABORT, 'readings are never changed: add another'); END"
TRIGGERS = (
    f"CREATE TRIGGER no_update BEFORE UPDATE ON readings {REFUSE}",
    f"CREATE TRIGGER no_delete BEFORE DELETE ON readings {REFUSE}",
    "CREATE TRIGGER no_replace BEFORE INSERT ON readings "
    f"WHEN EXISTS (SELECT 1 FROM readings WHERE number = NEW.number) {REFUSE}",  # nosec B608 # constants only
)
COPY = (
    "INSERT INTO readings SELECT number, reader, time, image_sha256, model_sha256, decision, {opinion}, comment, "
    "image, {verdict}, lesions, settings, 'null' FROM former WHERE number = ?"
)
COPIES = {
    1: COPY.format(opinion="'', NULL, ''", verdict="finding"),
    2: COPY.format(opinion="'', NULL, ''", verdict="verdict"),
    3: COPY.format(opinion="finding, grade, oedema", verdict="verdict"),
}
"""The bytes of a damaged row as they are, by the schema that it comes from."""

INSERT = """
INSERT INTO readings (
    number, reader, time, image_sha256, model_sha256, decision, finding, grade, oedema, comment, image, verdict,
    lesions, settings, disc
) VALUES (
    :number, :reader, :time, :image_sha256, :model_sha256, :decision, :finding, :grade, :oedema, :comment, :image,
    :verdict, :lesions, :settings, :disc
)
"""
JSON_COLUMNS = ("image", "verdict", "lesions", "settings", "disc")
ORIGINS = {"candidate": "candidate", "drawn": "reader"}
"""Origins of annotations by the sources of lesions in schema 1."""

Conversion = Callable[[dict[str, Any]], dict[str, Any]]


def version_of(path: Path, connection: sqlite3.Connection) -> int:
    """The version of a store's schema; 0 for an empty file.

    Raises:
        InputError: the file holds something else, or a newer version.
    """
    application, version, tables = (
        connection.execute(query).fetchone()[0]
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT COUNT(*) FROM sqlite_master")
    )
    if (application, version, tables) == (0, 0, 0):
        return 0
    if application != APPLICATION_ID:
        raise InputError(f"{path}: a database, but no store of readings; choose another file")
    if version not in UPGRADES and version != SCHEMA_VERSION:
        raise InputError(
            f"{path}: readings of schema {version}, this version reads {SCHEMA_VERSION}; update retina-xai"
        )
    return int(version)


def upgrade(path: Path, connection: sqlite3.Connection) -> None:
    """Bring a store to `SCHEMA_VERSION` in one transaction; nothing where another process has done it meanwhile.

    Raises:
        InputError: a file as in `version_of`; it is as it was.
    """
    connection.execute("BEGIN IMMEDIATE")
    version = version_of(path, connection)
    if version != SCHEMA_VERSION:
        UPGRADES[version](path, connection)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def insert(connection: sqlite3.Connection, reading: Reading) -> int:
    """Add a reading under its number, or under the next one if it is 0; returns the number."""
    values = {**reading.to_json(), "image_sha256": reading.image.sha256, "number": reading.number or None}
    values |= {name: json.dumps(values[name], allow_nan=False) for name in JSON_COLUMNS}
    return int(connection.execute(INSERT, values).lastrowid or 0)


def numbers_of(connection: sqlite3.Connection, after: int = 0) -> list[int]:
    """The numbers of all rows above `after` in order, also where a part of the table is damaged: the index holds them
    too.
    """
    try:
        found = connection.execute("SELECT number FROM readings WHERE number > ?", (after,)).fetchall()
    except sqlite3.DatabaseError:
        query = "SELECT number FROM readings INDEXED BY readings_of_image WHERE number > ?"
        found = connection.execute(query, (after,)).fetchall()
    return sorted(number for (number,) in found)


def reading_of(path: Path, connection: sqlite3.Connection, number: int) -> Reading:
    """The reading of a row.

    Raises:
        InputError: the row holds no reading.
    """
    return _reading_in(path, connection, number, "SELECT * FROM readings WHERE number = ?", dict)


def _reading_in(path: Path, connection: sqlite3.Connection, number: int, query: str, convert: Conversion) -> Reading:
    """The reading that a query finds; `convert` turns the values of an older schema into those of this one."""
    try:
        values = dict(connection.execute(query, (number,)).fetchone())
        image = values.pop("image_sha256")
        for name in JSON_COLUMNS:
            if name in values:
                values[name] = parse_json(values[name])
        reading = Reading.from_json(convert(values))
        if reading.image.sha256 != image:
            raise InputError("not a reading (its photograph is named by two hashes)")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = error if isinstance(error, InputError) else f"not a reading ({type(error).__name__}: {error})"
        raise InputError(f"{path}: row {number} is {detail}") from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise  # of the whole file; a text that is not UTF-8 has no code
        raise InputError(f"{path}: row {number} is damaged ({error})") from error
    return reading


def _create(path: Path, connection: sqlite3.Connection) -> None:
    """Make the schema in an empty file."""
    for statement in (TABLE, INDEX, *TRIGGERS):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _rewrite(path: Path, connection: sqlite3.Connection, convert: Conversion, copy: str) -> None:
    """Replace the table by one of this schema, with the same readings under the same numbers and damaged rows as is."""
    connection.execute("CREATE TEMPORARY TABLE former AS SELECT * FROM readings")
    connection.execute("DROP TABLE readings")
    _create(path, connection)
    for (number,) in connection.execute("SELECT number FROM former ORDER BY number").fetchall():
        query = "SELECT * FROM former WHERE number = ?"
        try:
            insert(connection, _reading_in(path, connection, number, query, convert))
        except InputError:
            connection.execute(copy, (number,))
    connection.execute("DROP TABLE former")


def _from_schema_3(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "disc": None}


def _from_schema_2(values: dict[str, Any]) -> dict[str, Any]:
    lesions = [{**lesion, "status": _status_of_schema_2(lesion)} for lesion in values["lesions"]]
    return _from_schema_3({**values, "lesions": lesions})


def _status_of_schema_2(lesion: dict[str, Any]) -> str:
    untouched = (lesion["origin"], lesion["status"], lesion["type"]) == ("candidate", "kept", UNSPECIFIED)
    return "unreviewed" if untouched else str(lesion["status"])


def _from_schema_1(values: dict[str, Any]) -> dict[str, Any]:
    finding = parse_json(values.pop("finding"))
    verdict = {
        "gradability": {"verdict": finding["quality"], "reason": finding["reason"]},
        "prediction": {
            "rdr_score": finding["score"],
            "threshold": finding["threshold"],
            "decision": finding["decision"],
        },
    }
    lesions = [
        {**lesion, "origin": ORIGINS[lesion["source"]], "shape": _shape_of_schema_1(lesion["shape"])}
        for lesion in values["lesions"]
    ]
    return _from_schema_2({**values, "verdict": verdict, "lesions": lesions})


def _shape_of_schema_1(shape: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "outline", "rings": [shape["points"]]} if "points" in shape else {"kind": "disk", **shape}


UPGRADES: dict[int, Callable[[Path, sqlite3.Connection], None]] = {
    0: _create,
    1: lambda path, connection: _rewrite(path, connection, _from_schema_1, COPIES[1]),
    2: lambda path, connection: _rewrite(path, connection, _from_schema_2, COPIES[2]),
    3: lambda path, connection: _rewrite(path, connection, _from_schema_3, COPIES[3]),
}
"""How a file of an older schema becomes one of `SCHEMA_VERSION`."""
