"""Annotations: validation, JSON round trip, and lists from browsers."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retina_xai.errors import InputError
from retina_xai.lesions import shapes
from retina_xai.lesions.annotation import ANNOTATION_TYPES, LESION_TYPES, MAX_ANNOTATIONS, Annotation, valid_annotations
from retina_xai.lesions.outlines import outline_of
from retina_xai.lesions.shapes import Disk

RING = outline_of(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool), 10, 20)
CANDIDATE = Annotation("1", "unspecified", RING, "candidate", score=0.75)
DRAWN = Annotation("a-b", "soft_exudates", Disk(3.0, 4.5, 2.0), "reader", "added")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
PLACES = (
    *((name,) for name in ("id", "type", "origin", "status", "score", "shape")),
    *(("shape", name) for name in ("kind", "rings")),
    ("shape", "rings", 0),
    ("shape", "rings", 0, 1),
    ("shape", "rings", 0, 1, 0),
)


def test_the_four_lesion_types_and_the_unspecified_one():
    assert LESION_TYPES == ("haemorrhages", "hard_exudates", "soft_exudates", "red_small_dots")
    assert (*LESION_TYPES, "unspecified") == ANNOTATION_TYPES


@pytest.mark.parametrize("annotation", [CANDIDATE, DRAWN])
def test_json_round_trip(annotation):
    assert Annotation.from_json(json.loads(json.dumps(annotation.to_json(), allow_nan=False))) == annotation


def test_the_json_is_as_documented():
    assert DRAWN.to_json() == {
        "id": "a-b",
        "type": "soft_exudates",
        "origin": "reader",
        "status": "added",
        "score": None,
        "effect": None,
        "shape": {"kind": "disk", "x": 3.0, "y": 4.5, "radius": 2.0},
    }
    pixel = replace(CANDIDATE, shape=outline_of(np.ones((1, 1), bool)))
    assert pixel.to_json()["shape"]["kind"] == "outline"
    assert sorted(pixel.to_json()["shape"]["rings"][0]) == [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": ""}, "lesion id is empty: enter one"),
        ({"id": "x" * 101}, "lesion id of 101 characters: expected at most 100"),
        ({"id": "\ud800"}, "lesion id with an invalid character at 1"),
        ({"id": 7}, "lesion id of type int: expected a text"),
        ({"type": "drusen"}, "lesion type 'drusen': expected one of haemorrhages, .*, unspecified"),
        ({"origin": "nobody"}, "origin of a lesion 'nobody': expected one of candidate, reader, expert"),
        ({"status": "gone"}, "status of a lesion 'gone': expected one of kept, moved, deleted, added"),
        ({"status": "added"}, "candidate '1' with status 'added': only lesions of the reader are added"),
        ({"score": 1.5}, "score of a lesion 1.5: expected a number from 0 to 1"),
        ({"score": math.nan}, "score of a lesion nan: expected a number from 0 to 1"),
        ({"score": True}, "score of a lesion True: expected a number from 0 to 1"),
        ({"effect": math.inf}, "effect of a lesion inf: expected a finite number"),
        ({"effect": "1"}, "effect of a lesion '1': expected a finite number"),
    ],
)
def test_unfit_annotations_are_refused(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        replace(CANDIDATE, **changes)
    assert "\n" not in str(caught.value)


def changed(place, value):
    """The JSON of a candidate with one value replaced."""
    values = json.loads(json.dumps(CANDIDATE.to_json()))
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return values


@given(st.sampled_from(PLACES), JSON_VALUES)
def test_any_other_json_is_refused_or_valid(place, value):
    try:
        annotation = Annotation.from_json(changed(place, value))
    except InputError:
        return
    assert Annotation.from_json(annotation.to_json()) == annotation
    assert math.isfinite(annotation.shape.area)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, r"not a lesion \(TypeError"),
        ({}, r"not a lesion \(KeyError: 'shape'\)"),
        (changed(("shape", "kind"), "square"), "kind of shape 'square': expected one of outline, disk"),
        (changed(("shape", "rings", 0, 0), ["1", "2"]), "coordinate that is not a finite number"),
        (changed(("shape", "rings", 0, 0), [True, 2]), "coordinate that is not a finite number"),
        (changed(("shape", "rings", 0, 0), [1, 2, 3]), r"not a lesion \(ValueError"),
    ],
)
def test_the_message_names_the_error(values, message):
    with pytest.raises(InputError, match=message):
        Annotation.from_json(values)


def test_an_outline_of_too_many_points_is_refused(monkeypatch):
    monkeypatch.setattr(shapes, "MAX_POINTS", 7)
    with pytest.raises(InputError, match="outline of 8 points: expected at most 7"):
        Annotation.from_json(CANDIDATE.to_json())


def test_the_valid_items_of_a_list_from_a_browser_are_kept():
    good, drawn = CANDIDATE.to_json(), DRAWN.to_json()
    assert valid_annotations([good, None, {**drawn, "score": 7}, drawn, {**good, "type": "haemorrhages"}]) == (
        CANDIDATE,
        DRAWN,
    )
    assert valid_annotations({"0": good}) == valid_annotations(None) == ()
    many = [{**drawn, "id": str(number)} for number in range(MAX_ANNOTATIONS + 1)]
    assert len(valid_annotations(many)) == MAX_ANNOTATIONS


def test_points_beyond_the_picture_are_moved_onto_its_border():
    moved = replace(DRAWN, shape=Disk(900.0, -4.0, 2.0)).within(100, 50)
    assert moved == replace(DRAWN, shape=Disk(99.5, -0.5, 2.0))


def test_an_annotation_of_an_earlier_version_has_no_effect():
    values = replace(CANDIDATE, effect=-0.5).to_json()
    assert Annotation.from_json(values).effect == -0.5
    del values["effect"]
    assert Annotation.from_json(values).effect is None
