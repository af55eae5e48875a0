"""What the canvas shows and what comes back from it.

Coordinates are pixels of the file with the centre of the first pixel at (0, 0), x to the right and y down, as in
`lesions.candidates`; boxes are (x0, y0, x1, y1) from the first pixel inside to the first beyond. Types of lesions are
those of `lesions.candidates.LESION_TYPES`.

Whatever comes from the browser is checked here: a message of another form is dropped, not believed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from retina_xai.errors import UsageError
from retina_xai.lesions.annotation import LESION_TYPES

Point = tuple[float, float]
Kind = Literal["circle", "polygon"]

FEWEST_POINTS: Mapping[Kind, int] = {"circle": 1, "polygon": 3}
MOST_DRAWN = 1000
MOST_POINTS = 5000
LONGEST_ID = 100


@dataclass(frozen=True)
class Mark:
    """A lesion candidate: centre x, y, box and, where known, contour, in pixels of the file; score in [0, 1]."""

    id: str
    x: float
    y: float
    box: tuple[float, float, float, float]
    score: float
    contour: Sequence[Point] = ()


@dataclass(frozen=True)
class DrawnLesion:
    """A lesion drawn by the reader: a circle (`points` is its centre alone) or a polygon (radius 0), in file pixels."""

    id: str
    lesion_type: str
    kind: Kind
    points: tuple[Point, ...]
    radius: float = 0.0


@dataclass(frozen=True)
class Scene:
    """One photograph with everything that is laid over it.

    `views` are encoded JPEG or PNG images of one size in the order of their keys 1, 2, 3, the first shown at first;
    without "red-free" the client derives it from the green channel. `evidence` is an 8-bit grey PNG of any scale with
    the photograph's aspect, 255 = 1.0. `markings` are PNG masks by lesion type, anything above 0 is inside.
    Candidates whose score is below `threshold` are hidden. A `goto` that differs from the last one centres the
    candidate of that id. `drawn` is what the reader has drawn so far; zoom, pan, opacity and toggles start anew when,
    and only when, `image_id` changes.

    Raises:
        UsageError: no view, no size, an unknown lesion type, or two candidates of one id.
    """

    image_id: str
    width: int
    height: int
    views: Mapping[str, bytes]
    evidence: bytes | None = None
    candidates: Sequence[Mark] = ()
    markings: Mapping[str, bytes] = field(default_factory=dict)
    drawn: Sequence[DrawnLesion] = ()
    threshold: float = 0.0
    goto: str | None = None

    def __post_init__(self) -> None:
        """Refuse what the client could not show."""
        if not self.views:
            raise UsageError(f"{self.image_id}: no view given, expected at least one; pass the encoded photograph")
        if self.width < 1 or self.height < 1:
            raise UsageError(f"{self.image_id}: size {self.width} x {self.height}, expected the file's size in pixels")
        for name in (*self.markings, *(lesion.lesion_type for lesion in self.drawn)):
            if name not in LESION_TYPES:
                raise UsageError(f"{self.image_id}: lesion type {name!r}; expected one of {', '.join(LESION_TYPES)}")
        ids = [mark.id for mark in self.candidates]
        if len(set(ids)) < len(ids):
            raise UsageError(f"{self.image_id}: two candidates of one id; number them")


@dataclass(frozen=True)
class CanvasState:
    """What the reader did: the candidate clicked last (None: none on this image) and the lesions drawn on it."""

    selected: str | None
    drawn: tuple[DrawnLesion, ...]


def drawn_lesions(message: object) -> tuple[DrawnLesion, ...]:
    """The lesions of a message from the browser; those that are none are left out."""
    items = message[:MOST_DRAWN] if isinstance(message, list) else []
    return tuple(lesion for item in items if (lesion := _drawn_lesion(item)) is not None)


def as_message(lesion: DrawnLesion) -> dict[str, Any]:
    """A drawn lesion as the browser writes it."""
    return {
        "id": lesion.id,
        "type": lesion.lesion_type,
        "kind": lesion.kind,
        "points": [list(point) for point in lesion.points],
        "radius": lesion.radius,
    }


def _drawn_lesion(item: object) -> DrawnLesion | None:
    """One lesion of a message, or None if anything in it is not as agreed."""
    try:
        fields: Any = item
        kind: Kind = "circle" if fields["kind"] == "circle" else "polygon"
        points = tuple((float(x), float(y)) for x, y in fields["points"][:MOST_POINTS])
        radius = float(fields["radius"])
        name, identity = fields["type"], fields["id"]
    except (TypeError, KeyError, ValueError):
        return None
    numbers = (radius, *(value for point in points for value in point))
    known = name in LESION_TYPES and isinstance(identity, str) and len(identity) <= LONGEST_ID
    if not known or len(points) < FEWEST_POINTS[kind] or not all(map(math.isfinite, numbers)):
        return None
    return DrawnLesion(identity, name, kind, points, radius)
