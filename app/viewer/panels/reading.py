"""The reading panel: agree or disagree, a comment, and storing for good.

It is a component of ours: decision and comment stay in the browser until the reading is stored, and come in one
message. Buttons and text fields of Streamlit lose what is clicked and typed while the page is made anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from retina_xai.app.readings.model import (
    LONGEST_COMMENT,
    UNSPECIFIED,
    Circle,
    ImageFile,
    Polygon,
    ReaderDecision,
    Reading,
    ReadLesion,
    Status,
)
from retina_xai.app.viewer.components.canvas import DrawnLesion
from retina_xai.app.viewer.components.canvas.component import CLIENT as CANVAS
from retina_xai.app.viewer.components.component import client_component
from retina_xai.app.viewer.findings import Evidence
from retina_xai.app.viewer.panels.evidence import TAKEN, shown
from retina_xai.app.viewer.panels.header import CLIENT
from retina_xai.app.viewer.services import Desk
from retina_xai.app.viewer.session import Answer, Draft, Session, line_of
from retina_xai.app.viewer.worklist import Item, Scored
from retina_xai.errors import InputError, RetinaXaiError
from retina_xai.io.images import Photograph
from retina_xai.lesions.candidates import FLOOR, candidate_fraction

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
        "longest": LONGEST_COMMENT,
        "ready": case.scored is not None and case.scored.finding is not None,
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
    """What would be stored now.

    Raises:
        InputError: a name, comment or lesion that no reading may hold.
    """
    draft = state.draft(case.item)
    if case.scored is None or case.scored.finding is None:
        raise InputError(f"{case.item.name}: not scored yet; store the reading when the verdict is there")
    return Reading(
        reader=said.reader.strip(),
        time=datetime.now(UTC),
        image=ImageFile.of(Photograph(case.photograph.pixels, case.item.name, case.photograph.sha256)),
        model_sha256=desk.classifier.sha256,
        finding=case.scored.finding,
        decision=said.decision,
        lesions=(*_candidates(draft, case, state.threshold), *_drawn(draft, case)),
        comment=said.comment,
        settings=_settings(state, case, desk),
    )


def _candidates(draft: Draft, case: Case, threshold: float) -> list[ReadLesion]:
    """Candidates that reach the threshold; those whose outline the reader took over are among the drawn ones."""
    taken = {lesion.id for lesion in draft.drawn}
    found = []
    for lesion in shown(case.found, threshold):
        name = lesion.id
        if TAKEN + name in taken:
            continue
        shape = Polygon(lesion.shape.outline.rings[0][:5000])
        status: Status = "deleted" if name in draft.rejected else "kept"
        kind = draft.types.get(name, UNSPECIFIED)
        found.append(ReadLesion(TAKEN + name, "candidate", kind, shape, status, lesion.score))
    return found


def _drawn(draft: Draft, case: Case) -> list[ReadLesion]:
    scores = {TAKEN + one.id: one.score or 0.0 for one in shown(case.found, 0)}
    return [_read_lesion(lesion, scores) for lesion in draft.drawn]


def _read_lesion(lesion: DrawnLesion, scores: Mapping[str, float]) -> ReadLesion:
    shape = Circle(*lesion.points[0], lesion.radius) if lesion.kind == "circle" else Polygon(lesion.points)
    if lesion.id in scores:
        return ReadLesion(lesion.id, "candidate", lesion.lesion_type, shape, "moved", scores[lesion.id])
    return ReadLesion(lesion.id, "drawn", lesion.lesion_type, shape, "added")


def _settings(state: Session, case: Case, desk: Desk) -> dict[str, Any]:
    if case.found is None:
        return {"evidence": "not computed"}
    question = case.found.question
    return {
        "method": question.method,
        "class": question.target,
        "explanation": dict(case.found.settings),
        "candidates_from": state.threshold,
        "binarisation": {"fraction_of_maximum": candidate_fraction(case.found.settings), "floor": FLOOR},
    }
