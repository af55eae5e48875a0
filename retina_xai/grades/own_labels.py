"""User-defined labels: any CSV, or sub-folders named by label."""

from dataclasses import dataclass
from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.grades.options import LabelOptions
from retina_xai.grades.photographs import ImageFiles, without_suffix
from retina_xai.grades.tables import rows_of


@dataclass(frozen=True)
class LabelRow:
    """One label as written: its text, the patient if there is a patient column, and file and line for messages."""

    label: str
    patient: str | None
    place: str


def table_labels(path: Path, options: LabelOptions) -> tuple[dict[str, LabelRow], int]:
    """Labels by image name as written, and the number of rows excluded because the label is unknown or empty.

    Raises:
        InputError: an unreadable file, other columns, a row without image name or patient, or the same image twice.
    """
    columns = [options.image_column, options.label_column]
    if options.patient_column is not None:
        columns.append(options.patient_column)
    labels: dict[str, LabelRow] = {}
    seen: set[str] = set()
    unknown = 0
    for line, row in rows_of(path, tuple(columns)):
        name, place = row[options.image_column], f"{path}: line {line}"
        patient = None if options.patient_column is None else row[options.patient_column]
        if not name or patient == "":
            missing = "patient" if name else "image name"
            raise InputError(f"{place}: no {missing}; complete or delete this row")
        if without_suffix(name) in seen:
            raise InputError(f"{place}: image {name} appears twice; delete one of its rows")
        seen.add(without_suffix(name))
        if row[options.label_column] in options.unknowns:
            unknown += 1
        else:
            labels[name] = LabelRow(row[options.label_column], patient, place)
    return labels, unknown


def folder_labels(files: ImageFiles, folder: Path, options: LabelOptions) -> tuple[dict[Path, LabelRow], int]:
    """Labels by file, from the names of a folder's sub-folders, and the number of files with an unknown label."""
    labels = {path: path.relative_to(folder).parts[0] for path in files.paths if path.parent != folder}
    rows = {
        path: LabelRow(label, None, f"{folder / label}")
        for path, label in labels.items()
        if label not in options.unknowns
    }
    return rows, len(labels) - len(rows)
