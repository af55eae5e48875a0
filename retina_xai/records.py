"""The output files of `localize` for one photograph.

    <stem>_evidence.png   evidence, 16 bit, 65535 = 1.0
    <stem>_overlay.png    evidence drawn over the photograph
    <stem>.json           the record: everything else

All writes are atomic. The JSON is written last, so its existence means that the photograph is done.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retina_xai import drawing
from retina_xai.errors import InputError
from retina_xai.io.files import parse_json, write_json
from retina_xai.io.images import write_png, write_png_bands
from retina_xai.io.results import SETTINGS_FILE
from retina_xai.io.stores import each, files_in
from retina_xai.io.versions import versions
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.thresholds import FLOOR
from retina_xai.localization import Localization, summary
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.row_bands import row_bands

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
PARTS: dict[str, frozenset[str]] = {
    "localize": frozenset({"file", "lesions", "prediction"}),
    "explain": frozenset({"file", "explanation", "trust"}),
}
"""Required keys of the records of each command."""

EVIDENCE_SCALE = 65535


def write_record(folder: Path, stem: str, localization: Localization, run: Mapping[str, Any]) -> None:
    """Write the three files of one photograph; `run` comes from `run_facts`."""
    pixels, evidence = localization.fundus.photograph.pixels, localization.evidence_rows
    height, width = evidence.shape
    grey = np.empty((height, width), np.uint16)
    for rows in row_bands(height, width):
        grey[rows] = np.rint(evidence[rows] * EVIDENCE_SCALE)
    write_png(folder / f"{stem}_evidence.png", grey)
    del grey
    write_png_bands(folder / f"{stem}_overlay.png", height, width, drawing.overlay_bands(pixels, evidence))
    write_json(folder / f"{stem}.json", record_of(localization, run))


def read_evidence(path: Path) -> np.ndarray:
    """The evidence map (H, W) float32 in [0, 1] that `write_record` wrote.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file, Image.open(file, formats=["PNG"]) as image:
            return np.asarray(image, np.float32) / EVIDENCE_SCALE
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: evidence of an earlier run cannot be read; localize again") from error


def record_of(localization: Localization, run: Mapping[str, Any]) -> dict[str, Any]:
    """The record, the content of the JSON file."""
    photograph, explanation = localization.fundus.photograph, localization.explanation
    return {
        "schema_version": SCHEMA_VERSION,
        "file": {"name": photograph.name, "sha256": photograph.sha256, **photograph.metadata},
        **localization.verdict.to_json(),
        "explanation": summary(explanation),
        "binarisation": {"fraction_of_maximum": localization.candidate_fraction, "floor": FLOOR},
        "lesions": _candidates_of(localization.lesions),
        "geometry": asdict(localization.fundus.geometry),
        **run,
    }


def _candidates_of(lesions: Sequence[Annotation]) -> list[dict[str, Any]]:
    """Candidates in pixels: centroid, area, score, effect, and box from its first pixel to the one after the last.

    `effect_rank` is 1 for the largest effect; candidates whose effect was not measured have none.
    """
    measured = sorted((one for one in lesions if one.effect is not None), key=lambda one: -(one.effect or 0))
    ranks = {one.id: rank for rank, one in enumerate(measured, start=1)}
    return [{**_candidate_of(one), "effect_rank": ranks.get(one.id)} for one in lesions]


def _candidate_of(lesion: Annotation) -> dict[str, Any]:
    x, y = lesion.shape.centroid
    box = [round(edge + 0.5) for edge in lesion.shape.box]
    area = round(lesion.shape.area)
    return {"x": x, "y": y, "area": area, "score": lesion.score, "box": box, "effect": lesion.effect}


def run_facts(classifier: RdrClassifier, method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record that is equal for a whole batch: method, settings, weights and versions."""
    return {
        "method": {"name": method, "settings": dict(settings)},
        "model": model_facts(classifier),
        "versions": versions(),
    }


def model_facts(classifier: RdrClassifier) -> dict[str, Any]:
    """Hash of the weights, architecture, classes, preprocessing and threshold."""
    facts = classifier.facts
    return {
        "sha256": classifier.sha256,
        "architecture": facts.architecture,
        "width": facts.width,
        "classes": list(facts.classes),
        "preprocessing": facts.preprocessing.to_dict(),
        "threshold": facts.threshold,
    }


def records_in(folder: Path, left_out: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The records of `localize` in a folder, by name; for one that cannot be read, a warning (see `read_record`).

    Args:
        left_out: the warning, with places for path and reason.
    """
    paths = [path for path in files_in(folder, "*.json") if path.name != SETTINGS_FILE]
    for path, found in zip(paths, each(_record_or_error, paths), strict=True):
        if isinstance(found, InputError):
            log.warning(left_out, str(path), found)
        else:
            yield path, found


def _record_or_error(path: Path) -> dict[str, Any] | InputError:
    try:
        return read_record(path)
    except InputError as error:
        return error


def read_record(path: Path, command: str = "localize") -> dict[str, Any]:
    """Read a record written by `command`, a key of `PARTS`.

    Raises:
        InputError: the file is missing, is not such a record, or has another version.
    """
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
        known = record["schema_version"] == SCHEMA_VERSION and PARTS[command] <= record.keys()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a record of retina-xai {command}; remove it or choose another folder") from error
    if not known:
        raise InputError(f"{path}: a record of another version of retina-xai; choose another output folder")
    return dict(record)
