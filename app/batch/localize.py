"""Localize many photographs into one folder; an interrupted run continues where it stopped.

OUT holds the files of `records.write_record` for each photograph, lesions.csv, artefacts.csv and manifest.parquet over
all of them, and on request the objects of `dicom_results.objects` and the resources of `fhir_report`.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retina_xai.app.batch.artefact_table import Notes, notes_of, write_artefacts
from retina_xai.app.batch.dicom_objects import check_dicom, has_objects, write_dicom
from retina_xai.app.batch.fhir_results import fhir_path, write_fhir
from retina_xai.app.batch.manifest import MANIFEST_FILE, write_manifest
from retina_xai.app.batch.patients import write_patients
from retina_xai.app.batch.photographs import READER, OnDone, PhotographReader, check_own, reporter, work_items
from retina_xai.artefacts import ARTEFACTS_FILE, eye_of, find_artefacts
from retina_xai.explainers.explainer import Explainer, StepsOf, no_steps
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.io.files import write_csv
from retina_xai.io.names import shown_name
from retina_xai.lesions.same_place import SamePlace
from retina_xai.localization import DEFAULT_METHOD, Localization, localize, with_effects
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.records import read_record, records_in, run_facts, write_record
from retina_xai.runner import Codec, Executor, WorkItem, claim, in_turn, run

log = logging.getLogger(__name__)
MEASURES = ("x", "y", "area", "score")
EFFECTS = ("effect", "effect_rank")
LEFT_OUT = "%r is left out of lesions.csv (%s)"
LESION_COLUMNS = ("file", "result", "lesion", *MEASURES, "x0", "y0", "x1", "y1", *EFFECTS, "same_place")


@dataclass(frozen=True)
class LocalizeRun:
    """Settings of a localization batch; without an `explainer`, the method has its settings for fundus photographs.

    eye_pattern: says which photographs are of one eye (see `artefacts.eye_of`). dicom: write the results of DICOM
    photographs as DICOM objects, too. fhir: write all results as FHIR resources, too.
    """

    classifier: RdrClassifier
    out: Path
    method: str = DEFAULT_METHOD
    ungradable: bool = False
    explainer: Explainer | None = None
    eye_pattern: str | None = None
    reader: PhotographReader = READER
    dicom: bool = False
    fhir: bool = False


@dataclass(frozen=True)
class Localized:
    """What a record says of its photograph, in short."""

    sha256: str
    decision: str
    score: float
    candidates: int


def localize_batch(
    paths: Sequence[Path],
    settings: LocalizeRun,
    on_done: OnDone,
    steps: StepsOf = no_steps,
    executor: Executor = in_turn,
) -> tuple[SamePlace, ...]:
    """Localize all photographs, then gather lesions.csv and artefacts.csv over all that are done.

    Returns the suspicious places of the artefact guard (see `retina_xai.artefacts`).

    Raises:
        BatchError, InputError: some photographs failed; all others are done.
        OutputError: the output folder cannot be written.
        UsageError: unknown method, or the folder was made with other settings.
    """
    explainer = settings.explainer or fundus_explainer(settings.method)
    facts, reader = run_facts(settings.classifier, settings.method, explainer.settings()), settings.reader
    if settings.dicom:
        check_dicom(paths)

    def work(path: Path) -> tuple[Path, Localization]:
        photograph = reader.read(path)
        on_step = steps(f"localizing {photograph.name}", explainer.plan())
        found = localize(photograph, settings.classifier, explainer, ungradable=settings.ungradable, on_step=on_step)
        return path, with_effects(found, settings.classifier)

    def save(record: Path, made: tuple[Path, Localization]) -> None:
        _save_more(settings, record, made, facts)
        write_record(record.parent, record.stem, made[1], facts)

    def fits(item: WorkItem[Path], found: Localized) -> bool:
        return check_own(item, found.sha256) and _has_more(settings, item)

    codec, eye = Codec(_load, save, fits), eye_of(settings.eye_pattern)
    claimed = {**facts, "ungradable": settings.ungradable, **reader.facts()}
    with claim(settings.out, claimed):
        items = work_items(paths, settings.out, reader)
        outcome = run(items, work, codec, reporter(on_done, _line), executor)
        write_manifest(settings.out / MANIFEST_FILE, outcome, claimed, asdict)
        write_patients(settings.out / "patients.csv", [item for item, _ in outcome.results], reader)
        found = find_artefacts(settings.out, eye)
        sources = {item.record: item.source for item in items}
        write_artefacts(settings.out / ARTEFACTS_FILE, found, sources, settings.classifier, reader)
        write_csv(settings.out / "lesions.csv", LESION_COLUMNS, _lesion_rows(settings.out, notes_of(found)))
    outcome.raise_failures()
    return found.places


def _save_more(settings: LocalizeRun, record: Path, made: tuple[Path, Localization], facts: Mapping[str, Any]) -> None:
    """Write what was asked for beside the record."""
    path, result = made
    if settings.dicom:
        write_dicom(record, path, result, facts, settings.reader)
    if settings.fhir:
        write_fhir(record, path, result, facts, settings.reader.identified)


def _has_more(settings: LocalizeRun, item: WorkItem[Path]) -> bool:
    """Whether what was asked for beside the record is there."""
    has_fhir = not settings.fhir or fhir_path(item.record).is_file()
    return has_fhir and (not settings.dicom or has_objects(item))


def _load(path: Path) -> Localized | None:
    if not path.exists():
        return None
    record = read_record(path)
    said = record["prediction"]
    return Localized(record["file"]["sha256"], said["decision"], said["rdr_score"], len(record["lesions"]))


def _line(found: Localized, _: float) -> str:
    return f"{found.decision} ({found.score:.3f}), {found.candidates} candidates"


def _lesion_rows(out: Path, notes: Notes) -> list[tuple[Any, ...]]:
    """The lesions of all records; of two records of one photograph, which older versions could write, the first."""
    rows: list[tuple[Any, ...]] = []
    seen: set[tuple[str, str]] = set()
    for path, record in records_in(out, LEFT_OUT):
        try:
            file, new = record["file"], _rows(shown_name(path.stem), record, notes.get(path, {}))
            photograph = file["name"], file["sha256"]
        except (KeyError, TypeError) as error:
            log.warning(LEFT_OUT, str(path), error)
            continue
        if photograph not in seen:
            rows += new
        seen.add(photograph)
    return rows


def _rows(result: str, record: Mapping[str, Any], notes: Mapping[int, str]) -> list[tuple[Any, ...]]:
    name = record["file"]["name"]
    return [
        (
            *(name, result, number, *(lesion[key] for key in MEASURES)),
            *(*lesion["box"], *(lesion.get(key) for key in EFFECTS), notes.get(number)),
        )
        for number, lesion in enumerate(record["lesions"], start=1)
    ]
