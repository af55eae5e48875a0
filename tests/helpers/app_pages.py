"""The pages of the viewer without a browser, and what a reader does on them."""

import json
from uuid import uuid4

from helpers.waiting import until
from streamlit.testing.v1 import AppTest

from retina_xai.app.viewer.components.reading_form.reading_form import Submission
from retina_xai.app.viewer.panels.reading_panel import take_submission
from retina_xai.app.viewer.session import SLOT, Session

PATIENCE = 60
SALIENCY = ("saliency", "RDR")


def examination():
    from retina_xai.app.viewer.panels.examination_page import page

    page()


def games():
    from retina_xai.app.viewer.panels.games_page import page

    page()


def opened(page, served, name="10_right.png", **changes):
    """A page for a photograph that was scored before."""
    state = Session(reader="Ada", **changes)
    item = next(item for item in state.items(served).values() if item.name == name)
    state.current = item.key
    state.score([item], served)
    settle(state)
    test = AppTest.from_function(page, default_timeout=PATIENCE)
    test.session_state[SLOT] = state
    test.run()
    assert not test.exception
    return test, state, item


def settle(state):
    """Wait for all jobs of a session."""
    jobs = [*state.scoring.values(), *state.searches.jobs.values()]
    until(lambda: all(job.ended for job in jobs))
    state.collect()


def texts(page):
    kinds = (page.markdown, page.caption, page.info, page.error, page.warning)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def press(page, label):
    next(button for button in page.button if button.label == label).click()
    page.run()
    assert not page.exception


def snapshot(page):
    """What the components of the page are told of the photograph."""
    (sent,) = [
        json.loads(one.proto.json)
        for block in (page.main,)
        for one in walk(block)
        if one.type == "bidi_component" and one.proto.component_name == "retina_xai_canvas"
    ]
    return {**sent["about"], **sent}


def walk(block):
    """All elements below a block."""
    for child in block.children.values():
        yield from walk(child) if hasattr(child, "children") else [child]


def say(state, item, served, finding="refer", reader="Ada", **sent):
    """Store what the browser sends when a reading is stored; returns the answer."""
    values = {"reader": reader, "finding": finding, "comment": sent.pop("comment", "")}
    take_submission(state, Submission(uuid4().hex, item.key, values, **sent), served)
    return state.answers[item.key]
