"""Labelled photographs, whatever set they come from: names, patients, files and rows of label files.

A photograph is named as its set names it; the name tells the set and the patient, `eyepacs:10` for 10_left and
10_right, `idrid:001` for IDRiD_001 (IDRiD tells no patients, so one photograph is one patient there). Grades are those
of the International Clinical Diabetic Retinopathy scale: 0 none, 1 mild, 2 moderate, 3 severe, 4 proliferative.
"""

import csv
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from retina_xai.errors import InputError

SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".tif", ".tiff"})
GRADES = tuple("01234")
REFERABLE = 2
NAMES = {"eyepacs": re.compile(r"(\d+)_(?:left|right)"), "idrid": re.compile(r"IDRiD_(\d+)")}
PATIENTS = {"eyepacs": "eyepacs:{}", "idrid": "idrid:{:03}"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labelled:
    """A photograph with its grade (0-4); `image` is the official name without suffix, `patient` like eyepacs:10."""

    image: str
    patient: str
    level: int
    path: Path

    @property
    def source(self) -> str:
        """The set it comes from, a key of `NAMES`."""
        return self.patient.partition(":")[0]


@dataclass(frozen=True)
class Photographs:
    """All labelled photographs found, sorted by name, and what did not fit: rows and files without a partner."""

    photographs: tuple[Labelled, ...]
    rows_without_image: int
    images_without_row: int


def patient_of(image: str) -> str:
    """The patient of an official name.

    Raises:
        InputError: a name of no known set.
    """
    for source, pattern in NAMES.items():
        if match := pattern.fullmatch(image):
            return PATIENTS[source].format(int(match[1]))
    raise InputError(f"image {image!r} is no name like 10_left or IDRiD_001; rename it or delete its row")


def matched(folder: Path, grades: Mapping[str, int], allow_missing: bool) -> Photographs:
    """The photographs below a folder that have a grade.

    Raises:
        InputError: no photograph with a grade, two files of one name, or, without `allow_missing`, rows whose
            photograph is absent.
    """
    files = find_photographs(folder)
    labelled = tuple(
        Labelled(name, patient_of(name), grades[name], files[name]) for name in sorted(grades.keys() & files)
    )
    missing, unlabelled = len(grades.keys() - files), len(files.keys() - grades)
    if missing and not allow_missing:
        example = min(grades.keys() - files)
        raise InputError(
            f"{folder}: {missing} of {len(grades)} labelled images have no file (first {example});"
            " add the photographs or pass --allow-missing"
        )
    if not labelled:
        raise InputError(
            f"{folder}: no photograph has a grade; expected image files named as in the labels in it or below it"
        )
    if unlabelled:
        log.warning("%s: %d images without a label are not used", folder, unlabelled)
    return Photographs(labelled, missing, unlabelled)


def find_photographs(folder: Path) -> dict[str, Path]:
    """Image files of every sub-folder (linked ones too) by stem; folders that start with a dot are skipped.

    Raises:
        InputError: two files share a stem; both are named.
    """
    found: dict[str, Path] = {}
    entered: set[Path] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        if (real := Path(root).resolve()) in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(root, name) for name in sorted(files)):
            if path.suffix.lower() not in SUFFIXES:
                continue
            if path.stem in found:
                raise InputError(f"{path}: also {found[path.stem]}; names must be unique, remove one of the two")
            found[path.stem] = path
    return found


def rows_of(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV with their line numbers, names and values stripped; blank lines and nameless columns are skipped.

    Raises:
        InputError: unreadable, no such columns, a column twice, or a row of another length; file and line are named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot read ({error.strerror}); expected a CSV file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason}); expected a CSV file") from error
    reader = csv.reader(text.splitlines())
    header = [name.strip() for name in next(reader, [])]
    named = [name for name in header if name]
    if not set(columns) <= set(named) or len(set(named)) < len(named):
        raise InputError(f"{path}: line 1: header {','.join(header)[:80]!r}; expected the columns {','.join(columns)}")
    for values in reader:
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(header):
            raise InputError(
                f"{path}: line {reader.line_num}: {len(values)} values; expected {len(header)}, correct this row"
            )
        yield reader.line_num, {name: value.strip() for name, value in zip(header, values, strict=True) if name}
