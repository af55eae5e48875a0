"""The evidence panel: the button that begins a search, the running search, and what is asked."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from retina_xai.app.viewer.findings import Evidence, Question
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.jobs import Job
from retina_xai.app.viewer.panels.progress_panel import POLL, show_progress
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.searches import Place
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.session import Session, line_of
from retina_xai.explainers.registry import FUNDUS_METHODS, fundus_explainer
from retina_xai.models.checkpoint import CLASSES


def question_of(state: Session, served: Services) -> Question:
    """The question that the controls ask."""
    return Question(state.method or served.settings.method, state.target)


def show_evidence(state: Session, item: Item, found: Evidence | None, served: Services) -> None:
    """The progress of a search, or the button that begins one."""
    place = item.key, question_of(state, served)
    job = state.searches.jobs.get(place)
    if job and job.wanted:
        st.fragment(_watch, run_every=POLL)(state, place)
        return
    label, kind = ("Find evidence", "primary") if found is None else ("Recompute", "secondary")

    def ask() -> None:
        """Of the photograph that is open by then: a key can reach the button while the next one is being shown."""
        current = state.items(served).get(state.current or "", item)
        state.explain(current, question_of(state, served), served)

    st.button(label, key="find", shortcut="g", type=kind, width="stretch", on_click=ask)  # type: ignore[arg-type]
    _show_failure(job or state.searches.ended.get(place), item)


def show_research(state: Session, served: Services) -> None:
    """What is asked: the method and the class."""
    with st.expander("Research"):
        question, columns = question_of(state, served), st.columns([3, 2])
        _choose(state, columns[0], "method", "Method", FUNDUS_METHODS, question.method)
        _choose(state, columns[1], "target", "Class", CLASSES[::-1], question.target)


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


def _watch(state: Session, place: Place) -> None:
    job = state.searches.jobs.get(place)
    if job is None or not job.wanted:
        st.rerun()
    show_progress(job, fundus_explainer(place[1].method).plan(), "evidence")


def _show_failure(job: Job | None, item: Item) -> None:
    """Why the last search has no result."""
    if job is None:
        return
    if job.cancelled.is_set():
        st.caption("Cancelled; nothing was kept.")
    elif job.state == "failed":
        st.error(plain(line_of(job.error, item)))
