"""Training, validation and test parts, split by patient.

Patients are shuffled by the seed, sorted by data set and worst grade, and assigned to `folds` folds in turn (our
choice). One fold is the validation set; another one can be a test part, which no choice depends on. The number of
patients of a data set and grade differs by at most one between folds. Five folds give an 80/20 split, or a five-fold
cross-validation.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from retina_xai.errors import InputError
from retina_xai.grades.photographs import LabelledPhotograph, official_patient
from retina_xai.grades.tables import rows_of
from retina_xai.io.files import write_csv

LEARNING = ("training", "validation")
PARTS = (*LEARNING, "test")


def split_patients(
    photographs: Sequence[LabelledPhotograph], folds: int, fold: int, seed: int, test_fold: int | None = None
) -> dict[str, str]:
    """Part (one of `PARTS`) of each image name, by the rule of the module docstring; without `test_fold`, none is test.

    Raises:
        InputError: fewer patients than folds.
    """
    worst: dict[str, int] = defaultdict(int)
    source: dict[str, str] = {}
    for photograph in photographs:
        worst[photograph.patient] = max(worst[photograph.patient], photograph.level)
        source[photograph.patient] = photograph.source
    if len(worst) < folds:
        raise InputError(
            f"{len(worst)} patients cannot be split into {folds} folds; add photographs or lower data.folds"
        )
    patients = np.array(sorted(worst))
    shuffled = np.random.default_rng(seed).permutation(patients)
    dealt = sorted(shuffled.tolist(), key=lambda patient: (source[patient], worst[patient]))
    held = dict.fromkeys(dealt[fold::folds], "validation")
    if test_fold is not None:
        held |= dict.fromkeys(dealt[test_fold::folds], "test")
    return {photo.image: held.get(photo.patient, "training") for photo in photographs}


def read_split(path: Path, photographs: Sequence[LabelledPhotograph]) -> dict[str, str]:
    """Parts of the photographs from a split.csv (columns image and part, others ignored).

    Rows of other images are allowed; if their names are official, their patients are checked too.

    Raises:
        InputError: an unreadable file, an unknown part, an image twice, a patient in two parts, or a photograph
            without a row.
    """
    parts: dict[str, str] = {}
    for line, row in rows_of(path, ("image", "part")):
        if row["part"] not in PARTS:
            raise InputError(f"{path}: line {line}: part {row['part']!r}; expected {', '.join(PARTS)}")
        if not row["image"] or row["image"] in parts:
            raise InputError(f"{path}: line {line}: image {row['image']!r} is empty or appears twice; delete this row")
        parts[row["image"]] = row["part"]
    check_disjoint(parts, photographs, str(path))
    absent = [photo.image for photo in photographs if photo.image not in parts]
    if absent:
        raise InputError(f"{path}: {len(absent)} photographs have no part (first {absent[0]}); add them to the split")
    return {photo.image: parts[photo.image] for photo in photographs}


def check_disjoint(parts: Mapping[str, str], photographs: Sequence[LabelledPhotograph], name: str) -> None:
    """Check that no patient is in two parts.

    Raises:
        InputError: a patient is in two parts; the message names the first one and two of the images.
    """
    patients = {photo.image: photo.patient for photo in photographs}
    seen: dict[str, str] = {}
    for image, part in parts.items():
        if (patient := patients.get(image) or official_patient(image)) is None:
            continue
        former = seen.setdefault(patient, image)
        if parts[former] != part:
            raise InputError(
                f"{name}: patient {patient} is in {parts[former]} and in {part} ({former}, {image});"
                " put all photographs of a patient in one part"
            )


def write_split(path: Path, photographs: Sequence[LabelledPhotograph], parts: Mapping[str, str]) -> None:
    """Write the split as CSV: image,patient,level,part."""
    rows = [(photo.image, photo.patient, photo.level, parts[photo.image]) for photo in photographs]
    write_csv(path, ["image", "patient", "level", "part"], rows)
