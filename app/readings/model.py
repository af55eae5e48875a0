"""What a reader said of a photograph: the finding, the lesions as the reader left them, a comment, and the context.

Agreement with the system follows from the finding (`agreement`). Readings of earlier versions have an agreement
without a finding.

A reading names the photograph and the weights by the SHA-256 of their bytes, so that it keeps its meaning when files
are renamed or updated. Readings are immutable. A correction is a new reading; the latest counts (`newest`).
Coordinates are those of `retina_xai.fundus.geometry`.

Everything is checked when a reading is made, so also when one is read from a file. Texts may hold any Unicode; they are
data and are escaped where they are shown.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import MAXYEAR, UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from retina_xai.checks import MAX_COORDINATE, check_one_of, check_text
from retina_xai.errors import InputError
from retina_xai.lesions.annotation import MAX_ANNOTATIONS, Annotation
from retina_xai.lesions.shapes import MAX_POINTS, Disk
from retina_xai.verdict import NO_REFERABLE_DR, REFER, UNGRADABLE, Verdict

if TYPE_CHECKING:
    from retina_xai.io.images import Photograph

MAX_READER_LENGTH = 100
MAX_COMMENT_LENGTH = 4000
MAX_NAME_LENGTH = 1024
MAX_NUMBER = 2**63 - 1
"""The largest integer of SQLite."""

SHA256 = re.compile(r"[0-9a-f]{64}")

ReaderDecision = Literal["agree", "disagree", "none"]
"""Agreement of the reader with the system; "none" where one of them made no decision."""

Finding = Literal["", "refer", "no referable DR", "ungradable"]
Oedema = Literal["", "yes", "no", "unsure"]
FINDINGS: Mapping[str, Finding] = {REFER: "refer", NO_REFERABLE_DR: "no referable DR", UNGRADABLE: "ungradable"}
"""The reader's findings by the decisions of the system that mean the same."""

GRADES = range(5)
"""Grades of retinopathy: none, mild, moderate, severe, proliferative."""

REFERABLE = 2
"""The lowest grade that is referred."""

MARKS: Mapping[tuple[str, str], str] = {
    ("candidate", "kept"): "found by the system, accepted by the reader",
    ("candidate", "moved"): "found by the system, corrected by the reader",
    ("candidate", "deleted"): "found by the system, rejected by the reader",
    ("candidate", "unreviewed"): "found by the system, not reviewed",
    ("reader", "added"): "drawn by the reader",
}
"""Whose a lesion is, by origin and status."""


@dataclass(frozen=True)
class ImageFile:
    """The photograph's file: name without folders, SHA-256 of its bytes, width and height in pixels as displayed."""

    name: str
    sha256: str
    width: int
    height: int

    def __post_init__(self) -> None:
        """Check every value."""
        check_text("file name", self.name, MAX_NAME_LENGTH, required=True)
        _check_hash("photograph", self.sha256)
        if not all(type(side) is int and 1 <= side <= MAX_COORDINATE for side in (self.width, self.height)):
            size = f"{self.width!r:.20}x{self.height!r:.20}"
            raise InputError(f"photograph of {size} pixels: expected at least 1x1, each side at most {MAX_COORDINATE}")

    @classmethod
    def of(cls, photograph: "Photograph") -> "ImageFile":
        """Of a photograph that was read; bytes of its name that are not text are written as \\udcXX."""
        name = photograph.name.encode("utf-8", "backslashreplace").decode("utf-8")
        height, width = photograph.pixels.shape[:2]
        return cls(name, photograph.sha256, width, height)


@dataclass(frozen=True)
class Opinion:
    """What a reader says of a photograph, and when; `time` has a time zone.

    The reader's own finding, the grade of retinopathy and macular oedema; "" and None where nothing was said.

    Raises:
        InputError: a value that no reading may hold, or values that contradict each other.
    """

    reader: str
    time: datetime
    finding: Finding = ""
    grade: int | None = None
    oedema: Oedema = ""
    comment: str = ""

    def __post_init__(self) -> None:
        """Check every value."""
        check_text("reader name", self.reader, MAX_READER_LENGTH, required=True)
        if self.time.utcoffset() is None or not 1 < self.time.year < MAXYEAR:
            raise InputError(f"time {self.time} of a reading: expected one with a time zone; use UTC")
        check_one_of("reader's finding", self.finding, get_args(Finding))
        check_one_of("macular oedema", self.oedema, get_args(Oedema))
        check_text("comment", self.comment, MAX_COMMENT_LENGTH)
        if self.grade is not None and (type(self.grade) is not int or self.grade not in GRADES):
            raise InputError(f"grade {self.grade!r:.20}: expected a whole number from 0 to {GRADES[-1]}, or none")
        self._check_sense()

    def _check_sense(self) -> None:
        """A finding that grade or oedema contradict is a slip of the hand."""
        if self.finding == "ungradable" and self.grade is not None:
            raise InputError(f"ungradable, but grade {self.grade}: take back the grade or change the finding")
        if self.finding != "no referable DR":
            return
        if self.grade is not None and self.grade >= REFERABLE:
            raise InputError(f"no referable DR, but grade {self.grade}: change the grade or the finding")
        if self.oedema == "yes":
            raise InputError("no referable DR, but macular oedema: change one of them")


