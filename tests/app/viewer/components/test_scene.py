"""What a scene refuses, and what is believed of a message from the browser."""

import math

import pytest

from retina_xai.app.viewer.components.canvas.scene import (
    MOST_DRAWN,
    DrawnLesion,
    Mark,
    Scene,
    as_message,
    drawn_lesions,
)
from retina_xai.errors import UsageError

CIRCLE = DrawnLesion("a", "haemorrhages", "circle", ((3.0, 4.5),), 2.0)
POLYGON = DrawnLesion("b", "soft_exudates", "polygon", ((0.0, 0.0), (5.0, 0.0), (0.0, 5.0)))
MARK = Mark("1", 1, 1, (0, 0, 2, 2), 0.5)


def test_lesions_come_back_as_they_were_sent():
    assert drawn_lesions([as_message(CIRCLE), as_message(POLYGON)]) == (CIRCLE, POLYGON)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "disc"},
        {"type": ["haemorrhages"]},
        {"id": 7},
        {"id": "x" * 101},
        {"points": []},
        {"points": [[1]]},
        {"points": [["a", 1]]},
        {"points": 5},
        {"points": [[math.inf, 1]]},
        {"radius": math.nan},
        {"radius": None},
        {"kind": "polygon"},
    ],
)
def test_a_lesion_of_another_form_is_dropped_and_the_others_stay(change):
    assert drawn_lesions([{**as_message(CIRCLE), **change}, as_message(POLYGON)]) == (POLYGON,)


@pytest.mark.parametrize("message", [None, "text", {"points": []}, [None], [[]], ["text"], [3]])
def test_what_is_no_list_of_lesions_is_none_at_all(message):
    assert drawn_lesions(message) == ()


def test_no_more_lesions_are_taken_than_a_reader_could_draw():
    assert len(drawn_lesions([as_message(CIRCLE)] * (MOST_DRAWN + 5))) == MOST_DRAWN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"views": {}}, "i: no view given, expected at least one; pass the encoded photograph"),
        ({"width": 0}, "i: size 0 x 8, expected the file's size in pixels"),
        ({"markings": {"disc": b""}}, "i: lesion type 'disc'; expected one of haemorrhages, hard_exudates, "),
        ({"drawn": [DrawnLesion("a", "dot", "circle", ((0, 0),), 1)]}, "i: lesion type 'dot'; expected one of "),
        ({"candidates": [MARK, MARK]}, "i: two candidates of one id; number them"),
    ],
)
def test_a_scene_that_cannot_be_shown_is_refused(change, message):
    with pytest.raises(UsageError) as caught:
        Scene(**{"image_id": "i", "width": 9, "height": 8, "views": {"colour": b"x"}, **change})
    assert str(caught.value).startswith(message)
