"""Positive labels, and the training grades of labels."""

import pytest

from retina_xai.errors import InputError, UsageError
from retina_xai.grades.options import LabelOptions, values_of


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("2-4", {"2", "3", "4"}),
        ("2,3,4", {"2", "3", "4"}),
        (" NPDR , PDR,", {"NPDR", "PDR"}),
        ("0,2 - 3", {"0", "2", "3"}),
        ("-", {"-"}),
        ("pre-DR", {"pre-DR"}),
    ],
)
def test_values_and_ranges(text: str, values: set[str]) -> None:
    assert values_of(text) == values


def test_grades_are_unchanged_by_default() -> None:
    assert [LabelOptions().level_of(label, "x") for label in "01234"] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("positive", "label", "level"),
    [
        ("NPDR,PDR", "PDR", 2),
        ("NPDR,PDR", "0", 0),
        ("NPDR,PDR", "mild", 0),
        ("1-4", "1", 2),  # positive, so it must not be drawn as rarely as grade 1
        ("1-4", "3", 3),
        ("3-4", "2", 0),  # negative
        ("1", "1", 2),
        ("1", "0", 0),
    ],
)
def test_a_level_is_referable_if_and_only_if_the_label_is_positive(positive: str, label: str, level: int) -> None:
    assert LabelOptions(positive=positive).level_of(label, "x") == level


def test_other_labels_are_refused_if_labels_are_grades() -> None:
    with pytest.raises(
        InputError, match="a.csv: line 7: grade '7'; expected 0 to 4: correct it, or name the positive labels"
    ):
        LabelOptions().level_of("7", "a.csv: line 7")
    assert LabelOptions(positive="7").level_of("9", "x") == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive": " ,"}, "no positive label: name at least one"),
        ({"positive": "4-2"}, "range 4-2: expected the lower number first, as in 2-4"),
        ({"patient_pattern": r"(\d+"}, "patient pattern"),
        ({"patient_pattern": r"\d+"}, "no group; expected one"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LabelOptions(**options)  # type: ignore[arg-type]
