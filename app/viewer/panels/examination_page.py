"""The examination page: photograph and evidence at the left, verdict, evidence and reading at the right.

All that belongs to the open photograph reaches the page as one snapshot, with the data of the canvas. The photograph is
sent before anything is computed. Quality and score, further views and evidence follow when they are ready: a fragment
polls for them and then reruns the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from retina_xai.app.viewer.components.bar.bar import photograph_bar
from retina_xai.app.viewer.components.candidates.candidates import candidates_panel
from retina_xai.app.viewer.components.canvas import Opening, Scene, fundus_canvas
from retina_xai.app.viewer.components.reading_form.reading_form import reading_form
from retina_xai.app.viewer.components.verdict.verdict import verdict_box
from retina_xai.app.viewer.items import Item, fellow_of
from retina_xai.app.viewer.jobs import SOON, URGENT
from retina_xai.app.viewer.kept import keep
from retina_xai.app.viewer.open_photograph import OpenPhotograph
from retina_xai.app.viewer.panels.evidence_panel import question_of, show_evidence, show_research
from retina_xai.app.viewer.panels.fellow_eye import fellow_eye, has_come, is_awaited, prepare_fellow
from retina_xai.app.viewer.panels.header_panel import reader_input
from retina_xai.app.viewer.panels.history_panel import show_history
from retina_xai.app.viewer.panels.progress_panel import POLL
from retina_xai.app.viewer.panels.reading_panel import take_submission
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.panels.verdict_panel import show_worth
from retina_xai.app.viewer.panels.worklist_page import listed_keys
from retina_xai.app.viewer.pictures import Encoded
from retina_xai.app.viewer.services import Services, services
from retina_xai.app.viewer.session import Session, line_of, session
from retina_xai.app.viewer.snapshot import snapshot_of
from retina_xai.errors import InputError
from retina_xai.io.images import Photograph
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.candidates import expert_markings

KEPT_MARKINGS = 3
CANVAS = "examination"
ADDRESS = "photograph"
"""The parameter of the address that names the open photograph; the page sets it (shared/browser_history.js)."""


def page() -> None:
    """The page."""
    state, served = session(), services()
    state.collect()
    items = state.items(served)
    keys = listed_keys(state, served)
    item = _open_item(state, items, keys)
    if item is None:
        st.info("No photograph yet: add some on the worklist page.")
        return
    try:
        opened, encoded, fault = _opened(state, item, served), state.pictures.shown(item, served.encoder), ""
    except InputError as error:
        opened, encoded, fault = None, Encoded(), line_of(error, item)
    state.score([item], served, URGENT)  # now that it is decoded
    fellow = fellow_of(item, items.values())
    _prepare(state, items, keys, fellow if state.both else None, served)
    found = opened.found if opened else None
    with st.container(horizontal=True, vertical_alignment="center"):
        photograph_bar()
        reader_input(state)
    left, right = st.columns([17, 6], gap="medium")
    with left:
        beside = fellow_eye(state, fellow, question_of(state, served), served) if fellow else None
        scene = replace(_scene(state, item, opened, encoded, fault, served), side=item.side, fellow=beside)
        about = snapshot_of(state, item, keys, found, served)
        fundus_canvas(scene, CANVAS, about, lambda asked: take(state, asked), lambda both: _show_both(state, both))
        reading_form(lambda submission: take_submission(state, submission, served))
        if opened:
            with st.container(key=f"of-{item.key}"):
                show_history(state, opened, served)
    with right, st.container(gap="xsmall"):
        verdict_box()
        if opened:
            show_evidence(state, item, found, served)
        candidates_panel()
        show_worth(served)
        if opened:
            show_research(state, served)
    _watch_background(state, item, fellow, served)


def take(state: Session, asked: Opening) -> None:
    """Open another photograph, as the page asks; nothing if the one that it was asked from is not open any more."""
    state.asked = asked.id
    if asked.former == state.current and asked.image in state.items(services()):
        state.current = asked.image


def _open_item(state: Session, items: Mapping[str, Item], keys: Sequence[str]) -> Item | None:
    """The photograph that is open: in this session, by the address, or the first of the list."""
    if state.current is None:
        state.current = st.query_params.get(ADDRESS)
    if state.current not in items:
        state.current = next(iter(keys or items), None)
    return None if state.current is None else items[state.current]


def _opened(state: Session, item: Item, served: Services) -> OpenPhotograph:
    found = state.evidence_of(item, question_of(state, served), served)
    return OpenPhotograph(item, state.pictures.photograph(item), state.scored.get(item.key), found)


def _show_both(state: Session, both: bool) -> None:
    state.both = both


def _prepare(
    state: Session, items: Mapping[str, Item], keys: Sequence[str], fellow: Item | None, served: Services
) -> None:
    """Have evidence searched, and the photographs that follow in the list made ready."""
    current, ahead = state.current or "", max(0, served.settings.ahead - 1)
    following = keys[keys.index(current) + 1 :][:ahead] if current in keys else []
    state.score([items[key] for key in following], served, SOON)
    for key in following[:1]:
        state.pictures.fetch(items[key], served.encoder)
    if fellow:
        prepare_fellow(state, fellow, served)
        following = list(dict.fromkeys([fellow.key, *following]))
    state.search_ahead([current, *following], question_of(state, served), served)


def _watch_background(state: Session, item: Item, fellow: Item | None, served: Services) -> None:
    """Poll while something of the shown photographs is still to come."""
    awaited = fellow if fellow and state.both and is_awaited(state, fellow, question_of(state, served)) else None
    if state.scoring.get(item.key) or state.pictures.encoding or awaited:
        st.fragment(_poll, run_every=POLL / 2)(state, awaited, served)


def _poll(state: Session, fellow: Item | None, served: Services) -> None:
    if state.has_news or (fellow and has_come(state, fellow, question_of(state, served))):
        st.rerun()


def _scene(
    state: Session, item: Item, opened: OpenPhotograph | None, encoded: Encoded, fault: str, served: Services
) -> Scene:
    """What the canvas shows; a photograph that cannot be read is a line."""
    if opened is None:
        return Scene(item.key, 1, 1, {}, fault=fault)
    height, width = opened.photograph.pixels.shape[:2]
    return Scene(
        item.key,
        width,
        height,
        encoded.views,
        heat=opened.found.heat if opened.found else None,
        candidates=opened.found.candidates if opened.found else (),
        experts=_experts(state, item, opened.photograph, served),
        scale=encoded.scale,
    )


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
        keep(state.experts, item.key, found, KEPT_MARKINGS)
    return state.experts[item.key]
