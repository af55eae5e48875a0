"""IDRiD disease grading (Porwal et al., Indian Diabetic Retinopathy Image Dataset, Data 2018), official columns.

A folder holds grades.csv with the columns `Image name`, `Retinopathy grade` and `Risk of macular edema ` (the last
with a trailing space, and in the official files with nameless columns behind it); the photographs lie anywhere below it
as IDRiD_001.jpg. The official training and test parts use the same names for different eyes: give one folder each.
"""

from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.training.config import Data
from retina_xai.training.data.photographs import GRADES, NAMES, Photographs, matched, rows_of

LABEL_FILE = "grades.csv"
NAME, GRADE = "Image name", "Retinopathy grade"


def read_grades(path: Path) -> dict[str, int]:
    """Grades by image name.

    Raises:
        InputError: unreadable, other columns, a name that is no IDRiD_<number>, a grade outside 0-4, or the same image
            twice; the message names file and line.
    """
    grades: dict[str, int] = {}
    for line, row in rows_of(path, (NAME, GRADE)):
        name, level = row[NAME], row[GRADE]
        if NAMES["idrid"].fullmatch(name) is None:
            raise InputError(f"{path}: line {line}: image {name!r}; expected a name like IDRiD_001, without suffix")
        if level not in GRADES:
            raise InputError(f"{path}: line {line}: grade {level!r}; expected 0 to 4, correct or delete this row")
        if name in grades:
            raise InputError(f"{path}: line {line}: image {name} appears twice; delete one of its rows")
        grades[name] = int(level)
    return grades


def read_idrid(folder: Path, settings: Data, allow_missing: bool = False) -> Photographs:
    """Every labelled photograph of a folder in the layout above; of the settings nothing applies here.

    Raises:
        InputError: a fault of the labels (see `read_grades`), no photograph with a grade, or, without
            `allow_missing`, rows whose photograph is absent.
    """
    return matched(folder, read_grades(folder / LABEL_FILE), allow_missing)
