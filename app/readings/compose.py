"""How a reading is composed of what the system showed and of what the reader did, as one function without state."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from retina_xai.app.readings.model import ImageFile, Opinion, Reading, agreement
from retina_xai.errors import InputError
from retina_xai.lesions.annotation import UNSPECIFIED, Annotation, Status
from retina_xai.lesions.shapes import Disk
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
    """What the reader did to the lesions: drawn ones and edited copies of candidates; types and judgements by id.

    `disc` is the optic disc that the reader marked.
    """

    drawn: tuple[Annotation, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    accepted: Set[str] = frozenset()
    rejected: Set[str] = frozenset()
    disc: Disk | None = None


def compose_reading(shown: Shown, edits: Edits, opinion: Opinion) -> Reading:
    """The reading that would be stored.

    Raises:
        InputError: no finding, or a lesion that no reading may hold.
    """
    if not opinion.finding:
        raise InputError("no finding: choose refer, no referable DR or ungradable")
    return Reading(
        **{**vars(opinion), "reader": opinion.reader.strip()},
        decision=agreement(opinion.finding, shown.verdict),
        image=shown.image,
        model_sha256=shown.model_sha256,
        verdict=shown.verdict,
        lesions=_lesions(shown, edits),
        settings=shown.settings,
        disc=edits.disc and edits.disc.within(shown.image.width, shown.image.height),
    )


def _lesions(shown: Shown, edits: Edits) -> tuple[Annotation, ...]:
    """Candidates that reach the threshold or were reviewed, then drawn lesions; an edited copy replaces its candidate.

    Origin, status and score of a drawn lesion follow from its id, whatever the browser sent. Where its
    shape is another one than that of its candidate, it has no effect, because the effect belongs to what was deleted.
    Everything is moved onto the picture.
    """
    known = {EDITED + candidate.id: candidate for candidate in shown.candidates}
    copied = {lesion.id for lesion in edits.drawn}
    candidates = [
        _judged(candidate, edits)
        for name, candidate in known.items()
        if name not in copied and (_is_reviewed(candidate, edits) or (candidate.score or 0) >= shown.threshold)
    ]
    drawn = [
        _edited(lesion, known[lesion.id])
        if lesion.id in known
        else replace(lesion, origin="reader", status="added", score=None, effect=None)
        for lesion in edits.drawn
    ]
    width, height = shown.image.width, shown.image.height
    return (*candidates, *(lesion.within(width, height) for lesion in drawn))


def _edited(copy: Annotation, candidate: Annotation) -> Annotation:
    """The copy of a candidate that the reader edited: it was moved if its shape differs, else it was accepted."""
    same = copy.shape == candidate.shape
    status: Status = "kept" if same else "moved"
    effect = candidate.effect if same else None
    return replace(copy, origin="candidate", status=status, score=candidate.score, effect=effect)


def _is_reviewed(candidate: Annotation, edits: Edits) -> bool:
    return candidate.id in edits.accepted or candidate.id in edits.rejected


def _judged(candidate: Annotation, edits: Edits) -> Annotation:
    """A candidate with the type and status that the reader gave it."""
    status: Status = "kept" if candidate.id in edits.accepted else "unreviewed"
    if candidate.id in edits.rejected:
        status = "deleted"
    return replace(candidate, id=EDITED + candidate.id, type=edits.types.get(candidate.id, UNSPECIFIED), status=status)
