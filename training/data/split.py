"""Training and validation parts, split by patient.

Split (ours): patients are sorted by set and worst grade and, within those, by a seeded shuffle, then dealt like cards
to `folds` folds; validation is one of them. So every fold holds every grade of every set to within one patient, and
five folds are an 80/20 split and a cross-validation at once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from retina_xai.errors import InputError
from retina_xai.io.files import write_text
from retina_xai.training.data.photographs import NAMES, Labelled, patient_of, rows_of

PARTS = ("training", "validation")


def split_patients(photographs: Sequence[Labelled], folds: int, fold: int, seed: int) -> dict[str, str]:
    """Part ("training" or "validation") of each image name: the stratified deal of the module's head.

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
    validation = set(dealt[fold::folds])
    return {photo.image: PARTS[photo.patient in validation] for photo in photographs}


def read_split(path: Path, photographs: Sequence[Labelled]) -> dict[str, str]:
    """Parts of the photographs from a split.csv (columns image and part, others ignored).

    Raises:
        InputError: a fault of the file, an unknown part, a patient on both sides, or a photograph that it lacks.
    """
    parts: dict[str, str] = {}
    for line, row in rows_of(path, ("image", "part")):
        if row["part"] not in PARTS:
            raise InputError(f"{path}: line {line}: part {row['part']!r}; expected training or validation")
        if not _known(row["image"]) or row["image"] in parts:
            raise InputError(
                f"{path}: line {line}: image {row['image']!r} is no name like 10_left or IDRiD_001, or appears twice"
            )
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
    seen: dict[str, str] = {}
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


def _known(image: str) -> bool:
    return any(pattern.fullmatch(image) for pattern in NAMES.values())
