"""The examination page: photograph and evidence at the left, verdict, evidence and reading at the right.

The photograph is sent before anything is computed. Quality and score, further views and evidence follow when they are
ready: a fragment polls for them and then reruns the page.
"""

import streamlit as st

from retina_xai.app.viewer.components.canvas import HeatLayer, Scene, fundus_canvas, pending_edit
from retina_xai.app.viewer.components.reading_form.reading_form import Answer, Submission
from retina_xai.app.viewer.encoding import heat_layer
from retina_xai.app.viewer.findings import Evidence
from retina_xai.app.viewer.jobs import URGENT
from retina_xai.app.viewer.open_photograph import OpenPhotograph
from retina_xai.app.viewer.panels.evidence_panel import question_of, show_candidates, show_evidence
from retina_xai.app.viewer.panels.header_panel import reader_input
from retina_xai.app.viewer.panels.history_panel import show_history
from retina_xai.app.viewer.panels.progress_panel import POLL
from retina_xai.app.viewer.panels.reading_panel import show_reading, store_submission
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.panels.verdict_panel import show_verdict, show_worth
from retina_xai.app.viewer.panels.worklist_page import listed_keys
from retina_xai.app.viewer.services import Services, services
from retina_xai.app.viewer.session import Session, keep, line_of, session
from retina_xai.app.viewer.worklist import Item, neighbour
from retina_xai.errors import InputError
from retina_xai.io.images import Photograph
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.candidates import expert_markings

KEPT_LAYERS = 3
CANVAS = "examination"


def page() -> None:
    """The page."""
    state, served = session(), services()
    state.collect()
    _take_edit(state, served)
    items = state.items(served)
    keys = listed_keys(state, served)
    if state.current not in items:
        state.current = next(iter(keys or items), None)
    if state.current is None:
        st.info("No photograph yet: add some on the worklist page.")
        return
    item = items[state.current]
    _show_bar(state, item, keys)
    try:
        photograph, views = state.photograph(item), state.views(item, served)
    except InputError as error:
        st.error(plain(line_of(error, item)))
        return
    finally:
        state.score([item], served, URGENT)  # now that it is decoded
    opened = _opened(state, item, photograph, served)
    found = opened.found
    left, right = st.columns([17, 6], gap="medium")
    with left:
        _show_canvas(state, opened, views, served)
        show_reading(state, opened, lambda submission: take_submission(state, submission, served))
        show_history(state, opened, served)
    with right, st.container(gap="xsmall"):
        show_verdict(opened.scored)
        show_evidence(state, item, found, served)
        show_candidates(state, item, found)
        show_worth(served)
    if state.scoring.get(item.key) or state.encoding:
        st.fragment(_poll, run_every=POLL / 2)(state)


def _opened(state: Session, item: Item, photograph: Photograph, served: Services) -> OpenPhotograph:
    found = state.evidence_of(item, question_of(state, served), served)
    return OpenPhotograph(item, photograph, state.scored.get(item.key), found)


def take_submission(state: Session, submission: Submission, served: Services) -> None:
    """Store a submission with what was drawn last, also if the next photograph has been opened by then."""
    _take_edit(state, served)
    item = state.items(served).get(submission.image)
    if item is None:
        return
    try:
        opened = _opened(state, item, state.photograph(item), served)
    except InputError as error:
        state.draft(item).answer = Answer(submission.id, line_of(error, item), failed=True)
    else:
        store_submission(state, opened, submission, served)


def _take_edit(state: Session, served: Services) -> None:
    """Keep what was drawn on the canvas just now, on whichever photograph."""
    image, drawn = pending_edit(CANVAS) or ("", ())
    item = state.items(served).get(image)
    if item is not None:
        state.draft(item).drawn = drawn


def _show_bar(state: Session, item: Item, keys: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        former, following = neighbour(keys, item.key, -1), neighbour(keys, item.key, 1)
        for label, key, target in (("Previous", "p", former), ("Next", "n", following)):
            st.button(label, key=label, shortcut=key, disabled=target is None, on_click=_open, args=(state, target))
        place = f"({keys.index(item.key) + 1} of {len(keys)})" if item.key in keys else ""
        st.markdown(f"**{plain(item.name)}** {plain(place)}", width="stretch")
        reader_input(state)


def _open(state: Session, key: str | None) -> None:
    state.current = key


def _poll(state: Session) -> None:
    if state.has_news:
        st.rerun()


def _show_canvas(state: Session, opened: OpenPhotograph, views: dict[str, bytes], served: Services) -> None:
    draft = state.draft(opened.item)
    goto, state.goto = state.goto, None
    scene = Scene(
        opened.item.key,
        opened.photograph.pixels.shape[1],
        opened.photograph.pixels.shape[0],
        views=views,
        heat=_heat(state, opened.item, opened.found),
        candidates=[one for one in opened.found.candidates if one.id not in draft.rejected] if opened.found else [],
        experts=_experts(state, opened.item, opened.photograph, served),
        drawn=draft.drawn,
        threshold=state.threshold,
        goto=goto,
    )
    done = fundus_canvas(scene, key=CANVAS)
    draft.drawn = done.drawn
    if done.selected != draft.clicked:
        draft.clicked = done.selected
        draft.selected = done.selected


def _heat(state: Session, item: Item, found: Evidence | None) -> HeatLayer | None:
    """The evidence as the canvas takes it, encoded once."""
    if found is None:
        return None
    place = (item.key, found.question)
    if place not in state.heat:
        keep(state.heat, place, heat_layer(found.evidence), KEPT_LAYERS)
    return state.heat[place]


def _experts(state: Session, item: Item, photograph: Photograph, served: Services) -> tuple[Annotation, ...]:
    """What the experts marked, traced once; a line where it cannot be read."""
    case = served.case(item)
    if case is None:
        return ()
    if item.key not in state.experts:
        found: tuple[Annotation, ...] = ()
        try:
            truth = case.truth(None, photograph.pixels.shape[:2])
            found = tuple(one for name, mask in truth.masks.items() for one in expert_markings(mask, name))
        except InputError as error:
            st.warning(plain(f"Expert markings: {line_of(error, item)}"))
        keep(state.experts, item.key, found, KEPT_LAYERS)
    return state.experts[item.key]
