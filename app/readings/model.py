"""What a reader said of a photograph: the decision, the lesions as they were left, a comment, and all that it rests on.

A reading names the photograph and the weights by the SHA-256 of their bytes, so that it still means the same when
files are renamed or updated. It is never changed: who thinks again makes another, and the last one counts (`newest`).
Positions are in pixels of the file, x to the right and y downward from the upper left corner.

Everything is checked when a reading is made, and so again when one is read from a file: a reading that exists is
whole. Texts may hold any Unicode; they are data and are escaped by whatever shows them.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from retina_xai.errors import InputError
from retina_xai.lesions.annotation import LESION_TYPES

if TYPE_CHECKING:
    from retina_xai.io.images import Photograph
    from retina_xai.localization import Verdict

UNSPECIFIED = "unspecified"
READ_TYPES = (*LESION_TYPES, UNSPECIFIED)
LONGEST_READER = 100
LONGEST_COMMENT = 4000
LONGEST_NAME = 1024
LONGEST_ID = 100
MOST_LESIONS = 10_000
MOST_POINTS = 5_000
CORNERS = 64
"""Of the polygon that is drawn and exported for a circle: its area is 0.2 % below the circle's."""

SHA256 = re.compile(r"[0-9a-f]{64}")

Source = Literal["candidate", "drawn"]
Status = Literal["kept", "moved", "deleted", "added"]
ReaderDecision = Literal["agree", "disagree", "none"]


@dataclass(frozen=True)
class Circle:
    """Centre and radius in pixels of the file; the radius is above 0."""

    x: float
    y: float
    radius: float

    def __post_init__(self) -> None:
        _check_finite("circle", (self.x, self.y, self.radius))
        if self.radius <= 0:
            raise InputError(f"circle of radius {self.radius:g}: expected more than 0 pixels; draw it again")

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """`CORNERS` points of the circle, the first at the right, then clockwise on the screen."""
        angles = [math.tau * corner / CORNERS for corner in range(CORNERS)]
        return tuple((self.x + self.radius * math.cos(a), self.y + self.radius * math.sin(a)) for a in angles)


@dataclass(frozen=True)
class Polygon:
    """At least three corners (x, y) in pixels of the file, not closed."""

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not 3 <= len(self.points) <= MOST_POINTS:
            raise InputError(f"outline of {len(self.points)} points: expected 3 to {MOST_POINTS}; draw it again")
        if any(len(point) != 2 for point in self.points):
            raise InputError("outline with a point that is no (x, y): draw it again")
        _check_finite("outline", [value for point in self.points for value in point])


@dataclass(frozen=True)
class ReadLesion:
    """One lesion as the reader left it; `score` is the candidate's largest evidence in [0, 1], None where drawn."""

    id: str
    source: Source
    type: str
    shape: Circle | Polygon
    status: Status
    score: float | None = None

    def __post_init__(self) -> None:
        _check_text("lesion id", self.id, LONGEST_ID, required=True)
        _check_one_of("source of a lesion", self.source, get_args(Source))
        _check_one_of("lesion type", self.type, READ_TYPES)
        _check_one_of("status of a lesion", self.status, get_args(Status))
        if (self.source, self.status) == ("candidate", "added"):
            raise InputError(f"candidate {self.id!r} with status 'added': only drawn lesions are added")
        if self.score is not None:
            _check_share("score of a lesion", self.score)


@dataclass(frozen=True)
class ImageFile:
    """The photograph's file: name without folders, SHA-256 of its bytes, width and height in pixels as displayed."""

    name: str
    sha256: str
    width: int
    height: int

    def __post_init__(self) -> None:
        _check_text("file name", self.name, LONGEST_NAME, required=True)
        _check_hash("photograph", self.sha256)
        if min(self.width, self.height) < 1:
            raise InputError(f"photograph of {self.width}x{self.height} pixels: expected at least 1x1")

    @classmethod
    def of(cls, photograph: "Photograph") -> "ImageFile":
        """Of a photograph that was read; bytes of its name that are no text are written as \\udcXX."""
        name = photograph.name.encode("utf-8", "backslashreplace").decode("utf-8")
        height, width = photograph.pixels.shape[:2]
        return cls(name, photograph.sha256, width, height)


