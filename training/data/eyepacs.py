"""The Kaggle 2015 (EyePACS) photographs in their official layout.

A folder holds trainLabels.csv (image,level) and, optionally, retinopathy_solution.csv (image,level,Usage); the
photographs lie in any of its sub-folders as <number>_left or <number>_right with an image suffix. The two eyes of a
patient share the number, over all folders.
"""

from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.training.config import Data
from retina_xai.training.data.photographs import GRADES, NAMES, Photographs, matched, rows_of

LABEL_FILES = {"train": "trainLabels.csv", "test": "retinopathy_solution.csv"}


def read_labels(path: Path, usage: str = "all") -> dict[str, int]:
    """Grades by image name, from either official file (byte-order mark and CRLF are fine).

    Raises:
        InputError: unreadable, a header without image and level, a name that is no <number>_left|right, a grade
            outside 0-4, a Usage that is unknown, or the same image twice; the message names file and line.
    """
    grades: dict[str, int] = {}
    for line, row in rows_of(path, ("image", "level")):
        name, level = row["image"], row["level"]
        if NAMES["eyepacs"].fullmatch(name) is None:
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


def read_eyepacs(folder: Path, settings: Data, allow_missing: bool = False) -> Photographs:
    """Every labelled photograph of a folder in the official layout.

    Raises:
        InputError: no label file, a fault in one (see `read_labels`), an image in both, no photograph with a grade,
            or, without `allow_missing`, rows whose photograph is absent.
    """
    return matched(folder, _all_grades(folder, settings), allow_missing)


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
