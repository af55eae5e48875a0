"""Which photographs are of one patient, study and eye: a table beside the results, where the files say so.

Patients are numbered in the order of the photographs, the studies of a patient in the order of their times, so that
priors come first. Without identified results the table holds no number of the clinic, no UID and no date.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from retina_xai.app.batch.photographs import PhotographReader
from retina_xai.io.files import write_csv
from retina_xai.io.identity import numbered, study_numbers
from retina_xai.io.images import identity_of
from retina_xai.io.stores import each
from retina_xai.runner import WorkItem

COLUMNS = ("patient", "study", "eye", "file", "result")
IDENTIFIED_COLUMNS = ("patient_id", "study_uid", "acquired")


def write_patients(
    path: Path,
    items: Sequence[WorkItem[Path]],
    reader: PhotographReader,
    result: Callable[[WorkItem[Path]], str] = lambda item: item.record.stem,
) -> None:
    """Write the table, sorted by patient, study and eye; nothing where no photograph says whom it is of.

    Args:
        result: where the results of an item are; default: the stem of their files.

    Raises:
        OutputError: it cannot be written.
    """
    identities = each(identity_of, [item.source for item in items])
    known = [(item, one) for item, one in zip(items, identities, strict=True) if one is not None]
    if not known:
        return
    patients = numbered([identity for _, identity in known], lambda one: one.patient)
    studies = study_numbers([identity for _, identity in known])
    rows: list[tuple[Any, ...]] = []
    for item, one in known:
        row = (patients.get(one.patient), studies.get((one.patient, one.study)), one.eye, item.name, result(item))
        rows.append((*row, one.patient, one.study, one.acquired) if reader.identified else row)
    rows.sort(key=lambda row: tuple("" if value is None else f"{value!s:>20}" for value in row[:4]))
    write_csv(path, COLUMNS + (IDENTIFIED_COLUMNS if reader.identified else ()), rows)