@dataclass(frozen=True)
class Finding:
    """What the system said: quality and its reason first, then decision, p(RDR) and the threshold, both in [0, 1]."""

    decision: str
    score: float
    threshold: float
    quality: str
    reason: str = ""

    def __post_init__(self) -> None:
        _check_text("decision of the system", self.decision, LONGEST_NAME, required=True)
        _check_share("score", self.score)
        _check_share("threshold", self.threshold)
        _check_text("quality", self.quality, LONGEST_NAME, required=True)
        _check_text("reason for the quality", self.reason, LONGEST_COMMENT)

    @classmethod
    def of(cls, verdict: "Verdict") -> "Finding":
        """Of a verdict as `localization.predict` and `localize` give it."""
        quality = verdict.gradability
        return cls(verdict.decision, verdict.score, verdict.threshold, quality.verdict, quality.reason)


@dataclass(frozen=True)
class Reading:
    """One reader's reading of one photograph with one set of weights.

    `time` has a time zone. `settings` is what the system ran with, plain values only and no paths. `number` is the
    reading's place in its store, from 1; 0 before it is stored.
    """

    reader: str
    time: datetime
    image: ImageFile
    model_sha256: str
    finding: Finding
    decision: ReaderDecision = "none"
    lesions: tuple[ReadLesion, ...] = ()
    comment: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        _check_text("reader name", self.reader, LONGEST_READER, required=True)
        if self.time.utcoffset() is None:
            raise InputError(f"time {self.time} of a reading: expected one with a time zone; use UTC")
        _check_hash("weights", self.model_sha256)
        _check_one_of("reader's decision", self.decision, get_args(ReaderDecision))
        _check_text("comment", self.comment, LONGEST_COMMENT)
        _check_lesions(self.lesions)
        _check_settings(self.settings)

    @property
    def key(self) -> tuple[str, str, str]:
        """What the last reading counts for: photograph, weights and reader."""
        return self.image.sha256, self.model_sha256, self.reader

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON; the time is ISO 8601 in UTC."""
        return {**asdict(self), "settings": dict(self.settings), "time": self.time.astimezone(UTC).isoformat()}


def from_plain(values: Mapping[str, Any]) -> Reading:
    """The inverse of `Reading.to_plain`.

    Raises:
        InputError: a value is missing or unfit.
    """
    try:
        return Reading(
            **{
                **values,
                "time": datetime.fromisoformat(values["time"]),
                "image": ImageFile(**values["image"]),
                "finding": Finding(**values["finding"]),
                "lesions": tuple(_lesion_of(lesion) for lesion in values["lesions"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        detail = error if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(f"not a reading ({detail}); was it written by another program?") from error


def newest(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """Of readings in the order of their storing, the last of each photograph, weights and reader, in that order."""
    last = {reading.key: reading for reading in readings}
    return tuple(sorted(last.values(), key=lambda reading: reading.number))


def outline_within(shape: Circle | Polygon, image: ImageFile) -> tuple[tuple[float, float], ...]:
    """The corners of a shape, those beyond the border of the picture moved onto it."""
    return tuple((min(max(x, 0.0), image.width), min(max(y, 0.0), image.height)) for x, y in shape.points)


def _lesion_of(values: Mapping[str, Any]) -> ReadLesion:
    shape = values["shape"]
    if "points" in shape:
        return ReadLesion(**{**values, "shape": Polygon(tuple((x, y) for x, y in shape["points"]))})
    return ReadLesion(**{**values, "shape": Circle(**shape)})


def _check_text(what: str, text: str, longest: int, *, required: bool = False) -> None:
    if required and not text.strip():
        raise InputError(f"{what} is empty: enter one")
    if len(text) > longest:
        raise InputError(f"{what} of {len(text)} characters: at most {longest} are kept; shorten it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{what} with half a character at {error.start + 1}: expected Unicode; type it anew"
        ) from error


def _check_one_of(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{what} {value!r}: expected one of {', '.join(choices)}")


def _check_share(what: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{what} {value:g}: expected 0 to 1")


def _check_finite(what: str, values: Iterable[float]) -> None:
    if not all(map(math.isfinite, values)):
        raise InputError(f"{what} with a coordinate that is no finite number: draw it again")


def _check_hash(what: str, sha256: str) -> None:
    if not SHA256.fullmatch(sha256):
        raise InputError(f"hash {sha256!r} of the {what}: expected a SHA-256, 64 hexadecimal digits")


def _check_lesions(lesions: tuple[ReadLesion, ...]) -> None:
    if len(lesions) > MOST_LESIONS:
        raise InputError(f"{len(lesions)} lesions: at most {MOST_LESIONS} are kept; raise the threshold")
    if len({lesion.id for lesion in lesions}) < len(lesions):
        raise InputError("two lesions of one id: each needs its own")


def _check_settings(settings: Mapping[str, Any]) -> None:
    try:
        json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"settings of a reading ({error}): expected plain values that JSON can hold") from error
