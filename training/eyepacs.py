"""The Kaggle 2015 (EyePACS) photographs in their official layout, split by patient.

A folder holds trainLabels.csv (image,level) and, optionally, retinopathy_solution.csv (image,level,Usage); the
photographs lie in any of its sub-folders as <number>_left or <number>_right with an image suffix. Grades: 0 none, 1
mild, 2 moderate, 3 severe, 4 proliferative. The two eyes of a patient share the number, over all folders.

Split (ours): patients are sorted by worst grade and, within a grade, by a seeded shuffle, then dealt like cards to
`folds` folds; validation is one of them. So every fold holds every grade to within one patient, and five folds are
an 80/20 split and a cross-validation at once.
"""

import csv
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retina_xai.errors import InputError
from retina_xai.files import write_text
from training.config import Data

LABEL_FILES = {"train": "trainLabels.csv", "test": "retinopathy_solution.csv"}
SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".tif", ".tiff"})
PARTS = ("training", "validation")
GRADES = tuple("01234")
REFERABLE = 2
NAME = re.compile(r"(\d+)_(left|right)")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labelled:
    """A photograph with its grade (0-4); `image` is the official name without suffix."""

    image: str
    patient: int
    level: int
    path: Path


@dataclass(frozen=True)
class EyePacs:
    """All labelled photographs of a folder, sorted by name, and what did not fit: rows and files without a partner."""

    photographs: tuple[Labelled, ...]
    rows_without_image: int
    images_without_row: int


def read_labels(path: Path, usage: str = "all") -> dict[str, int]:
    """Grades by image name, from either official file (byte-order mark and CRLF are fine).

    Raises:
        InputError: unreadable, a header without image and level, a name that is no <number>_left|right, a grade
            outside 0-4, a Usage that is unknown, or the same image twice; the message names file and line.
    """
    grades: dict[str, int] = {}
    for line, row in _rows(path, ("image", "level")):
        name, level = row["image"], row["level"]
        if NAME.fullmatch(name) is None:
            raise InputError(
                f"{path}: line {line}: image {name!r}; expected a name like 10_left, without folder or suffix"
            )
        if level not in GRADES:
            raise InputError(f"{path}: line {line}: grade {level!r}; expected 0 to 4, correct or delete this row")
        if name in grades:
            raise InputError(f"{path}: line {line}: image {name} appears twice; delete one of its rows")
        if row.get("Usage", "Public") not in ("Public", "Private"):
            raise InputError(f"{path}: line {line}: Usage {row['Usage']!r}; expected Public or Private")
        if "all" in (usage, row.get("Usage", "all")) or row["Usage"] == usage:
            grades[name] = int(level)
    return grades


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


def read_eyepacs(folder: Path, settings: Data, allow_missing: bool = False) -> EyePacs:
    """Every labelled photograph of a folder in the official layout.

    Raises:
        InputError: no label file, a fault in one (see `read_labels`), an image in both, no photograph with a grade,
            or, without `allow_missing`, rows whose photograph is absent.
    """
    grades = _all_grades(folder, settings)
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
            f"{folder}: no photograph has a grade; expected files like train/10_left.jpeg beside the labels"
        )
    if unlabelled:
        log.warning("%s: %d images without a label are not used", folder, unlabelled)
    return EyePacs(labelled, missing, unlabelled)


def patient_of(image: str) -> int:
    """The number before _left or _right."""
    return int(image.split("_", maxsplit=1)[0])


def split_patients(photographs: Sequence[Labelled], folds: int, fold: int, seed: int) -> dict[str, str]:
    """Part ("training" or "validation") of each image name: the stratified deal of the module's head.

    Raises:
        InputError: fewer patients than folds.
    """
    worst: dict[int, int] = defaultdict(int)
    for photograph in photographs:
        worst[photograph.patient] = max(worst[photograph.patient], photograph.level)
    if len(worst) < folds:
        raise InputError(
            f"{len(worst)} patients cannot be split into {folds} folds; add photographs or lower data.folds"
        )
    patients = np.array(sorted(worst))
    shuffled = np.random.default_rng(seed).permutation(patients)
    dealt = sorted(shuffled.tolist(), key=lambda patient: worst[patient])
    validation = set(dealt[fold::folds])
    return {photo.image: PARTS[photo.patient in validation] for photo in photographs}


def read_split(path: Path, photographs: Sequence[Labelled]) -> dict[str, str]:
    """Parts of the photographs from a split.csv (columns image and part, others ignored).

    Raises:
        InputError: a fault of the file, an unknown part, a patient on both sides, or a photograph that it lacks.
    """
    parts: dict[str, str] = {}
    for line, row in _rows(path, ("image", "part")):
        if row["part"] not in PARTS:
            raise InputError(f"{path}: line {line}: part {row['part']!r}; expected training or validation")
        if NAME.fullmatch(row["image"]) is None or row["image"] in parts:
            raise InputError(f"{path}: line {line}: image {row['image']!r} is no name like 10_left, or appears twice")
        parts[row["image"]] = row["part"]
    check_disjoint(parts, str(path))
    absent = [photo.image for photo in photographs if photo.image not in parts]
    if absent:
        raise InputError(f"{path}: {len(absent)} photographs have no part (first {absent[0]}); add them to the split")
    return {photo.image: parts[photo.image] for photo in photographs}


def check_disjoint(parts: Mapping[str, str], name: str) -> None:
    """Refuse a split that has one patient on both sides.

    Raises:
        InputError: names the first such patient and its images.
    """
    seen: dict[int, str] = {}
    for image, part in parts.items():
        former = seen.setdefault(patient_of(image), image)
        if parts[former] != part:
            raise InputError(
                f"{name}: patient {patient_of(image)} is in training and in validation ({former}, {image});"
                " put both eyes of a patient on one side"
            )


def split_table(photographs: Sequence[Labelled], parts: Mapping[str, str]) -> str:
    """The split as CSV text: image,patient,level,part."""
    rows = [f"{photo.image},{photo.patient},{photo.level},{parts[photo.image]}" for photo in photographs]
    return "\n".join(["image,patient,level,part", *rows]) + "\n"


def write_split(path: Path, photographs: Sequence[Labelled], parts: Mapping[str, str]) -> None:
    """Write `split_table`, whole or not at all."""
    write_text(path, split_table(photographs, parts))


def _all_grades(folder: Path, settings: Data) -> dict[str, int]:
    grades: dict[str, int] = {}
    present = [folder / LABEL_FILES[name] for name in settings.labels if (folder / LABEL_FILES[name]).is_file()]
    if not present:
        wanted = " or ".join(LABEL_FILES[name] for name in settings.labels)
        raise InputError(f"{folder}: no {wanted}; expected a folder in the official EyePACS layout")
    for path in present:
        new = read_labels(path, settings.usage)
        if both := sorted(new.keys() & grades):
            raise InputError(f"{path}: image {both[0]} is labelled in {present[0].name} too; delete one of its rows")
        grades |= new
    return grades


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV with their line numbers, values stripped; blank lines are skipped."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot read ({error.strerror}); expected a CSV file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason}); expected a CSV file") from error
    reader = csv.reader(text.splitlines())
    header = [name.strip() for name in next(reader, [])]
    if not set(columns) <= set(header) or len(set(header)) < len(header):
        raise InputError(f"{path}: line 1: header {','.join(header)[:80]!r}; expected the columns {','.join(columns)}")
    for values in reader:
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(header):
            raise InputError(
                f"{path}: line {reader.line_num}: {len(values)} values; expected {len(header)}, correct this row"
            )
        yield reader.line_num, dict(zip(header, (value.strip() for value in values), strict=True))
