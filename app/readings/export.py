"""Readings as other programs take them: CSV, JSON and COCO.

CSV has one row per lesion, with the facts of its reading repeated; a reading without lesions has one row. JSON holds
all that the store holds. Both keep the history and mark the readings that count ("newest"). COCO is described in
`coco`. Lesions are written in the JSON of `retina_xai.lesions.annotation`, in its coordinates (COCO: see there).

`deidentified` removes names: a photograph is named by its hash, a reader R1, R2 ... in the order of the first readings,
and comments, free text in which anybody may be named, are dropped.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pandas as pd

from retina_xai import __version__
from retina_xai.app.readings.coco import coco_of
from retina_xai.app.readings.model import Reading, newest
from retina_xai.errors import UsageError
from retina_xai.io.files import write_csv, write_json
from retina_xai.lesions.annotation import Annotation

SCHEMA_VERSION = 2
PREFIX = 16
READING_COLUMNS = (
    "reading",
    "newest",
    "reader",
    "time",
    "file",
    "image_sha256",
    "width",
    "height",
    "model_sha256",
    "quality",
    "quality_reason",
    "system_decision",
    "score",
    "threshold",
    "reader_decision",
    "comment",
    "settings",
)
LESION_COLUMNS = ("lesion", "origin", "type", "status", "lesion_score", "x", "y", "area", "shape")


def export_bytes(readings: Sequence[Reading], kind: str) -> bytes:
    """What `write_export` writes, for a download.

    Raises:
        UsageError: no such kind.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "readings"
        write_export(path, readings, kind)
        return path.read_bytes()


def write_export(path: Path, readings: Sequence[Reading], kind: str) -> None:
    """Write readings, in the order of their storing, as one of `EXPORTS`, whole or not at all.

    Raises:
        UsageError: no such kind.
        InputError: the place cannot be written.
    """
    if kind not in EXPORTS:
        raise UsageError(f"unknown export {kind!r}: choose one of {', '.join(EXPORTS)}")
    EXPORTS[kind](path, readings)


def deidentified(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """The same readings without file names, names of readers and comments."""
    pseudonyms: dict[str, str] = {}
    return tuple(
        replace(
            reading,
            reader=pseudonyms.setdefault(reading.reader, f"R{len(pseudonyms) + 1}"),
            image=replace(reading.image, name=reading.image.sha256[:PREFIX]),
            comment="",
        )
        for reading in readings
    )


def table_of(readings: Sequence[Reading]) -> pd.DataFrame:
    """The table of the CSV file, see the head of this module; values that do not apply are None.

    `x`, `y` is the centroid, `area` is in square pixels, `settings` and `shape` are JSON.
    """
    last = {reading.number for reading in newest(readings)}
    rows = [row for reading in readings for row in _rows(reading, reading.number in last)]
    return pd.DataFrame(rows, columns=[*READING_COLUMNS, *LESION_COLUMNS], dtype=object)


def json_of(readings: Sequence[Reading]) -> dict[str, Any]:
    """The content of the JSON file: `Reading.from_json` reads each of "readings", without "newest"."""
    last = {reading.number for reading in newest(readings)}
    return {
        "schema_version": SCHEMA_VERSION,
        "versions": {"retina_xai": __version__},
        "readings": [{**reading.to_json(), "newest": reading.number in last} for reading in readings],
    }


EXPORTS: dict[str, Callable[[Path, Sequence[Reading]], None]] = {
    "csv": lambda path, readings: write_csv(path, table_of(readings)),
    "json": lambda path, readings: write_json(path, json_of(readings)),
    "coco": lambda path, readings: write_json(path, coco_of(readings)),
}
"""What readings can be exported as."""


def _rows(reading: Reading, last: bool) -> list[tuple[Any, ...]]:
    image, verdict = reading.image, reading.verdict
    shared = (
        *(reading.number, last, reading.reader, reading.time.astimezone(UTC).isoformat()),
        *(image.name, image.sha256, image.width, image.height, reading.model_sha256),
        *(verdict.gradability.verdict, verdict.gradability.reason, verdict.decision, verdict.score, verdict.threshold),
        *(reading.decision, reading.comment, json.dumps(dict(reading.settings), ensure_ascii=False, sort_keys=True)),
    )
    nothing = (None,) * len(LESION_COLUMNS)
    return [(*shared, *_lesion_cells(lesion)) for lesion in reading.lesions] or [(*shared, *nothing)]


def _lesion_cells(lesion: Annotation) -> tuple[Any, ...]:
    shape = lesion.shape
    place = (*shape.centroid, shape.area, json.dumps(shape.to_json()))
    return (lesion.id, lesion.origin, lesion.type, lesion.status, lesion.score, *place)
