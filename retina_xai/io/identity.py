"""Who a photograph is of: patient, study, eye and time, where the file says so.

This is the only place of a photograph's data that identifies a patient. It is never written, unless the user asks for
identified results; the name that is shown instead is `pseudonym`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

PREFIX = "dicom-"
DIGITS = 12

Key = TypeVar("Key")


@dataclass(frozen=True)
class Identity:
    """Patient (with the issuer of the number), study, eye ("left", "right", "both" or ""), and time of acquisition.

    `study` is the UID of the study, `acquired` ISO 8601 as far as it is known. Values are "" where the file says
    nothing. The representation shows the eye only, so that no log and no traceback names a patient.
    """

    patient: str = field(default="", repr=False)
    study: str = field(default="", repr=False)
    eye: str = ""
    acquired: str = field(default="", repr=False)


def pseudonym(sha256: str) -> str:
    """The name of a photograph whose file name may identify a patient: the first digits of its content's hash.

    >>> pseudonym("0123456789abcdef")
    'dicom-0123456789ab'
    """
    return PREFIX + sha256[:DIGITS]


def numbered(identities: Iterable[Identity], key: Callable[[Identity], str]) -> Mapping[str, int]:
    """Numbers from 1 for the values of `key`, such as the patient, in the order of their first occurrence.

    A number says nothing about the patient, whereas the hash of a short patient number could be found by trying.
    Empty values have no number.
    """
    values = dict.fromkeys(value for one in identities if (value := key(one)))
    return {value: number for number, value in enumerate(values, start=1)}


def study_numbers(identities: Iterable[Identity]) -> dict[tuple[str, str], int]:
    """Numbers from 1 for the studies of each patient, earliest first, by patient and study; none without a patient."""
    earliest: dict[tuple[str, str], str] = {}
    for one in identities:
        if one.patient and one.study:
            key = one.patient, one.study
            earliest[key] = min(earliest.get(key, one.acquired), one.acquired)
    numbers: dict[tuple[str, str], int] = {}
    counts: dict[str, int] = {}
    for key in sorted(earliest, key=lambda key: (earliest[key], key)):
        counts[key[0]] = counts.get(key[0], 0) + 1
        numbers[key] = counts[key[0]]
    return numbers
