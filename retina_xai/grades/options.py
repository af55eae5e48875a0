"""Options of reading labels: tables and columns, positive labels, and how patients are identified."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from retina_xai.errors import InputError, UsageError
from retina_xai.grades.photographs import GRADES, REFERABLE

RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


@dataclass(frozen=True)
class LabelOptions:
    """The source of the labels of a folder of photographs, and which labels are positive.

    positive, unknown: labels, separated by commas; `2-4` means `2,3,4`. Photographs with an unknown or empty label in a
    user's table or folder are excluded and counted. If all positive labels are grades, all labels must be grades.
    table: the user's CSV with the columns `image_column`, `label_column` and, optionally, `patient_column`. Without a
    table, the folder must have an official layout or sub-folders named by label.
    patient_pattern: a regular expression for the file name without suffix; its first group is the patient.
    labels, usage: which official files of EyePACS are read, and which rows of retinopathy_solution.csv.
    """

    positive: str = "2-4"
    unknown: str = "-"
    table: Path | None = None
    image_column: str = "image"
    label_column: str = "label"
    patient_column: str | None = None
    patient_pattern: str | None = None
    labels: tuple[str, ...] = ("train", "test")
    usage: str = "all"

    def __post_init__(self) -> None:
        if not self.positives:
            raise UsageError("no positive label: name at least one, as in 2-4 or NPDR,PDR")
        try:
            groups = re.compile(self.patient_pattern or "()").groups
        except re.error as error:
            raise UsageError(f"patient pattern {self.patient_pattern!r}: {error}; correct it") from error
        if groups < 1:
            raise UsageError(rf"patient pattern {self.patient_pattern!r}: no group; expected one, as in (\d+)_.*")

    @classmethod
    def given(cls, **options: Any) -> Self:
        """The options that are not None, with defaults for the others."""
        return cls(**{name: value for name, value in options.items() if value is not None})

    @cached_property
    def positives(self) -> frozenset[str]:
        """The positive labels."""
        return values_of(self.positive)

    @cached_property
    def unknowns(self) -> frozenset[str]:
        """The labels that mean "not graded", with the empty one."""
        return values_of(self.unknown) | {""}

    @property
    def grades(self) -> bool:
        """Whether labels are grades 0-4; true if all positive labels are."""
        return self.positives <= set(GRADES)

    def level_of(self, label: str, place: str) -> int:
        """The training grade of a label: at least `REFERABLE` if and only if the label is positive.

        A grade that is positive exactly if it is referable keeps its value. Any other positive label becomes grade 2,
        any other negative label grade 0.

        >>> [LabelOptions(positive="NPDR,PDR").level_of(label, "labels.csv") for label in ("0", "NPDR", "PDR")]
        [0, 2, 2]

        Raises:
            InputError: labels are grades, but this one is not; `place` names file and line.
        """
        positive = label in self.positives
        if label in GRADES and (int(label) >= REFERABLE) == positive:
            return int(label)
        if self.grades and label not in GRADES:
            raise InputError(f"{place}: grade {label!r}; expected 0 to 4: correct it, or name the positive labels")
        return REFERABLE if positive else 0


def values_of(text: str) -> frozenset[str]:
    """Values separated by commas, with ranges of whole numbers expanded.

    >>> sorted(values_of("0, 2-4"))
    ['0', '2', '3', '4']

    Raises:
        UsageError: a descending range.
    """
    values: set[str] = set()
    for part in (part.strip() for part in text.split(",")):
        if not (match := RANGE.fullmatch(part)):
            values |= {part} - {""}
            continue
        low, high = int(match[1]), int(match[2])
        if low > high:
            raise UsageError(f"range {part}: expected the lower number first, as in {high}-{low}")
        values |= {str(value) for value in range(low, high + 1)}
    return frozenset(values)
