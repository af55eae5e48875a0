"""The canvas without a browser: what it returns, and what it accepts of a message."""

import pytest
from streamlit.testing.v1 import AppTest


def page():
    import streamlit as st

    from retina_xai.app.viewer.components.canvas import Scene, fundus_canvas, pending_edit
    from retina_xai.lesions.annotation import Annotation
    from retina_xai.lesions.shapes import Disk

    drawn = (Annotation("a", "haemorrhages", Disk(1.0, 2.0, 3.0), "reader", "added"),)
    sent = st.session_state.get("sent")
    if sent is not None:
        st.session_state["canvas"] = {"drawn": sent}
        st.session_state["found"] = pending_edit("canvas"), pending_edit("canvas")
    else:
        state = fundus_canvas(Scene("i", 9, 8, {"colour": b"x"}, drawn=drawn), key="canvas")
        st.text(f"{state.selected} {state.drawn == drawn}")


def disk(x, y, **changes):
    shape = {"kind": "disk", "x": x, "y": y, "radius": 2}
    plain = {"id": "b", "type": "unspecified", "origin": "reader", "status": "added", "score": None, "shape": shape}
    return {**plain, **changes}


@pytest.fixture
def ran():
    test = AppTest.from_function(page).run()
    assert not test.exception
    return test


def edit(test, **changes):
    """What becomes of an edit, taken twice."""
    test.session_state["sent"] = {"image": "i", "edit": "one", "value": [], **changes}
    test.run()
    assert not test.exception
    return test.session_state["found"]


def test_without_an_edit_the_lesions_of_the_page_are_returned(ran):
    assert ran.text[0].value == "None True"


def test_an_edit_is_taken_once_and_moved_onto_the_photograph(ran):
    first, second = edit(ran, value=[disk(20, -5)])
    image, (lesion,) = first
    assert image == "i"
    assert (lesion.shape.x, lesion.shape.y, lesion.shape.radius) == (8.5, -0.5, 2)
    assert second is None


def test_a_lesion_of_another_form_is_left_out_and_the_others_stay(ran):
    first, _ = edit(ran, value=[disk(1, 1, type="disc"), disk(2, 2), None, "text"])
    assert [lesion.shape.x for lesion in first[1]] == [2]


@pytest.mark.parametrize("changes", [{"image": "another"}, {"image": 5}, {"image": None}])
def test_an_edit_of_a_photograph_that_was_never_shown_is_ignored(ran, changes):
    assert edit(ran, value=[disk(2, 2)], **changes) == (None, None)


@pytest.mark.parametrize("value", [None, "text", {"id": "b"}, 3])
def test_an_edit_without_a_list_has_no_lesions(ran, value):
    assert edit(ran, value=value)[0] == ("i", ())
