"""Data sets of phantoms in the official layouts, read by the same code as the real data sets.

EyePACS (Kaggle, 2015): `trainLabels.csv` with the columns image,level and `train/<patient>_left.jpeg`, `_right.jpeg`.
Both eyes of a patient have the same camera and, in most cases, the same grade.

DiaretDB1 version 2.1, folder `ddb1_v02_01/`:

    images/diaretdb1_image001.png                 photographs
    groundtruth/diaretdb1_image001_01.xml .. _04  annotations by four experts, and the same as `_01_plain.xml` with a
                                                  document type that needs no network
    ddb1_v02_01_train.txt, ddb1_v02_01_test.txt   splits in the official proportion of 28 to 61, also as `_plain.txt`
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from retina_xai.errors import UsageError
from retina_xai.io.files import replacing, write_text
from retina_xai.io.images import write_png
from retina_xai.lesions.annotation import LESION_TYPES
from retina_xai.training.phantoms.annotators import ANNOTATORS, DOCTYPES, annotate, annotation_file
from retina_xai.training.phantoms.phantom import DEMO, GRADE_SHARES, GRADES, Phantom, PhantomSettings, make_phantom

TRAIN_SHARE = 28 / 89
EYES: tuple[Literal["left", "right"], ...] = ("left", "right")
JPEG_QUALITY = 92
# lesion types of ten consecutive images: each type is in five of them and the only type in one; one has no lesion
TYPE_CYCLE: tuple[tuple[str, ...], ...] = (
    LESION_TYPES,
    ("red_small_dots",),
    ("hard_exudates", "haemorrhages", "soft_exudates"),
    (),
    ("soft_exudates",),
    ("haemorrhages", "red_small_dots", "soft_exudates"),
    ("haemorrhages",),
    ("hard_exudates", "red_small_dots"),
    LESION_TYPES,
    ("hard_exudates",),
)


@dataclass(frozen=True)
class PhantomSet:
    """Size of the photographs, shares of the grades, and settings of the phantoms.

    same_grade: share of the patients with the same grade in both eyes; for the others, grades differ by one.
    """

    height: int = 448
    width: int = 584
    grade_shares: tuple[float, ...] = GRADE_SHARES
    same_grade: float = 0.85
    settings: PhantomSettings = field(default_factory=PhantomSettings)


OFFICIAL_DIARETDB1 = PhantomSet(height=1152, width=1500)
# For a network that is trained in minutes: small files, more than half referable, lesions visible at 190-220 pixels.
DEMO_EYEPACS = PhantomSet(height=288, width=352, grade_shares=(0.36, 0.12, 0.22, 0.16, 0.14), settings=DEMO)
DEMO_DIARETDB1 = PhantomSet(height=576, width=750, settings=DEMO)


def write_eyepacs(folder: Path, patients: int, seed: int, design: PhantomSet | None = None) -> Path:
    """Write a phantom EyePACS with this number of patients (two photographs each) and return its folder.

    Raises:
        UsageError: fewer than one patient, or grade shares that are not five numbers with the sum 1.
        InputError: the folder cannot be written.
    """
    design = design or PhantomSet()
    if patients < 1:
        raise UsageError(f"{patients} patients: expected at least 1; ask for more")
    if len(design.grade_shares) != len(GRADES) or abs(sum(design.grade_shares) - 1.0) > 1e-6:
        raise UsageError(f"grade shares {design.grade_shares}: expected five numbers that add up to 1; change them")
    rng = np.random.default_rng([seed, 1])
    numbers = 10 + np.cumsum(rng.integers(1, 4, patients))
    rows = ["image,level"]
    for number in numbers:
        first = int(rng.choice(GRADES, p=design.grade_shares))
        same = rng.random() < design.same_grade
        second = first if same else int(np.clip(first + rng.choice((-1, 1)), GRADES[0], GRADES[-1]))
        patient_seed = int(rng.integers(2**31))
        for offset, (eye, grade) in enumerate(zip(EYES, (first, second), strict=True)):
            settings = replace(design.settings, eye=eye, camera_seed=patient_seed)
            phantom = make_phantom(2 * patient_seed + offset, design.height, design.width, grade, settings)
            _write_jpeg(folder / "train" / f"{number}_{eye}.jpeg", phantom.pixels)
            rows.append(f"{number}_{eye},{grade}")
    write_text(folder / "trainLabels.csv", "\n".join(rows) + "\n")
    return folder


def write_diaretdb1(folder: Path, count: int, seed: int, design: PhantomSet | None = None) -> Path:
    """Write a phantom DiaretDB1 with `count` images and return the folder `ddb1_v02_01` in `folder`.

    The lesion types follow a fixed cycle instead of the grade shares of the design. So a small set also has every type
    in both splits, and images without lesions.

    Raises:
        UsageError: fewer than 2 or more than 999 images.
        InputError: the folder cannot be written.
    """
    design = design or OFFICIAL_DIARETDB1
    if not 2 <= count <= 999:
        raise UsageError(f"{count} images: expected 2 to 999, as both splits need one; ask for another number")
    root = folder / "ddb1_v02_01"
    rng = np.random.default_rng([seed, 2])
    for number in range(1, count + 1):
        phantom = diaretdb1_phantom(number, int(rng.integers(2**31)), design)
        write_png(root / "images" / f"diaretdb1_image{number:03}.png", phantom.pixels)
        for annotator, markings in zip(ANNOTATORS, annotate(phantom, rng), strict=True):
            for suffix in DOCTYPES:
                name = f"diaretdb1_image{number:03}_{annotator}{suffix}"
                write_text(root / "groundtruth" / name, annotation_file(markings, suffix, phantom.pixels.shape[:2]))
    train = diaretdb1_train_numbers(count)
    for split, numbers in (("train", train), ("test", sorted(set(range(1, count + 1)) - set(train)))):
        for suffix, ending in ((".xml", ""), ("_plain.xml", "_plain")):
            write_text(root / f"ddb1_v02_01_{split}{ending}.txt", _split_list(numbers, suffix))
    return root


def diaretdb1_phantom(number: int, seed: int, design: PhantomSet | None = None) -> Phantom:
    """The phantom of image `number` (from 1) of a phantom DiaretDB1, with the exact lesion masks."""
    design = design or OFFICIAL_DIARETDB1
    types = TYPE_CYCLE[(number - 1) % len(TYPE_CYCLE)]
    settings = replace(design.settings, types=types or None)
    grade = int(np.random.default_rng([seed, 3]).integers(2, 5)) if types else 0
    return make_phantom(seed, design.height, design.width, grade, settings)


def diaretdb1_train_numbers(count: int) -> list[int]:
    """The image numbers of the training split: evenly spaced, 28 of 89, at least one."""
    size = max(1, round(count * TRAIN_SHARE))
    return [1 + (index * count) // size for index in range(size)]


def _split_list(numbers: list[int], suffix: str) -> str:
    lines = []
    for number in numbers:
        name = f"diaretdb1_image{number:03}"
        files = [f"groundtruth/{name}_{annotator}{suffix}" for annotator in ANNOTATORS]
        lines.append(" ".join([f"images/{name}.png", *files]))
    return "\n".join(lines) + "\n"


def _write_jpeg(path: Path, pixels: np.ndarray) -> None:
    with replacing(path) as partial:
        Image.fromarray(pixels).save(partial, format="JPEG", quality=JPEG_QUALITY)
