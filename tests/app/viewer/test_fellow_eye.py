"""The other eye beside the open one: when it is made, and what the canvas is told of it."""

import time

from helpers.app_pages import PATIENCE, examination, opened, settle, snapshot
from helpers.waiting import until

from retina_xai.app.viewer.findings import Question
from retina_xai.app.viewer.items import fellow_of
from retina_xai.app.viewer.panels.fellow_eye import fellow_eye, has_come, is_awaited, prepare_fellow
from retina_xai.app.viewer.session import Session

QUESTION = Question("saliency")


def test_nothing_is_made_of_the_other_eye_until_it_is_asked_for(served):
    page, state, _ = opened(examination, served)
    fellow = snapshot(page)["fellow"]
    assert (fellow["name"], fellow["side"], fellow["asked"], fellow["view"]) == ("10_left.png", "left", False, "")
    assert snapshot(page)["side"] == "right"
    assert fellow["image"] not in {*state.pictures.fetching, *state.pictures.encoded, *state.scoring}


def test_a_photograph_whose_other_eye_is_not_known_has_none(served):
    page, _, _ = opened(examination, served, name="7_left.png")
    assert snapshot(page)["fellow"] is None


def test_a_picture_that_came_while_the_page_was_made_is_still_awaited(served):
    state, fellow = Session(), next(one for one in served.folder.items if one.name == "10_left.png")
    assert not is_awaited(state, fellow, QUESTION)
    state.pictures.fetch(fellow, served.encoder)
    until(lambda: has_come(state, fellow, QUESTION))
    assert is_awaited(state, fellow, QUESTION)
    state.collect()
    assert not is_awaited(state, fellow, QUESTION)


def test_the_other_eye_has_its_own_picture_verdict_and_name(served):
    _, state, item = opened(examination, served, both=True)
    fellow = fellow_of(item, state.items(served).values())
    prepare_fellow(state, fellow, served)
    ends = time.monotonic() + PATIENCE
    while is_awaited(state, fellow, QUESTION) and time.monotonic() < ends:
        if has_come(state, fellow, QUESTION):
            state.collect()
        settle(state)
    shown = fellow_eye(state, fellow, QUESTION, served)
    assert (shown.name, shown.side, shown.asked) == ("10_left.png", "left", True)
    assert (shown.width, shown.height) == (240, 200)
    assert shown.view == state.pictures.encoded[fellow.key].views["colour"]
    assert set(shown.verdict) == {"tone", "quality", "head", "line"}
    assert (shown.candidates, shown.fault) == ((), "")
