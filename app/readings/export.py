"""Readings as other programs take them: CSV, JSON and COCO.

CSV is one row per lesion, with the facts of its reading repeated; a reading without lesions has one row. JSON holds
all that the store holds. Both keep the history and mark the readings that count ("newest"). COCO
(https://cocodataset.org/#format-data) holds only those that count, and no lesion that the reader deleted: one
annotation per lesion with bounding box, outline and area in pixels of the file; categories are the lesion types.

COCO knows no circles: one is written as a polygon. Corners beyond the border of the picture are moved onto it, and what
lies wholly beyond it, or is a line without area, is left out. The area is that of the outline as written.

`deidentified` takes out who and whose: a photograph is named by its hash, a reader R1, R2 ... in the order of their
first reading, and comments, free text in which anybody may be named, are dropped.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from retina_xai import __version__
from retina_xai.app.readings.model import READ_TYPES, Circle, Reading, ReadLesion, newest, outline_within
from retina_xai.errors import UsageError
from retina_xai.io.files import write_csv, write_json

SCHEMA_VERSION = 1
PREFIX = 16
CATEGORIES = {name: number for number, name in enumerate(READ_TYPES, start=1)}
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
LESION_COLUMNS = ("lesion", "source", "type", "status", "lesion_score", "x", "y", "radius", "points")


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
    """The table of the CSV file, see the module's head; what does not apply is None.

    `settings` and `points` (of a polygon; a circle has x, y and radius) are JSON.
    """
    last = {reading.number for reading in newest(readings)}
    rows = [row for reading in readings for row in _rows(reading, reading.number in last)]
    return pd.DataFrame(rows, columns=[*READING_COLUMNS, *LESION_COLUMNS], dtype=object)


def plain_of(readings: Sequence[Reading]) -> dict[str, Any]:
    """The content of the JSON file: `readings.from_plain` reads each of "readings", less "newest"."""
    last = {reading.number for reading in newest(readings)}
    return {
        "schema_version": SCHEMA_VERSION,
        "versions": {"retina_xai": __version__},
        "readings": [{**reading.to_plain(), "newest": reading.number in last} for reading in readings],
    }


def coco_of(readings: Sequence[Reading]) -> dict[str, Any]:
    """The content of the COCO file; beside the standard keys, what a lesion was read from and by whom."""
    counted = newest(readings)
    images = {reading.image.sha256: reading.image for reading in counted}
    numbers = {sha256: number for number, sha256 in enumerate(images, start=1)}
    annotations = [
        annotation
        for reading in counted
        for lesion in reading.lesions
        for annotation in _annotations(reading, lesion, numbers[reading.image.sha256])
    ]
    return {
        "info": {
            "description": "Lesions of fundus photographs as readers left them; research use only",
            "version": __version__,
        },
        "licenses": [],
        "images": [
            {
                "id": numbers[sha256],
                "file_name": image.name,
                "width": image.width,
                "height": image.height,
                "sha256": sha256,
            }
            for sha256, image in images.items()
        ],
        "annotations": [{"id": number, **one} for number, one in enumerate(annotations, start=1)],
        "categories": [{"id": number, "name": name, "supercategory": "lesion"} for name, number in CATEGORIES.items()],
    }


EXPORTS: dict[str, Callable[[Path, Sequence[Reading]], None]] = {
    "csv": lambda path, readings: write_csv(path, table_of(readings)),
    "json": lambda path, readings: write_json(path, plain_of(readings)),
    "coco": lambda path, readings: write_json(path, coco_of(readings)),
}
"""What readings can be exported as."""


def _rows(reading: Reading, last: bool) -> list[tuple[Any, ...]]:
    image, finding = reading.image, reading.finding
    shared = (
        *(reading.number, last, reading.reader, reading.time.astimezone(UTC).isoformat()),
        *(image.name, image.sha256, image.width, image.height, reading.model_sha256),
        *(finding.quality, finding.reason, finding.decision, finding.score, finding.threshold),
        *(reading.decision, reading.comment, json.dumps(dict(reading.settings), ensure_ascii=False, sort_keys=True)),
    )
    nothing = (None,) * len(LESION_COLUMNS)
    return [(*shared, *cells) for cells in map(_lesion_cells, reading.lesions)] or [(*shared, *nothing)]


def _lesion_cells(lesion: ReadLesion) -> tuple[Any, ...]:
    shape = lesion.shape
    place = (
        (shape.x, shape.y, shape.radius, None)
        if isinstance(shape, Circle)
        else (None, None, None, json.dumps(shape.points))
    )
    return (lesion.id, lesion.source, lesion.type, lesion.status, lesion.score, *place)


def _annotations(reading: Reading, lesion: ReadLesion, image_id: int) -> list[dict[str, Any]]:
    """The annotation of a lesion; none where it was deleted or has no area inside the picture."""
    outline = np.array(outline_within(lesion.shape, reading.image))
    area = cv2.contourArea(outline.astype(np.float32))
    if lesion.status == "deleted" or area == 0:
        return []
    (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
    return [
        {
            "image_id": image_id,
            "category_id": CATEGORIES[lesion.type],
            "bbox": [float(left), float(top), float(right - left), float(bottom - top)],
            "segmentation": [outline.ravel().tolist()],
            "area": area,
            "iscrowd": 0,
            "attributes": {
                "reading": reading.number,
                "reader": reading.reader,
                "lesion": lesion.id,
                "source": lesion.source,
                "status": lesion.status,
                "score": lesion.score,
            },
        }
    ]