@dataclass(frozen=True, kw_only=True)
class Reading(Opinion):
    """One reader's reading of one photograph with one set of weights: the opinion with its context.

    `verdict` is what the system said, `decision` whether the reader agrees with it. `lesions` also holds the candidates
    that were shown and not reviewed. `settings` is what the system ran with, plain values only and no paths. `disc`
    is the optic disc that the reader marked, whose diameter is then the unit of lengths. `number` is the reading's
    place in its store, from 1; 0 before it is stored.

    Raises:
        InputError: a value that no reading may hold.
    """

    image: ImageFile
    model_sha256: str
    verdict: Verdict
    decision: ReaderDecision = "none"
    lesions: tuple[Annotation, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    disc: Disk | None = None
    number: int = 0

    def __post_init__(self) -> None:
        """Check every value."""
        super().__post_init__()
        check_one_of("reader's decision", self.decision, get_args(ReaderDecision))
        if self.finding and self.decision != agreement(self.finding, self.verdict):
            raise InputError(f"decision {self.decision!r}: expected that of the finding {self.finding!r}")
        _check_hash("weights", self.model_sha256)
        _check_lesions(self.lesions)
        _check_settings(self.settings)
        if type(self.number) is not int or not 0 <= self.number <= MAX_NUMBER:
            raise InputError(f"number {self.number!r:.40} of a reading: expected a whole number from 0")

    @property
    def key(self) -> tuple[str, str, str]:
        """Photograph, weights and reader: of readings with one key, the latest counts."""
        return self.image.sha256, self.model_sha256, self.reader

    @property
    def reviewed(self) -> tuple[Annotation, ...]:
        """The lesions without the candidates that the reader did not review."""
        return tuple(lesion for lesion in self.lesions if lesion.status != "unreviewed")

    @property
    def not_reviewed(self) -> int:
        """How many candidates were shown and not reviewed."""
        return len(self.lesions) - len(self.reviewed)

    def says_the_same_as(self, other: "Reading") -> bool:
        """Whether nothing but number and time differs."""
        return replace(self, number=other.number, time=other.time) == other

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; the time is ISO 8601 in UTC."""
        return {
            "number": self.number,
            "reader": self.reader,
            "time": self.time.astimezone(UTC).isoformat(),
            "image": asdict(self.image),
            "model_sha256": self.model_sha256,
            "verdict": self.verdict.to_json(),
            "finding": self.finding,
            "grade": self.grade,
            "oedema": self.oedema,
            "decision": self.decision,
            "lesions": [lesion.to_json() for lesion in self.lesions],
            "comment": self.comment,
            "settings": dict(self.settings),
            "disc": None if self.disc is None else self.disc.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Reading":
        """The inverse of `to_json`.

        Raises:
            InputError: a value is missing or unfit.
        """
        try:
            return cls(
                **{
                    **values,
                    "time": datetime.fromisoformat(values["time"]),
                    "image": ImageFile(**values["image"]),
                    "verdict": Verdict.from_json(values["verdict"]),
                    "lesions": tuple(Annotation.from_json(lesion) for lesion in values["lesions"]),
                    "disc": None if values["disc"] is None else Disk.from_json(values["disc"]),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            detail = error if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            raise InputError(f"not a reading ({detail}); was it written by another program?") from error


def agreement(finding: str, verdict: Verdict) -> ReaderDecision:
    """Whether a finding is that of the system; "none" where one of them made no decision."""
    if not finding or verdict.decision not in FINDINGS:
        return "none"
    return "agree" if FINDINGS[verdict.decision] == finding else "disagree"


def newest(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """Of readings in the order of their storing, the last of each photograph, weights and reader, in that order."""
    last = {reading.key: reading for reading in readings}
    return tuple(sorted(last.values(), key=lambda reading: reading.number))


def _check_hash(what: str, sha256: str) -> None:
    if not SHA256.fullmatch(sha256):
        raise InputError(f"hash {sha256!r} of the {what}: expected a SHA-256, 64 hexadecimal digits")


def _check_lesions(lesions: tuple[Annotation, ...]) -> None:
    if len(lesions) > MAX_ANNOTATIONS:
        raise InputError(f"{len(lesions)} lesions: at most {MAX_ANNOTATIONS} are kept; raise the threshold")
    if len({lesion.id for lesion in lesions}) < len(lesions):
        raise InputError("two lesions of one id: each needs its own")
    points = sum(lesion.shape.size for lesion in lesions)
    if points > MAX_POINTS:
        raise InputError(f"lesions with {points} points: at most {MAX_POINTS} are kept; raise the threshold")


def _check_settings(settings: Mapping[str, Any]) -> None:
    if not isinstance(settings, Mapping):
        raise InputError(f"settings of type {type(settings).__name__}: expected values by name")
    try:
        json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"settings of a reading ({error}): expected plain values that JSON can hold") from error
