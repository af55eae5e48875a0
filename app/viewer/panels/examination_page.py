"""The examination page: photograph and evidence at the left, verdict, evidence and reading at the right.

The photograph is sent before anything is computed; quality and score, further views and evidence follow as they are
ready, each by a poll that reruns the page when there is news.
"""

import numpy as np
import streamlit as st

from retina_xai.app.viewer.components.canvas import Mark, Scene, fundus_canvas, pending_edit
from retina_xai.app.viewer.findings import Evidence
from retina_xai.app.viewer.jobs import URGENT
from retina_xai.app.viewer.panels.encoding import grey, png
from retina_xai.app.viewer.panels.evidence import evidence_of, question_of, show_candidates, show_evidence, shown
from retina_xai.app.viewer.panels.header import reader_input
from retina_xai.app.viewer.panels.history import show_history
from retina_xai.app.viewer.panels.progress import POLL
from retina_xai.app.viewer.panels.reading import Case, Said, show_reading, store_reading
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.panels.verdict import show_verdict, show_worth
from retina_xai.app.viewer.panels.worklist_page import listed_keys
from retina_xai.app.viewer.services import Desk, desk
from retina_xai.app.viewer.session import Answer, Session, keep, line_of, session
from retina_xai.app.viewer.worklist import Item, neighbour
from retina_xai.errors import InputError
from retina_xai.io.images import Photograph
from retina_xai.lesions.annotation import Annotation

KEPT_LAYERS = 3
CANVAS = "examination"


def page() -> None:
    """The page."""
    state, served = session(), desk()
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
    state.score([item], served, URGENT)
    try:
        photograph, views = state.photograph(item), state.views(item, served)
    except InputError as error:
        st.error(plain(line_of(error, item)))
        return
    case = _case(state, item, photograph, served)
    found = case.found
    left, right = st.columns([17, 6], gap="medium")
    with left:
        _show_canvas(state, case, views, served)
        show_reading(state, case, lambda said: take_reading(state, said, served))
        show_history(state, case, served)
    with right, st.container(gap="xsmall"):
        show_verdict(case.scored)
        show_evidence(state, item, found, served)
        show_candidates(state, item, found)
        show_worth(served)
    if state.scoring.get(item.key) or state.painting:
        st.fragment(_poll, run_every=POLL / 2)(state)


def _case(state: Session, item: Item, photograph: Photograph, served: Desk) -> Case:
    found = evidence_of(state, item, question_of(state, served), served)
    return Case(item, photograph, state.scored.get(item.key), found)


def take_reading(state: Session, said: Said, served: Desk) -> None:
    """Store a reading with what was drawn last, also where the reader has gone on to the next photograph meanwhile."""
    _take_edit(state, served)
    item = state.items(served).get(said.image)
    if item is None:
        return
    try:
        case = _case(state, item, state.photograph(item), served)
    except InputError as error:
        state.draft(item).answer = Answer(said.id, line_of(error, item), failed=True)
    else:
        store_reading(state, case, said, served)


def _take_edit(state: Session, served: Desk) -> None:
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


def _show_canvas(state: Session, case: Case, views: dict[str, bytes], served: Desk) -> None:
    draft = state.draft(case.item)
    goto, state.goto = state.goto, None
    listed = [one for one in shown(case.found, 0) if one.id not in draft.rejected]
    scene = Scene(
        case.item.key,
        case.photograph.pixels.shape[1],
        case.photograph.pixels.shape[0],
        views=views,
        evidence=_evidence_layer(state, case.item, case.found),
        candidates=[_mark(one) for one in listed],
        markings=_markings(state, case.item, case.photograph, served),
        drawn=draft.drawn,
        threshold=state.threshold,
        goto=goto,
    )
    told = fundus_canvas(scene, key=CANVAS)
    draft.drawn = told.drawn
    if told.selected != draft.clicked:
        draft.clicked = told.selected
        draft.selected = told.selected


def _mark(candidate: Annotation) -> Mark:
    left, top, right, bottom = (edge + 0.5 for edge in candidate.shape.box)
    x, y = candidate.shape.centroid
    return Mark(candidate.id, x, y, (left, top, right, bottom), candidate.score or 0, candidate.shape.outline.rings[0])


def _evidence_layer(state: Session, item: Item, found: Evidence | None) -> bytes | None:
    """The map as the canvas takes it, made once."""
    if found is None:
        return None
    place = f"{item.key} {found.question}"
    if place not in state.layers:
        keep(state.layers, place, {"evidence": grey(found.evidence)}, KEPT_LAYERS)
    return state.layers[place]["evidence"]


def _markings(state: Session, item: Item, photograph: Photograph, served: Desk) -> dict[str, bytes]:
    """Masks of what the experts marked, where the photograph has some; a line where these cannot be read."""
    case = served.case(item)
    if case is None:
        return {}
    place = f"{item.key} experts"
    if place not in state.layers:
        height, width = photograph.pixels.shape[:2]
        try:
            truth = case.truth("graded" if case.version == "1" else "votes", (height, width))
            masks = {name: png(mask.astype(np.uint8) * 255) for name, mask in truth.masks.items() if mask.any()}
        except InputError as error:
            st.warning(plain(f"Expert markings: {line_of(error, item)}"))
            masks = {}
        keep(state.layers, place, masks, KEPT_LAYERS)
    return state.layers[place]
