"""`localize --dicom`: the results of a photograph as DICOM objects beside its record.

They are written before the record, so that a record means that they are complete. Where an earlier run wrote a record
without them, the photograph is localized again, which gives the same result.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retina_xai import drawing
from retina_xai.app.batch.photographs import PhotographReader
from retina_xai.app.readings.model import ImageFile, Reading
from retina_xai.app.readings.pdf_report import Report, pdf_bytes
from retina_xai.errors import UsageError
from retina_xai.fundus.retinal_scale import retinal_scale
from retina_xai.io.dicom_extra import looks_like_dicom
from retina_xai.lesions.annotation import MAX_ANNOTATIONS
from retina_xai.localization import Localization
from retina_xai.runner import WorkItem

OBSERVER = "algorithm"


def check_dicom(paths: Sequence[Path]) -> None:
    """Check that DICOM results can be made, before anything is computed.

    Raises:
        UsageError: no photograph is a DICOM file, which results would reference.
        ModuleNotFoundError: the extra is not installed.
    """
    import retina_xai.dicom_results.objects  # noqa: F401

    if not any(map(looks_like_dicom, paths)):
        raise UsageError("--dicom: no photograph is a DICOM file, which the results would reference; leave it out")


def has_objects(item: WorkItem[Path]) -> bool:
    """Whether all objects of an item are there; True for a photograph that is no DICOM file, which gets none."""
    from retina_xai.dicom_results.objects import object_paths

    return not looks_like_dicom(item.source) or all(path.is_file() for path in object_paths(item.record))


def write_dicom(
    record: Path, path: Path, result: Localization, facts: Mapping[str, Any], reader: PhotographReader
) -> None:
    """Write the objects of a DICOM photograph; nothing for any other.

    Raises:
        InputError: the photograph has no UIDs.
        OutputError: a file cannot be written.
    """
    if not looks_like_dicom(path):
        return
    from retina_xai.dicom_results.objects import write_objects
    from retina_xai.dicom_results.sources import result_source

    now = datetime.now(UTC)
    source = result_source(path, result, dict(facts), reader.identified)
    write_objects(record, source, pdf_bytes(report_of(result, facts, now)), now)


def report_of(result: Localization, facts: Mapping[str, Any], made: datetime) -> Report:
    """What the report of the algorithm alone shows."""
    photograph = result.fundus.photograph
    reading = Reading(
        reader=OBSERVER,
        time=made,
        image=ImageFile.of(photograph),
        model_sha256=facts["model"]["sha256"],
        verdict=result.verdict,
        lesions=result.lesions[:MAX_ANNOTATIONS],
    )
    scale = retinal_scale(photograph, result.fundus.aperture)
    overlay = None if result.explanation is None else drawing.overlay(photograph.pixels, result.evidence)
    return Report(reading, photograph.pixels, overlay, facts, made, False, scale)
