"""Readings as other programs take them: CSV, JSON and COCO.

Lesions are those that the reader reviewed, and "mark" says whose each is; "not_reviewed" is the number of candidates
that were shown beside them. CSV has one row per lesion, with the facts of its reading repeated; a reading without
lesions has one row. CSV and JSON keep the history and mark the readings that count ("newest"). COCO is described in
`coco`. Lesions are written in the JSON of `retina_xai.lesions.annotation`, in its coordinates (COCO: see there).

All three name the damaged rows of the store, which they leave out: CSV by a row that holds only the number and
"damaged", JSON and COCO by a list "damaged_rows".

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

from retina_xai import __version__
from retina_xai.app.readings.coco import coco_of
from retina_xai.app.readings.model import MARKS, Reading, newest
from retina_xai.errors import UsageError
from retina_xai.io.files import write_csv, write_json
from retina_xai.lesions.annotation import Annotation

SCHEMA_VERSION = 4
PREFIX = 16
READING_COLUMNS = (
    "reading",
    "newest",
    "damaged",
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
    "finding",
    "grade",
    "oedema",
    "disc_x",
    "disc_y",
    "disc_diameter",
    "not_reviewed",
    "comment",
    "settings",
)
LESION_COLUMNS = (
    *("lesion", "origin", "type", "status", "mark", "lesion_score", "lesion_effect"),
    *("x", "y", "area", "shape"),
)
COLUMNS = (*READING_COLUMNS, *LESION_COLUMNS)
"""Of the CSV file."""


def export_bytes(readings: Sequence[Reading], kind: str, damaged: Sequence[int] = ()) -> bytes:
    """What `write_export` writes, for a download.

    Raises:
        UsageError: no such kind.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "readings"
        write_export(path, readings, kind, damaged)
        return path.read_bytes()


def write_export(path: Path, readings: Sequence[Reading], kind: str, damaged: Sequence[int] = ()) -> None:
    """Write readings, in the order of their storing, as one of `EXPORTS`, whole or not at all.

    Args:
        damaged: numbers of the damaged rows of the store.

    Raises:
        UsageError: no such kind.
        InputError: the place cannot be written.
    """
    if kind not in EXPORTS:
        raise UsageError(f"unknown export {kind!r}: choose one of {', '.join(EXPORTS)}")
    EXPORTS[kind](path, readings, damaged)


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


def table_rows(readings: Sequence[Reading], damaged: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    """The rows of the CSV file, see the head of this module: a value for each of `COLUMNS`, None if it does not apply.

    `x`, `y` is the centroid, `area` is in square pixels, `settings` and `shape` are JSON. `disc_x`, `disc_y` and
    `disc_diameter` are those of the optic disc that the reader marked, in pixels.
    """
    last = {reading.number for reading in newest(readings)}
    rows = [row for reading in readings for row in _rows(reading, reading.number in last)]
    rows += [(number, False, True) for number in damaged]
    return [(*row, *[None] * (len(COLUMNS) - len(row))) for row in rows]


def json_of(readings: Sequence[Reading], damaged: Sequence[int] = ()) -> dict[str, Any]:
    """The content of the JSON file: `Reading.from_json` reads "readings" without "newest" and "not_reviewed"."""
    last = {reading.number for reading in newest(readings)}
    return {
        "schema_version": SCHEMA_VERSION,
        "versions": {"retina_xai": __version__},
        "damaged_rows": list(damaged),
        "readings": [{**_reviewed_json(reading), "newest": reading.number in last} for reading in readings],
    }


EXPORTS: dict[str, Callable[[Path, Sequence[Reading], Sequence[int]], None]] = {
    "csv": lambda path, readings, damaged: write_csv(path, COLUMNS, table_rows(readings, damaged)),
    "json": lambda path, readings, damaged: write_json(path, json_of(readings, damaged)),
    "coco": lambda path, readings, damaged: write_json(path, coco_of(readings, damaged)),
}
"""What readings can be exported as."""


def _reviewed_json(reading: Reading) -> dict[str, Any]:
    return {**replace(reading, lesions=reading.reviewed).to_json(), "not_reviewed": reading.not_reviewed}


def _rows(reading: Reading, last: bool) -> list[tuple[Any, ...]]:
    """Cells of each lesion of a reading; trailing cells that do not apply are left out."""
    image, verdict = reading.image, reading.verdict
    shared = (
        *(reading.number, last, False, reading.reader, reading.time.astimezone(UTC).isoformat()),
        *(image.name, image.sha256, image.width, image.height, reading.model_sha256),
        *(verdict.gradability.verdict, verdict.gradability.reason, verdict.decision, verdict.score, verdict.threshold),
        *(reading.decision, reading.finding or None, reading.grade, reading.oedema or None, *_disc_cells(reading)),
        reading.not_reviewed,
        *(reading.comment, json.dumps(dict(reading.settings), ensure_ascii=False, sort_keys=True)),
    )
    return [(*shared, *_lesion_cells(lesion)) for lesion in reading.reviewed] or [shared]


def _disc_cells(reading: Reading) -> tuple[float | None, float | None, float | None]:
    disc = reading.disc
    return (None, None, None) if disc is None else (disc.x, disc.y, 2 * disc.radius)


def _lesion_cells(lesion: Annotation) -> tuple[Any, ...]:
    shape = lesion.shape
    place = (*shape.centroid, shape.area, json.dumps(shape.to_json()))
    mark = MARKS.get((lesion.origin, lesion.status), "")
    return (lesion.id, lesion.origin, lesion.type, lesion.status, mark, lesion.score, lesion.effect, *place)
