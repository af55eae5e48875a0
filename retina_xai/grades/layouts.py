"""The registry of official layouts of graded photographs. A layout is recognised by its label files.

EyePACS (Kaggle, 2015): trainLabels.csv (image,level) and, optionally, retinopathy_solution.csv (image,level,Usage). The
two eyes of a patient have the same number in all files.

IDRiD (Porwal et al., Indian Diabetic Retinopathy Image Dataset, Data 2018): grades.csv with the columns `Image name`,
`Retinopathy grade` and `Risk of macular edema ` (with a trailing space; the official files have further columns without
a name). The official training and test sets use the same names for different eyes, so each needs its own folder.

Mexico (Hughes-Cano et al., photographs of three institutes with several cameras): labels.csv with the columns Name
(patient_eye_f_number), DR (0, NPDR, PDR, or - for unknown) and DME (macular oedema, 0 or 1). NPDR is not divided into
mild and moderate. It counts as grade 2 here, and so does macular oedema where DR is unknown; PDR counts as grade 4.

In all layouts, the photographs may be in any sub-folder, named as in the labels with an image suffix.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.grades.options import LabelOptions
from retina_xai.grades.photographs import GRADES, OFFICIAL_NAMES
from retina_xai.grades.tables import rows_of

USAGES = ("Public", "Private")


@dataclass(frozen=True)
class Layout:
    """One layout: label files by part ("" is always read), columns, and the pattern of names with an example.

    usage_column: names the leaderboard of each row; without this column, all rows are read.
    grade_of: the grade of a row where the label column holds something else.
    header: how a file of so common a name begins.
    """

    title: str
    files: Mapping[str, str]
    image_column: str
    label_column: str
    names: re.Pattern[str]
    example: str
    usage_column: str | None = None
    grade_of: Callable[[Mapping[str, str]], str] | None = None
    header: str = ""

    def is_of(self, folder: Path) -> bool:
        """Whether the folder has a label file of this layout."""
        present = [folder / name for name in self.files.values() if (folder / name).is_file()]
        return any(not self.header or _first_line(path).startswith(self.header) for path in present)

    def grade(self, row: Mapping[str, str]) -> str:
        """The grade of a row, as text."""
        return row[self.label_column] if self.grade_of is None else self.grade_of(row)


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline(1000)


def _mexican_grade(row: Mapping[str, str]) -> str:
    if row["DR"] == "-":
        return "2" if row["DME"] == "1" else row["DR"]
    return {"NPDR": "2", "PDR": "4"}.get(row["DR"], row["DR"])


LAYOUTS: dict[str, Layout] = {
    "eyepacs": Layout(
        title="EyePACS",
        files={"train": "trainLabels.csv", "test": "retinopathy_solution.csv"},
        image_column="image",
        label_column="level",
        names=OFFICIAL_NAMES["eyepacs"],
        example="10_left",
        usage_column="Usage",
    ),
    "idrid": Layout(
        title="IDRiD",
        files={"": "grades.csv"},
        image_column="Image name",
        label_column="Retinopathy grade",
        names=OFFICIAL_NAMES["idrid"],
        example="IDRiD_001",
    ),
    "mexico": Layout(
        title="Mexico",
        files={"": "labels.csv"},
        image_column="Name",
        label_column="DR",
        names=OFFICIAL_NAMES["mexico"],
        example="0012_OI_f_1",
        grade_of=_mexican_grade,
        header="Name,DME,DR",
    ),
}


def layout_of(folder: Path) -> Layout | None:
    """The layout of a folder, or None if it has no label file of any layout."""
    return next((one for one in LAYOUTS.values() if one.is_of(folder)), None)


def official_labels(folder: Path, layout: Layout, options: LabelOptions) -> dict[str, str]:
    """Grades by image name, from the label files of a folder that the options select.

    Raises:
        InputError: none of these files exists, one has an error (see `labels_in`), or an image is in two of them.
    """
    wanted = [name for part, name in layout.files.items() if part in ("", *options.labels)]
    present = [folder / name for name in wanted if (folder / name).is_file()]
    if not present:
        raise InputError(f"{folder}: no {' or '.join(wanted)}; expected a folder in the {layout.title} layout")
    grades: dict[str, str] = {}
    for path in present:
        new = labels_in(path, layout, options.usage)
        if both := sorted(new.keys() & grades):
            raise InputError(f"{path}: image {both[0]} is labelled in {present[0].name} too; delete one of its rows")
        grades |= new
    return grades


def labels_in(path: Path, layout: Layout, usage: str = "all") -> dict[str, str]:
    """Grades by image name, from one official file (a byte-order mark and CRLF are accepted).

    Raises:
        InputError: an unreadable file, other columns, a name of another layout, a grade outside 0-4, an unknown usage,
            or the same image twice; the message names file and line.
    """
    grades: dict[str, str] = {}
    for line, row in rows_of(path, (layout.image_column, layout.label_column)):
        name, grade = row[layout.image_column], layout.grade(row)
        if layout.names.fullmatch(name) is None:
            raise InputError(
                f"{path}: line {line}: image {name!r}; expected a name like {layout.example}, without folder or suffix"
            )
        if grade not in GRADES:
            raise InputError(f"{path}: line {line}: grade {grade!r}; expected 0 to 4, correct or delete this row")
        if name in grades:
            raise InputError(f"{path}: line {line}: image {name} appears twice; delete one of its rows")
        here = row.get(layout.usage_column or "")
        if here is not None and here not in USAGES:
            raise InputError(f"{path}: line {line}: Usage {here!r}; expected Public or Private")
        if "all" in (usage, here or "all") or here == usage:
            grades[name] = grade
    return grades
