"""The evidence panel: method and class, the button that begins a search, and the running search."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from retina_xai.app.viewer.findings import Evidence, Question
from retina_xai.app.viewer.panels.progress_panel import POLL, show_progress
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.session import Session, line_of
from retina_xai.app.viewer.worklist import Item
from retina_xai.explainers.registry import FUNDUS_METHODS, fundus_explainer
from retina_xai.models.checkpoint import CLASSES


def question_of(state: Session, served: Services) -> Question:
    """The question that the controls ask."""
    return Question(state.method or served.settings.method, state.target)


def show_evidence(state: Session, item: Item, found: Evidence | None, served: Services) -> None:
    """Controls, then the progress of a search or the button that begins one."""
    question, columns = question_of(state, served), st.columns([3, 2])
    _choose(state, columns[0], "method", "Method", FUNDUS_METHODS, question.method)
    _choose(state, columns[1], "target", "Class", CLASSES[::-1], question.target)
    if state.explaining and state.explaining[0] == item.key and state.explaining[2].wanted:
        st.fragment(_watch, run_every=POLL)(state)
        return
    label = "Find evidence" if found is None else "Find it again"
    kind = "primary" if found is None else "secondary"
    ask = state.if_current(item, lambda: state.explain(item, question_of(state, served), served))
    st.button(label, key="find", shortcut="g", type=kind, width="stretch", on_click=ask)  # type: ignore[arg-type]
    _show_failure(state, item)


def _choose(state: Session, place: DeltaGenerator, name: str, label: str, choices: Sequence[str], chosen: str) -> None:
    """A list that sets an attribute of the session when the reader chooses, and at no other time.

    Streamlit forgets the value of a list that was not on the last page; its key therefore names the value.
    """
    key = f"{name}-{chosen}"
    place.selectbox(
        label,
        choices,
        index=list(choices).index(chosen),
        key=key,
        on_change=lambda: setattr(state, name, st.session_state[key]),
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
