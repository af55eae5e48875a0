"""`localize --fhir`: the result of a photograph as FHIR resources in OUT/fhir/<stem>.json.

They are written before the record, as DICOM objects are (see `dicom_objects`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retina_xai.fhir_report import FhirSource, PhotographUids, fhir_bundle
from retina_xai.io.dicom_extra import looks_like_dicom
from retina_xai.io.files import write_json
from retina_xai.localization import Localization

FOLDER = "fhir"
"""Of its own, because every JSON file beside the records is one."""


def fhir_path(record: Path) -> Path:
    """Where the bundle of a record lies."""
    return record.parent / FOLDER / record.name


def write_fhir(record: Path, path: Path, result: Localization, facts: Mapping[str, Any], identified: bool) -> None:
    """Write the bundle of a photograph (atomic).

    Raises:
        OutputError: the file cannot be written.
    """
    source = FhirSource(result, facts, datetime.now(UTC), _uids(path), identified)
    write_json(fhir_path(record), fhir_bundle(source))


def _uids(path: Path) -> PhotographUids | None:
    """The UIDs of a DICOM photograph that has them."""
    if not looks_like_dicom(path):
        return None
    from retina_xai.io.dicom.headers import open_dicom

    with open_dicom(path) as file:
        study, instance = (file.dataset.get(name) for name in ("StudyInstanceUID", "SOPInstanceUID"))
    return PhotographUids(str(study), str(instance)) if study and instance else None
