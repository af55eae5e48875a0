"""The canvas without a browser: what it sends, and what it accepts of a message."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from retina_xai.app.viewer.components.canvas import Opening, opening_in


def page():
    from retina_xai.app.viewer.components.canvas import Scene, fundus_canvas
    from retina_xai.lesions.annotation import Annotation
    from retina_xai.lesions.shapes import Disk

    candidate = Annotation("1", "unspecified", Disk(1.0, 2.0, 3.0), "candidate", score=0.5)
    scene = Scene("i", 9, 8, {"colour": b"x"}, candidates=(candidate,))
    fundus_canvas(scene, "canvas", {"name": "a.png"}, on_opening=print)


def test_the_snapshot_goes_with_the_scene():
    test = AppTest.from_function(page).run()
    assert not test.exception
    sent = [json.loads(one.proto.json) for one in test.get("bidi_component") if one.proto.json]
    (data,) = [one for one in sent if "about" in one]
    assert (data["image"], data["about"]) == ("i", {"name": "a.png"})
    assert [one["id"] for one in data["candidates"]] == ["1"]


def test_a_request_names_the_photograph_that_was_shown():
    assert opening_in({"id": "x", "from": "a", "to": "b"}) == Opening("x", "a", "b")


@pytest.mark.parametrize(
    "message", [None, "text", {}, {"id": "x", "from": "a"}, {"id": "x", "from": "a", "to": 5}, {"id": 1, "to": "b"}]
)
def test_a_message_that_is_no_request_is_ignored(message):
    assert opening_in(message) is None
