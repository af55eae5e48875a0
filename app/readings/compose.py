"""How a reading is composed of what the system showed and of what the reader did, as one function without state."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from retina_xai.app.readings.model import ImageFile, Opinion, Reading
from retina_xai.lesions.annotation import UNSPECIFIED, Annotation
from retina_xai.verdict import Verdict

EDITED = "candidate-"
"""Prefix of the ids of candidates in readings, and of their copies among the lesions that the reader edits."""


@dataclass(frozen=True)
class Shown:
    """What the system showed: verdict, and candidates of at least `threshold` with the settings of their method."""

    image: ImageFile
    model_sha256: str
    verdict: Verdict
    candidates: tuple[Annotation, ...] = ()
    threshold: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=lambda: {"evidence": "not computed"})


@dataclass(frozen=True)
class Edits:
    """What the reader did to the lesions: drawn ones and edited copies of candidates; types and rejections by id."""

    drawn: tuple[Annotation, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    rejected: Set[str] = frozenset()


def compose_reading(shown: Shown, edits: Edits, opinion: Opinion) -> Reading:
    """The reading that would be stored.

    Raises:
        InputError: a lesion that no reading may hold.
    """
    return Reading(
        **{**vars(opinion), "reader": opinion.reader.strip()},
        image=shown.image,
        model_sha256=shown.model_sha256,
        verdict=shown.verdict,
        lesions=_lesions(shown, edits),
        settings=shown.settings,
    )


def edited_copy(candidate: Annotation, lesion_type: str) -> Annotation:
    """A copy of a candidate that the reader may edit."""
    return replace(candidate, id=EDITED + candidate.id, type=lesion_type, status="moved")


def _lesions(shown: Shown, edits: Edits) -> tuple[Annotation, ...]:
    """Candidates that reach the threshold, then drawn lesions; an edited copy stands in the place of its candidate.

    Origin, status and score of a drawn lesion follow from its id, whatever the browser sent. It has no effect, because
    the effect belongs to the shape that was deleted. Everything is moved onto the picture.
    """
    known = {EDITED + candidate.id: candidate for candidate in shown.candidates}
    copied = {lesion.id for lesion in edits.drawn}
    candidates = [
        _judged(candidate, edits)
        for name, candidate in known.items()
        if name not in copied and (candidate.score or 0) >= shown.threshold
    ]
    drawn = [
        replace(lesion, origin="candidate", status="moved", score=known[lesion.id].score, effect=None)
        if lesion.id in known
        else replace(lesion, origin="reader", status="added", score=None, effect=None)
        for lesion in edits.drawn
    ]
    width, height = shown.image.width, shown.image.height
    return (*candidates, *(lesion.within(width, height) for lesion in drawn))


def _judged(candidate: Annotation, edits: Edits) -> Annotation:
    """A candidate with the type and status that the reader gave it."""
    return replace(
        candidate,
        id=EDITED + candidate.id,
        type=edits.types.get(candidate.id, UNSPECIFIED),
        status="deleted" if candidate.id in edits.rejected else "kept",
    )
