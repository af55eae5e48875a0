"""A photograph with its label, and the image files of a folder found by the names in a table.

A photograph's set and patient are one text, SET:PATIENT. Official names tell both: `eyepacs:10` for 10_left and
10_right, `idrid:001` for IDRiD_001 (IDRiD names no patients, so each photograph counts as one). Grades are those of the
International Clinical Diabetic Retinopathy scale: 0 none, 1 mild, 2 moderate, 3 severe, 4 proliferative.
"""

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from retina_xai.errors import InputError
from retina_xai.io.images import SUFFIXES

GRADES = tuple("01234")
REFERABLE = 2
OFFICIAL_NAMES = {"eyepacs": re.compile(r"(\d+)_(?:left|right)"), "idrid": re.compile(r"IDRiD_(\d+)")}
PATIENTS = {"eyepacs": "eyepacs:{}", "idrid": "idrid:{:03}"}


@dataclass(frozen=True)
class LabelledPhotograph:
    """A photograph with its label.

    image: the name in the labels, without suffix.  patient: SET:PATIENT, like eyepacs:10.
    level: the grade that stands for the label in training; a photograph is positive where it is at least `REFERABLE`.
    label: as written in the labels; by default the level.
    """

    image: str
    patient: str
    level: int
    path: Path
    label: str = ""

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", str(self.level))

    @property
    def source(self) -> str:
        """The set it comes from."""
        return self.patient.partition(":")[0]

    @property
    def own_label(self) -> bool:
        """Whether the label is another text than the grade that stands for it."""
        return self.label != str(self.level)

    @property
    def positive(self) -> bool:
        """Whether it belongs to the class RDR."""
        return self.level >= REFERABLE


@dataclass(frozen=True)
class LabelledSet:
    """All labelled photographs found, sorted by name, and what did not fit.

    rows_without_image, images_without_row: labels and files without a partner.  rows_without_label: rows with an empty
    label, or one that means "not graded".  patient_rule: how patients were told apart, in words.
    """

    photographs: tuple[LabelledPhotograph, ...]
    rows_without_image: int = 0
    images_without_row: int = 0
    rows_without_label: int = 0
    patient_rule: str = ""


def official_patient(image: str) -> str | None:
    """The patient of an official name such as 10_left; None for other names."""
    for source, pattern in OFFICIAL_NAMES.items():
        if match := pattern.fullmatch(PurePosixPath(image).name):
            return PATIENTS[source].format(int(match[1]))
    return None


def without_suffix(name: str) -> str:
    """A name in a table, with forward slashes and without an image suffix.

    >>> without_suffix("left\\\\0012.JPG"), without_suffix("scan.1")
    ('left/0012', 'scan.1')
    """
    path = PurePosixPath(name.strip().replace("\\", "/"))
    return str(path.with_suffix("") if path.suffix.lower() in SUFFIXES else path)


class ImageFiles:
    """Image files of folders and their sub-folders (linked ones too); folders that start with a dot are skipped."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders, self.paths = folders, _image_files(folders)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in self.paths:
            self._by_stem[path.stem].append(path)

    def find(self, name: str) -> Path | None:
        """The file that a name in a table means, with or without suffix and sub-folders; None where there is none.

        Raises:
            InputError: several files fit; two of them are named.
        """
        wanted = PurePosixPath(without_suffix(name))
        same_stem, depth = self._by_stem.get(wanted.name, []), len(wanted.parts)
        fitting = [path for path in same_stem if path.with_suffix("").parts[-depth:] == wanted.parts]
        exact = [path for path in fitting if path.name == PurePosixPath(name.replace("\\", "/")).name]
        chosen = exact or fitting
        if len(chosen) > 1:
            raise InputError(
                f"{chosen[1]}: also {chosen[0]}; names must be unique: remove one, or write sub-folders in the labels"
            )
        return chosen[0] if chosen else None


def _image_files(folders: tuple[Path, ...]) -> list[Path]:
    found: list[Path] = []
    entered: set[Path] = set()
    for root, inner, files in (step for folder in folders for step in os.walk(folder, followlinks=True)):
        if (real := Path(root).resolve()) in entered:
            inner.clear()
            continue
        entered.add(real)
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        found += [Path(root, name) for name in sorted(files) if Path(name).suffix.lower() in SUFFIXES]
    return found
