"""The evidence panel: method and class, the running game, the threshold, and candidates linked to the picture."""

from collections.abc import Sequence

import streamlit as st

from retina_xai.app.viewer.components.table.table import Column, Table, TableRow, show_table
from retina_xai.app.viewer.draft import Draft
from retina_xai.app.viewer.findings import Evidence, Question
from retina_xai.app.viewer.panels.header_panel import kept
from retina_xai.app.viewer.panels.progress_panel import POLL, show_progress
from retina_xai.app.viewer.panels.text import number, plain
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.session import Session, line_of
from retina_xai.app.viewer.worklist import Item
from retina_xai.explainers.registry import FUNDUS_METHODS, fundus_explainer
from retina_xai.lesions.annotation import ANNOTATION_TYPES, Annotation
from retina_xai.models.checkpoint import CLASSES

TABLE = "candidates"
LISTED = 300
NUMBERS = ("No.", "evidence", "effect", "x, y", "area")
COLUMNS = (*(Column(label, True) for label in NUMBERS), Column("type"))
EDIT_HELP = "Turns the candidate into a lesion of yours, which you can move and delete with the drawing tool"


def question_of(state: Session, served: Services) -> Question:
    """The question that the controls ask."""
    target = st.session_state.get("target", CLASSES[-1])
    return Question(state.method or served.settings.method, target if target in CLASSES else CLASSES[-1])


def show_evidence(state: Session, item: Item, found: Evidence | None, served: Services) -> None:
    """Controls, progress or result."""
    left, right = st.columns([3, 2])
    method = left.selectbox("Method", FUNDUS_METHODS, key=kept("method", question_of(state, served).method))
    right.selectbox("Class", CLASSES[::-1], key=kept("target", question_of(state, served).target))
    if method != state.method:
        state.method = method
        st.rerun()
    if state.explaining and state.explaining[0] == item.key and state.explaining[2].wanted:
        st.fragment(_watch, run_every=POLL)(state)
        return
    label = "Find evidence" if found is None else "Find it again"
    kind = "primary" if found is None else "secondary"
    question = question_of(state, served)
    ask = state.if_current(item, lambda: state.explain(item, question, served))
    st.button(label, key="find", shortcut="g", type=kind, width="stretch", on_click=ask)  # type: ignore[arg-type]
    _show_failure(state, item)
    if found is not None:
        _show_scores(found)
        _show_threshold(state, found, served)


def show_candidates(state: Session, item: Item, found: Evidence | None) -> None:
    """The table of candidates, and the controls of the chosen one."""
    if found is None:
        return
    draft = state.draft(item)
    listed = found.candidates_from(state.threshold)
    if not listed:
        st.caption("No candidate reaches the threshold." if found.candidates else "No evidence, so no candidates.")
        return
    rows = [_row(one, draft) for one in listed[:LISTED]]
    more = f", the first {LISTED} are listed" if len(listed) > LISTED else ""
    st.caption(f"{len(listed)} candidates{more}. Choose one to show it in the picture.")
    table = Table("Lesion candidates", COLUMNS, rows, draft.selected, "10.5rem")
    show_table(table, f"{TABLE}-{item.key}", lambda name: _go_to(state, draft, name))
    for chosen in listed:
        if chosen.id == draft.selected:
            _edit(state, item, chosen)


def _row(candidate: Annotation, draft: Draft) -> TableRow:
    kind = draft.type_of(candidate).replace("_", " ")
    x, y = candidate.shape.centroid
    measures = (f"{candidate.score:.2f}", number(candidate.effect, ".2f"))
    cells = (candidate.id, *measures, f"{x:.0f}, {y:.0f}", f"{candidate.shape.area:.0f}", kind)
    return TableRow(candidate.id, cells, "struck" if candidate.id in draft.rejected else "")


def _go_to(state: Session, draft: Draft, name: str) -> None:
    draft.selected = state.goto = name


def _edit(state: Session, item: Item, candidate: Annotation) -> None:
    draft, name = state.draft(item), candidate.id
    chosen = draft.type_of(candidate)
    choice, reject, edit = st.columns([5, 4, 4], gap="xsmall")
    kind = choice.selectbox(
        f"Type of candidate {name}",
        ANNOTATION_TYPES,
        format_func=lambda text: text.replace("_", " "),
        key=kept(f"type-{item.key}-{name}", chosen),
        label_visibility="collapsed",
    )
    if kind != chosen:
        draft.types[name] = kind
        st.rerun()
    gone = name in draft.rejected
    reject.button(
        "Keep" if gone else "Reject",
        key="reject",
        shortcut="x",
        width="stretch",
        on_click=state.if_current(item, lambda: (draft.keep if gone else draft.reject)(candidate)),
    )
    edit.button(
        "Edit",
        key="take",
        shortcut="w",
        width="stretch",
        disabled=gone,
        help=EDIT_HELP,
        on_click=state.if_current(item, lambda: draft.edit(candidate)),
    )


def _watch(state: Session) -> None:
    if state.explaining is None:
        st.rerun()
    _, question, job = state.explaining
    if not job.wanted:
        st.rerun()
    show_progress(job, fundus_explainer(question.method).plan(), "evidence")


def _show_failure(state: Session, item: Item) -> None:
    """Why the last search has no result."""
    if state.explaining is None or state.explaining[0] != item.key:
        return
    job = state.explaining[2]
    if job.cancelled.is_set():
        st.caption("Cancelled; nothing was kept.")
    elif job.state == "failed":
        st.error(plain(line_of(job.error, item)))


def _show_scores(found: Evidence) -> None:
    columns = st.columns(3)
    figures: Sequence[tuple[str, float]] = (
        ("Photograph", found.before),
        ("Without evidence", found.without),
        ("Evidence alone", found.alone),
    )
    for column, (label, value) in zip(columns, figures, strict=True):
        column.metric(label, number(value))
    told = (
        f"Score of {found.question.target}; {found.iterations} steps, goal {'' if found.converged else 'not '}reached"
    )
    st.caption(plain(told + (", read from an earlier result" if found.earlier else "")))


def _show_threshold(state: Session, found: Evidence, served: Services) -> None:
    state.threshold = st.slider(
        "Candidates from evidence",
        0.0,
        1.0,
        step=0.01,
        key=kept("threshold", state.threshold),
        help="Candidates of less evidence are hidden",
    )
    run = served.earlier.measured(served.run_facts(found.question.method))
    if run is None or found.question.target != CLASSES[-1]:
        st.caption("No measured operating point of this method and these weights is loaded (--results).")
        return
    point = run.at(state.threshold)
    st.caption(
        plain(
            f"Measured at {state.threshold:.2f} on {run.data} ({run.images} images): finds "
            f"{number(point.sensitivity, '.0%')} of the marked lesions, "
            f"{number(point.false_positives_per_image, '.1f')} false candidates per image."
        )
    )
