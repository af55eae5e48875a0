"""The reading panel: agree or disagree, a comment, and saving for good; earlier readings; exports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from app.canvas import DrawnLesion
from app.desk import Desk
from app.exports import deidentified, export_bytes
from app.findings import Evidence
from app.panels.evidence import TAKEN, question_of, radius_of, shown
from app.panels.header import kept
from app.panels.text import plain
from app.pdf_report import DECISIONS, Report, pdf_bytes
from app.readings import (
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
from app.session import Draft, Session
from app.worklist import Item, Scored
from retina_xai.drawing import overlay
from retina_xai.errors import InputError, RetinaXaiError
from retina_xai.images import Photograph
from retina_xai.lesions import FLOOR, candidate_fraction

CHOICES: Mapping[ReaderDecision, tuple[str, str]] = {"agree": ("Agree", "a"), "disagree": ("Disagree", "b")}
NEEDS_READER = "Enter your name at the top to store readings."


@dataclass(frozen=True, eq=False)
class Case:
    """All that a reading is made of."""

    item: Item
    photograph: Photograph
    scored: Scored | None
    found: Evidence | None


def show_reading(state: Session, case: Case, desk: Desk) -> None:
    """Decision, comment and the button that stores them."""
    draft = state.draft(case.item)
    *sides, middle, last = st.columns([3, 3, 10, 4], vertical_alignment="top")
    for column, (decision, (label, key)) in zip(sides, CHOICES.items(), strict=True):
        chosen = draft.decision == decision
        kind = "primary" if chosen else "secondary"
        icon = ":material/check:" if chosen else None
        column.button(
            label,
            key=f"say-{decision}",
            shortcut=key,
            type=kind,  # type: ignore[arg-type]
            icon=icon,
            width="stretch",
            on_click=state.if_current(case.item, partial(_say, draft, "none" if chosen else decision)),
        )
    draft.comment = middle.text_area(
        "Comment",
        max_chars=LONGEST_COMMENT,
        height=68,
        key=kept(f"comment-{case.item.key}", draft.comment),
        label_visibility="collapsed",
        placeholder="Comment",
    )
    ready = bool(state.reader.strip()) and case.scored is not None and case.scored.finding is not None
    last.button(
        "Store reading",
        key="store",
        shortcut="f",
        type="primary",
        disabled=not ready,
        width="stretch",
        on_click=state.if_current(case.item, partial(_ask_to_store, state, case.item.key)),
    )
    if failure := state.notes.pop("failed", None):
        last.error(plain(failure))
    note = state.notes.pop("stored", None)
    if note or not state.reader.strip():
        last.caption(note or NEEDS_READER)


def reading_of(state: Session, case: Case, desk: Desk) -> Reading:
    """What would be stored now.

    Raises:
        InputError: a name, comment or lesion that no reading may hold.
    """
    draft = state.draft(case.item)
    if case.scored is None or case.scored.finding is None:
        raise InputError(f"{case.item.name}: not scored yet; store the reading when the verdict is there")
    return Reading(
        reader=state.reader.strip(),
        time=datetime.now(UTC),
        image=ImageFile.of(Photograph(case.photograph.pixels, case.item.name, case.photograph.sha256)),
        model_sha256=desk.classifier.sha256,
        finding=case.scored.finding,
        decision=draft.decision,
        lesions=(*_candidates(draft, case, state.threshold), *_drawn(draft, case)),
        comment=draft.comment,
        settings=_settings(state, case, desk),
    )


def _candidates(draft: Draft, case: Case, threshold: float) -> list[ReadLesion]:
    """Candidates that reach the threshold; those whose outline the reader took over are among the drawn ones."""
    taken = {lesion.id for lesion in draft.drawn}
    found = []
    for name, (lesion, outline) in shown(case.found, threshold):
        if TAKEN + name in taken:
            continue
        shape = Polygon(outline[:5000]) if len(outline) >= 3 else Circle(lesion.x, lesion.y, radius_of((lesion, ())))
        status: Status = "deleted" if name in draft.rejected else "kept"
        kind = draft.types.get(name, UNSPECIFIED)
        found.append(ReadLesion(TAKEN + name, "candidate", kind, shape, status, lesion.score))
    return found


def _drawn(draft: Draft, case: Case) -> list[ReadLesion]:
    scores = {TAKEN + name: lesion.score for name, (lesion, _) in shown(case.found, 0)}
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


def _say(draft: Draft, decision: ReaderDecision) -> None:
    draft.decision = decision


def _ask_to_store(state: Session, key: str) -> None:
    """Storing waits for the page's other callbacks: two quick clicks reach Python at once and in any order."""
    state.storing = key


