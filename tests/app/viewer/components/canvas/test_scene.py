"""What a scene refuses."""

import pytest

from retina_xai.app.viewer.components.canvas import Scene
from retina_xai.errors import UsageError
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Disk

CANDIDATE = Annotation("1", "unspecified", Disk(1, 1, 1), "candidate", score=0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"views": {}}, "i: no view given, expected at least one; pass the encoded photograph"),
        ({"width": 0}, "i: size 0 x 8, expected the file's size in pixels"),
        ({"candidates": [CANDIDATE, CANDIDATE]}, "i: two candidates of one id; number them"),
    ],
)
def test_a_scene_that_cannot_be_shown_is_refused(change, message):
    with pytest.raises(UsageError) as caught:
        Scene(**{"image_id": "i", "width": 9, "height": 8, "views": {"colour": b"x"}, **change})
    assert str(caught.value) == message


def test_a_photograph_that_cannot_be_read_has_a_line_in_place_of_views():
    assert Scene("i", 1, 1, {}, fault="i: is empty").views == {}
