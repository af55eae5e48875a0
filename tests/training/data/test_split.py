"""The split by patient: disjoint, stratified by set and grade, written and read back."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from retina_xai.errors import InputError
from retina_xai.grades.photographs import LabelledPhotograph
from retina_xai.training.data.split import LEARNING, PARTS, check_disjoint, read_split, split_patients, write_split

SHARES = [0.7, 0.1, 0.1, 0.06, 0.04]


def _csv(folder: Path, text: str, name: str = "trainLabels.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def _cohort(count: int = 203, seed: int = 0) -> list[LabelledPhotograph]:
    rng = np.random.default_rng(seed)
    return [
        LabelledPhotograph(f"{number}_{side}", f"eyepacs:{number}", int(rng.choice(5, p=SHARES)), Path("x"))
        for number in range(count)
        for side in ("left", "right")
    ]


def test_split_is_disjoint_stratified_and_a_cross_validation() -> None:
    cohort = _cohort()
    folds = [split_patients(cohort, 5, fold, seed=4) for fold in range(5)]
    held = [{photo.patient for photo in cohort if parts[photo.image] == "validation"} for parts in folds]
    assert sum(len(patients) for patients in held) == 203 and len(set.union(*held)) == 203
    worst = {f"eyepacs:{n}": max(p.level for p in cohort if p.patient == f"eyepacs:{n}") for n in range(203)}
    grades = [Counter(worst[patient] for patient in patients) for patients in held]
    for grade in range(5):
        counts = [counter[grade] for counter in grades]
        assert max(counts) - min(counts) <= 1
    assert {len(patients) for patients in held} == {40, 41}
    for parts in folds:
        check_disjoint(parts, cohort, "split")


def test_split_depends_on_the_seed_and_not_on_the_order() -> None:
    cohort = _cohort()
    assert split_patients(cohort, 5, 0, 1) == split_patients(cohort[::-1], 5, 0, 1)
    assert split_patients(cohort, 5, 0, 1) != split_patients(cohort, 5, 0, 2)


def test_a_test_fold_is_the_same_in_every_fold_and_never_learned_from() -> None:
    cohort = _cohort()
    folds = [split_patients(cohort, 6, fold, seed=4, test_fold=5) for fold in range(5)]
    tests = [{image for image, part in parts.items() if part == "test"} for parts in folds]
    assert all(one == tests[0] for one in tests) and 60 < len(tests[0]) < 75
    held = [{image for image, part in parts.items() if part == "validation"} for parts in folds]
    assert set.union(*held) | tests[0] == {photo.image for photo in cohort}
    assert sum(map(len, held)) + len(tests[0]) == len(cohort)
    for parts in folds:
        check_disjoint(parts, cohort, "split")
        assert set(parts.values()) == set(PARTS)


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(InputError, match="2 patients cannot be split into 5 folds"):
        split_patients(_cohort(2), 5, 0, 0)


def test_a_written_split_is_read_back(tmp_path: Path) -> None:
    cohort = _cohort(10)
    parts = split_patients(cohort, 5, 0, 0)
    write_split(tmp_path / "split.csv", cohort, parts)
    assert read_split(tmp_path / "split.csv", cohort) == parts
    assert set(parts.values()) == set(LEARNING)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "1_left,training\n1_right,validation\n",
            r"patient eyepacs:1 is in training and in validation \(1_left, 1_right\)",
        ),
        ("1_left,training\n01_right,validation\n", r"patient eyepacs:1 is in training and in validation"),
        ("1_left,tests\n", r"line 2: part 'tests'; expected training, validation, test"),
        ("1_left,training\n1_left,training\n", r"line 3: image '1_left'"),
        ("1_left,training\n", r"1 photographs have no part \(first 1_right\)"),
    ],
)
def test_an_unfit_split_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    path = _csv(tmp_path, f"image,part\n{rows}", "split.csv")
    with pytest.raises(InputError, match=message):
        read_split(path, [LabelledPhotograph(f"1_{side}", "eyepacs:1", 0, Path("x")) for side in ("left", "right")])


def test_every_fold_holds_every_grade_of_every_set() -> None:
    other = [LabelledPhotograph(f"IDRiD_{n:03}", f"idrid:{n:03}", n % 5, Path("x")) for n in range(1, 101)]
    cohort = [*_cohort(), *other]
    folds = [split_patients(cohort, 5, fold, seed=4) for fold in range(5)]
    for grade in range(5):
        shares = [sum(parts[p.image] == "validation" and p.level == grade for p in other) for parts in folds]
        assert sum(shares) == 20 and max(shares) - min(shares) <= 1