def store_reading(state: Session, case: Case, desk: Desk) -> None:
    """Store what the reader has said; a note, or a line on what went wrong, is left for the page.

    Called before the page is made: what was typed just now is in the widget's state and not in the draft yet.
    """
    draft = state.draft(case.item)
    draft.comment = st.session_state.get(f"comment-{case.item.key}", draft.comment)
    try:
        stored = state.store(reading_of(state, case, desk), desk)
    except RetinaXaiError as error:
        state.notes["failed"] = str(error)
    else:
        state.notes["stored"] = f"Stored as reading {stored.number}."


def show_history(state: Session, case: Case, desk: Desk) -> None:
    """The reader's own earlier readings of this photograph: readers do not see one another's."""
    readings = [one for one in state.readings(desk) if one.image.sha256 == case.photograph.sha256]
    left, right = st.columns(2)
    with left.expander(f"My readings of this photograph ({len(readings)})"):
        if not readings:
            st.caption("None yet.")
        for reading in reversed(readings):
            time = f"{reading.time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            lesions = sum(lesion.status != "deleted" for lesion in reading.lesions)
            st.markdown(
                plain(
                    f"No. {reading.number}, {time}: {DECISIONS[reading.decision]}, {lesions} lesions. {reading.comment}"
                )
            )
    with right.expander("Export my readings of this photograph"):
        show_exports(readings, "one")
        if readings:
            _show_pdf(readings[-1], case, state, desk)


def show_exports(readings: Sequence[Reading], key: str) -> None:
    """Downloads of readings, with a switch that takes out names and comments."""
    if not readings:
        st.caption("Nothing is stored yet.")
        return
    hidden = st.checkbox("Without names and comments", key=f"{key}-deidentify")
    chosen = deidentified(readings) if hidden else tuple(readings)
    endings = {"csv": "csv", "json": "json", "coco": "coco.json"}
    for column, (kind, ending) in zip(st.columns(3), endings.items(), strict=True):
        column.download_button(
            kind.upper(),
            data=lambda kind=kind: export_bytes(chosen, kind),  # type: ignore[misc]
            file_name=f"readings.{ending}",
            mime="text/csv" if kind == "csv" else "application/json",
            key=f"{key}-{kind}",
            width="stretch",
            on_click="ignore",
        )


def _show_pdf(reading: Reading, case: Case, state: Session, desk: Desk) -> None:
    if reading.model_sha256 != desk.classifier.sha256:
        return
    hidden = bool(st.session_state.get("one-deidentify"))
    method = reading.settings.get("method", question_of(state, desk).method)
    found = case.found if case.found and case.found.question.method == method else None

    def make() -> bytes:
        (chosen,) = deidentified([reading]) if hidden else (reading,)
        pixels = case.photograph.pixels
        picture = overlay(pixels, found.evidence) if found else None
        return pdf_bytes(Report(chosen, pixels, picture, desk.run_facts(method), datetime.now(UTC)))

    st.download_button(
        f"PDF report of reading {reading.number}",
        data=make,
        file_name=f"reading-{reading.number}.pdf",
        mime="application/pdf",
        key="one-pdf",
        width="stretch",
        on_click="ignore",
    )
