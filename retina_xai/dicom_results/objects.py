"""The files of one photograph's DICOM results: an object per kind, written beside the record.

<stem>_candidates.dcm   binary segmentation, a segment per type of lesion
<stem>_evidence.dcm     fractional segmentation
<stem>_overlay.dcm      Secondary Capture
<stem>_outlines.dcm     Softcopy Presentation State
<stem>_findings.dcm     Structured Report, TID 1500
<stem>_report.dcm       Encapsulated PDF
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset

from retina_xai.dicom_results.documents import encapsulated_pdf, overlay_capture
from retina_xai.dicom_results.presentation import outlines_presentation
from retina_xai.dicom_results.segmentations import candidates_segmentation, evidence_segmentation
from retina_xai.dicom_results.sources import ResultSource
from retina_xai.dicom_results.structured_report import structured_report
from retina_xai.io.dicom.headers import quiet_pydicom
from retina_xai.io.files import replacing

KINDS: dict[str, Callable[[ResultSource], Dataset]] = {
    "candidates": candidates_segmentation,
    "evidence": evidence_segmentation,
    "overlay": overlay_capture,
    "outlines": outlines_presentation,
    "findings": structured_report,
}
REPORT = "report"


def object_paths(record: Path) -> list[Path]:
    """Where the objects of a record lie."""
    return [record.with_name(f"{record.stem}_{kind}.dcm") for kind in (*KINDS, REPORT)]


def write_objects(record: Path, source: ResultSource, pdf: bytes, made_at: datetime) -> None:
    """Write all objects beside a record (each atomic).

    Raises:
        OutputError: a file cannot be written.
    """
    *places, last = object_paths(record)
    with quiet_pydicom():
        for place, make in zip(places, KINDS.values(), strict=True):
            write_object(place, make(source))
        write_object(last, encapsulated_pdf(source, pdf, made_at))


def write_object(path: Path, made: Dataset) -> None:
    """Write one object (atomic).

    Raises:
        OutputError: it cannot be written.
    """
    with replacing(path) as partial:
        made.save_as(partial, enforce_file_format=True)
