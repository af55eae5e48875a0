"""The DICOM objects of one photograph as a ZIP file: what the algorithm found, and what the reader said of it."""

import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from retina_xai.app.batch.dicom_objects import report_of
from retina_xai.app.readings.model import MARKS, Reading
from retina_xai.app.readings.pdf_report import pdf_bytes
from retina_xai.localization import Localization


def has_uids(path: Path) -> bool:
    """Whether objects can reference the photograph in a DICOM file."""
    from retina_xai.dicom_results.sources import UIDS
    from retina_xai.io.dicom.headers import open_dicom

    with open_dicom(path, UIDS) as file:
        return all(file.dataset.get(name) for name in UIDS)


def dicom_zip(
    path: Path, found: Localization, run: Mapping[str, Any], reading: Reading | None, identified: bool = False
) -> bytes:
    """All objects of the photograph in the DICOM file `path`; with a reading, the reader's report among them.

    Raises:
        InputError: the file has no UIDs, which the objects would reference.
        ModuleNotFoundError: the extra `dicom` is not installed.
    """
    from retina_xai.dicom_results.objects import write_object, write_objects
    from retina_xai.dicom_results.reader_report import ReaderFindings, reader_report
    from retina_xai.dicom_results.sources import result_source

    now, content = datetime.now(UTC), BytesIO()
    source = result_source(path, found, dict(run), identified)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        record = Path(folder, "algorithm")
        write_objects(record, source, pdf_bytes(report_of(found, run, now)), now)
        if reading is not None:
            lesions = tuple((lesion, MARKS[lesion.origin, lesion.status]) for lesion in reading.reviewed)
            said = ReaderFindings(reading.reader, reading.time, reading.finding, reading.grade, reading.oedema, lesions)
            write_object(Path(folder, "reader_findings.dcm"), reader_report(source, said))
        for file in sorted(Path(folder).iterdir()):
            archive.write(file, file.name)
    return content.getvalue()
