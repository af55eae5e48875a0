"""Annotation of a lesion, and its JSON codec for the viewer, the store and all exports.

Coordinates are those of `retina_xai.fundus.geometry`. The JSON of an annotation is

    {"id": "1", "type": "haemorrhages", "origin": "candidate", "status": "kept", "score": 0.75, "effect": 1.5,
     "shape": {"kind": "outline", "rings": [[[x, y], ...], ...]}}              or
     "shape": {"kind": "disk", "x": 10.0, "y": 20.5, "radius": 7.0}

`from_json` checks every value, because the JSON comes from browsers and files. Earlier versions wrote no effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from retina_xai.checks import check_finite, check_one_of, check_share, check_text
from retina_xai.errors import InputError
from retina_xai.lesions.shapes import SHAPES, Disk, Outline

LESION_TYPES = ("haemorrhages", "hard_exudates", "soft_exudates", "red_small_dots")
UNSPECIFIED = "unspecified"
ANNOTATION_TYPES = (*LESION_TYPES, UNSPECIFIED)
EQUIVALENT_TYPES: Mapping[str, str] = {"microaneurysms": "red_small_dots"}
"""Lesion types of other data sets, and the type of `LESION_TYPES` that has the same appearance."""

MAX_ID_LENGTH = 100
MAX_ANNOTATIONS = 10_000
"""Per photograph."""

Origin = Literal["candidate", "reader", "expert"]
"""Who found the lesion: the evidence map, the reader, or the experts of a data set."""

Status = Literal["kept", "moved", "deleted", "added", "unreviewed"]
"""The reader's decision. `moved`: the shape was edited; `added`: the reader drew it; `unreviewed`: there is none."""


@dataclass(frozen=True)
class Annotation:
    """One lesion; `score` is a candidate's largest evidence in [0, 1], None for others.

    `effect` is by how much the log-odds of the network's score fall if a candidate alone is deleted (see
    `localization.with_effects`); negative if they rise, None if it was not measured.

    >>> spot = Annotation("1", "haemorrhages", Disk(10.0, 20.0, 3.0), "reader", "added")
    >>> Annotation.from_json(spot.to_json()) == spot
    True

    Raises:
        InputError: an invalid value.
    """

    id: str
    type: str
    shape: Outline | Disk
    origin: Origin
    status: Status = "kept"
    score: float | None = None
    effect: float | None = None

    def __post_init__(self) -> None:
        """Check all values."""
        check_text("lesion id", self.id, MAX_ID_LENGTH, required=True)
        check_one_of("lesion type", self.type, ANNOTATION_TYPES)
        check_one_of("origin of a lesion", self.origin, get_args(Origin))
        check_one_of("status of a lesion", self.status, get_args(Status))
        if self.status == "added" and self.origin != "reader":
            raise InputError(f"{self.origin} {self.id!r} with status 'added': only lesions of the reader are added")
        if self.score is not None:
            check_share("score of a lesion", self.score)
        if self.effect is not None:
            check_finite("effect of a lesion", self.effect)

    def within(self, width: int, height: int) -> "Annotation":
        """The same annotation with points outside a picture of this size moved onto its border."""
        return replace(self, shape=self.shape.within(width, height))

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "id": self.id,
            "type": self.type,
            "origin": self.origin,
            "status": self.status,
            "score": self.score,
            "effect": self.effect,
            "shape": self.shape.to_json(),
        }

    @classmethod
    def from_json(cls, values: object) -> "Annotation":
        """The inverse of `to_json`, for any value that was parsed from JSON.

        Raises:
            InputError: a value is missing or invalid.
        """
        try:
            return cls._read(values)  # type: ignore[arg-type]
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(f"not a lesion ({type(error).__name__}: {error}): draw it again") from error

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> "Annotation":
        shape = values["shape"]
        check_one_of("kind of shape", shape["kind"], tuple(SHAPES))
        return cls(
            id=values["id"],
            type=values["type"],
            shape=SHAPES[shape["kind"]].from_json(shape),
            origin=values["origin"],
            status=values["status"],
            score=values["score"],
            effect=values.get("effect"),
        )


def valid_annotations(values: object) -> tuple[Annotation, ...]:
    """The valid annotations among the first `MAX_ANNOTATIONS` items of a list from a browser, one per id.

    Invalid items are skipped. A value that is not a list has no annotations.
    """
    found: dict[str, Annotation] = {}
    for item in values[:MAX_ANNOTATIONS] if isinstance(values, list) else []:
        try:
            annotation = Annotation.from_json(item)
        except InputError:
            continue
        found.setdefault(annotation.id, annotation)
    return tuple(found.values())
