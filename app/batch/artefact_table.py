"""artefacts.csv: the photographs with candidates at suspicious places, and their scores and decisions without them."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retina_xai.app.batch.photographs import READER, PhotographReader
from retina_xai.artefacts import Artefacts, FlaggedPhotograph
from retina_xai.errors import InputError
from retina_xai.io.files import write_csv
from retina_xai.io.names import shown_name
from retina_xai.localization import predict_without
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.records import read_record

log = logging.getLogger(__name__)

ARTEFACT_COLUMNS = (
    *("file", "result", "lesion", "x", "y", "radius", "eyes", "of", "by_chance"),
    *("score", "score_without", "decision", "decision_without"),
)

Notes = Mapping[Path, Mapping[int, str]]
"""Record -> candidate -> "7 of 61"."""


def notes_of(found: Artefacts) -> Notes:
    """What the table of lesions says of each flagged candidate."""
    return {
        one.record: {flag.lesion: f"{flag.place.eyes} of {flag.place.of}" for flag in one.flags}
        for one in found.photographs
    }


def write_artefacts(
    path: Path,
    found: Artefacts,
    sources: Mapping[Path, Path],
    classifier: RdrClassifier,
    reader: PhotographReader = READER,
) -> None:
    """Write the table: one row per flagged photograph and place.

    Args:
        sources: the photograph of each record. Without it, or if it cannot be read, the score without the places is
            empty.
    """
    write_csv(
        path, ARTEFACT_COLUMNS, (row for one in found.photographs for row in _rows(one, sources, classifier, reader))
    )


def _rows(
    flagged: FlaggedPhotograph, sources: Mapping[Path, Path], classifier: RdrClassifier, reader: PhotographReader
) -> Iterator[tuple[Any, ...]]:
    record = read_record(flagged.record)
    without = _without(flagged, sources.get(flagged.record), classifier, reader)
    said = record["prediction"]
    for flag in flagged.flags:
        place = flag.place
        yield (
            *(record["file"]["name"], shown_name(flagged.record.stem), flag.lesion),
            *(place.x, place.y, place.radius, place.eyes, place.of, place.by_chance),
            *(said["rdr_score"], without and without[0], said["decision"], without and without[1]),
        )


def _without(
    flagged: FlaggedPhotograph, source: Path | None, classifier: RdrClassifier, reader: PhotographReader
) -> tuple[float, str] | None:
    """Score and decision of the photograph without its suspicious places."""
    if source is None:
        return None
    try:
        verdict = predict_without(reader.read(source), classifier, flagged.disks)
    except InputError as error:
        log.warning("no score without the suspicious places: %s", error)
        return None
    return verdict.score, verdict.decision
