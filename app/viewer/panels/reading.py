"""The reading panel: agree or disagree, a comment, and storing for good.

It is a component of ours: decision and comment stay in the browser until the reading is stored, and come in one
message. Buttons and text fields of Streamlit lose what is clicked and typed while the page is made anew.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from retina_xai.app.readings.compose import Edits, Opinion, Shown, compose_reading
from retina_xai.app.readings.model import MAX_COMMENT_LENGTH, ImageFile, ReaderDecision, Reading
from retina_xai.app.viewer.components.canvas import DrawnLesion
from retina_xai.app.viewer.components.canvas.component import CLIENT as CANVAS
from retina_xai.app.viewer.components.component import client_component
from retina_xai.app.viewer.findings import Evidence
from retina_xai.app.viewer.panels.header import CLIENT
from retina_xai.app.viewer.services import Desk
from retina_xai.app.viewer.session import Answer, Session, line_of
from retina_xai.app.viewer.worklist import Item, Scored
from retina_xai.errors import InputError, RetinaXaiError
from retina_xai.io.images import Photograph
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.candidates import FLOOR, candidate_fraction
from retina_xai.lesions.shapes import Disk, Outline

KEY = "reading"
LONGEST_ID = 64

_panel = client_component(
    "retina_xai_reading",
    html=[CLIENT / "reading.html"],
    css=[CLIENT / "reading.css"],
    js=[CANVAS / "page.js", CANVAS / "store.js", CLIENT / "desk.js", CLIENT / "reading.js"],
)


@dataclass(frozen=True, eq=False)
class Case:
    """All that a reading is made of, but for what the reader says."""

    item: Item
    photograph: Photograph
    scored: Scored | None
    found: Evidence | None


@dataclass(frozen=True)
class Said:
    """What the reader says of the photograph `image`, under an id of its own."""

    id: str
    image: str
    reader: str
    decision: ReaderDecision = "none"
    comment: str = ""


def show_reading(state: Session, case: Case, on_said: Callable[[Said], None]) -> None:
    """Decision, comment and the button that stores them; `on_said` is called before the page is made anew."""

    def heard() -> None:
        said = said_in(st.session_state[KEY].get("reading"))
        if said is not None:
            on_said(said)

    answer = state.draft(case.item).answer
    data = {
        "session": state.name,
        "image": case.item.key,
        "longest": MAX_COMMENT_LENGTH,
        "ready": case.scored is not None and case.scored.verdict is not None,
        "said": asdict(answer) if answer else None,
    }
    _panel(key=KEY, data=data, on_reading_change=heard)


def said_in(message: object) -> Said | None:
    """A reading from the browser, if it is one; what it may hold is checked where it is stored."""
    names = ("id", "image", "reader", "decision", "comment")
    if not isinstance(message, dict) or not all(isinstance(message.get(name), str) for name in names):
        return None
    return Said(*(message[name] for name in names)) if len(message["id"]) <= LONGEST_ID else None


def store_reading(state: Session, case: Case, said: Said, desk: Desk) -> None:
    """Store what the reader says, once, and leave the answer for the page."""
    draft = state.draft(case.item)
    if draft.answer is not None and draft.answer.id == said.id:
        return
    try:
        stored = state.store(reading_of(state, case, said, desk), desk)
    except RetinaXaiError as error:
        draft.answer = Answer(said.id, line_of(error, case.item), failed=True)
    else:
        draft.answer = Answer(said.id, f"Stored as reading {stored.number}.")


def reading_of(state: Session, case: Case, said: Said, desk: Desk) -> Reading:
    """The reading that would be stored now.

    Raises:
        InputError: no verdict yet, or a name, comment or lesion that no reading may hold.
    """
    draft = state.draft(case.item)
    if case.scored is None or case.scored.verdict is None:
        raise InputError(f"{case.item.name}: not scored yet; store the reading when the verdict is there")
    image = ImageFile.of(Photograph(case.photograph.pixels, case.item.name, case.photograph.sha256))
    shown = Shown(image, desk.classifier.sha256, case.scored.verdict)
    if case.found is not None:
        settings = _settings(case.found, state.threshold)
        shown = replace(shown, candidates=case.found.candidates, threshold=state.threshold, settings=settings)
    edits = Edits(tuple(map(as_annotation, draft.drawn)), draft.types, draft.rejected)
    return compose_reading(shown, edits, Opinion(said.reader, datetime.now(UTC), said.decision, said.comment))


def as_annotation(lesion: DrawnLesion) -> Annotation:
    """A lesion of the canvas."""
    shape = Disk(*lesion.points[0], lesion.radius) if lesion.kind == "circle" else Outline((lesion.points,))
    return Annotation(lesion.id, lesion.lesion_type, shape, "reader", "added")


def _settings(found: Evidence, threshold: float) -> dict[str, Any]:
    return {
        "method": found.question.method,
        "class": found.question.target,
        "explanation": dict(found.settings),
        "candidates_from": threshold,
        "binarisation": {"fraction_of_maximum": candidate_fraction(found.settings), "floor": FLOOR},
    }
