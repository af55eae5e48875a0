"""Labelled photographs, and the search for image files by the names in a table.

Data set and patient of a photograph are one text, SET:PATIENT. Official names contain both: `eyepacs:10` for 10_left
and 10_right, `idrid:001` for IDRiD_001 (IDRiD has no patient names, so each photograph counts as a patient). Grades are
those of the International Clinical Diabetic Retinopathy scale: 0 none, 1 mild, 2 moderate, 3 severe, 4 proliferative.
"""

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from retina_xai.errors import InputError
from retina_xai.io.dicom_extra import without_other_objects
from retina_xai.io.images import SUFFIXES, is_image_name
from retina_xai.io.results import without_results

GRADES = tuple("01234")
REFERABLE = 2
OFFICIAL_NAMES = {
    "eyepacs": re.compile(r"(\d+)_(?P<eye>left|right)"),
    "idrid": re.compile(r"IDRiD_(\d+)"),
    "mexico": re.compile(r"(\d+)_(?P<eye>OD|OI)_[fo]_\d+", re.IGNORECASE),
}
EYES = {"left": "left", "right": "right", "od": "right", "oi": "left"}
"""The eye by what official names say: oculus dexter, ojo izquierdo."""

PATIENTS = {"eyepacs": "eyepacs:{}", "idrid": "idrid:{:03}", "mexico": "mexico:{:04}"}


@dataclass(frozen=True)
class LabelledPhotograph:
    """A photograph with its label.

    image: the name in the labels, without suffix.  patient: SET:PATIENT, like eyepacs:10.
    level: the training grade of the label; the photograph is positive if it is at least `REFERABLE`.
    label: as written in the labels; default: the level.
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
        """The data set it comes from."""
        return self.patient.partition(":")[0]

    @property
    def own_label(self) -> bool:
        """Whether the label differs from its training grade."""
        return self.label != str(self.level)

    @property
    def positive(self) -> bool:
        """Whether it belongs to the class RDR."""
        return self.level >= REFERABLE


@dataclass(frozen=True)
class LabelledSet:
    """All labelled photographs found, sorted by name, and counts of rows and files that were not used.

    rows_without_image: labels without a file.  images_without_row: files without a label.  rows_without_label: rows
    with an empty or unknown label.  patient_rule: description of how patients were identified.
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


def official_eye(image: str) -> str:
    """The eye of an official name: "right", "left", or "" where it names none.

    >>> official_eye("10_left"), official_eye("0007_OD_f_1"), official_eye("IDRiD_007")
    ('left', 'right', '')
    """
    for pattern in OFFICIAL_NAMES.values():
        if match := pattern.fullmatch(PurePosixPath(image).name):
            return EYES.get(match.groupdict().get("eye", "").lower(), "")
    return ""


def without_suffix(name: str) -> str:
    """A name in a table, with forward slashes and without an image suffix.

    >>> without_suffix("left\\\\0012.JPG"), without_suffix("scan.1")
    ('left/0012', 'scan.1')
    """
    path = PurePosixPath(name.strip().replace("\\", "/"))
    return str(path.with_suffix("") if path.suffix.lower() in SUFFIXES else path)


class ImageFiles:
    """Image files of folders and their sub-folders, linked ones too.

    Folders that start with a dot are skipped, and so are the pictures of earlier runs.
    """

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders, self.paths = folders, _image_files(folders)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in self.paths:
            self._by_stem[path.stem].append(path)

    def find(self, name: str) -> Path | None:
        """The file for a name in a table, with or without suffix and sub-folders; None if there is no such file.

        Raises:
            InputError: several files match; the message names two of them.
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
        found += [path for path in (Path(root, name) for name in sorted(files)) if is_image_name(path)]
    return without_results(without_other_objects(found))
