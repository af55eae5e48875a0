"""A reading is composed of candidates, drawn lesions and words; origins and scores cannot be forged by a browser."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from helpers.readings import IMAGE, MODEL, READING

from retina_xai.app.readings.compose import Edits, Shown, compose_reading, edited_copy
from retina_xai.app.readings.model import Opinion
from retina_xai.errors import InputError
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Disk

CANDIDATES = tuple(
    Annotation(str(number), "unspecified", Disk(10.0 * number, 20.0, 3.0), "candidate", score=score)
    for number, score in ((1, 0.9), (2, 0.5), (3, 0.2))
)
SHOWN = Shown(IMAGE, MODEL, READING.verdict, CANDIDATES, 0.5, {"method": "retina"})
OPINION = Opinion(" Ada ", datetime(2026, 5, 4, 9, 30, tzinfo=UTC), "disagree", "near the macula")
DRAWN = Annotation("x", "soft_exudates", Disk(50.0, 60.0, 7.0), "reader", "added")


def lesions(edits, shown=SHOWN):
    """The lesions of a reading by id."""
    return {lesion.id: lesion for lesion in compose_reading(shown, edits, OPINION).lesions}


def test_facts_and_words_are_those_given():
    reading = compose_reading(SHOWN, Edits(), OPINION)
    assert (reading.reader, reading.time, reading.decision) == ("Ada", OPINION.time, "disagree")
    assert (reading.comment, reading.image, reading.model_sha256) == ("near the macula", IMAGE, MODEL)
    assert (reading.verdict, reading.settings) == (READING.verdict, {"method": "retina"})
    assert Shown(IMAGE, MODEL, READING.verdict).settings == {"evidence": "not computed"}


def test_candidates_from_the_threshold_are_kept_typed_or_deleted():
    edits = Edits(types={"1": "haemorrhages"}, rejected={"2"})
    assert lesions(edits) == {
        "candidate-1": replace(CANDIDATES[0], id="candidate-1", type="haemorrhages"),
        "candidate-2": replace(CANDIDATES[1], id="candidate-2", status="deleted"),
    }
    assert list(lesions(Edits(), replace(SHOWN, threshold=0.51))) == ["candidate-1"]
    assert len(lesions(Edits(), replace(SHOWN, threshold=0))) == 3


def test_an_edited_copy_replaces_its_candidate_and_keeps_its_score():
    copy = replace(edited_copy(CANDIDATES[1], "red_small_dots"), shape=Disk(99.0, 20.0, 3.0))
    forged = replace(copy, origin="reader", status="added", score=None)
    for one in (copy, forged):
        found = lesions(Edits(drawn=(one,), rejected={"2"}))
        assert found["candidate-2"] == replace(copy, origin="candidate", status="moved", score=0.5)
        assert list(found) == ["candidate-1", "candidate-2"]


def test_an_edited_copy_below_the_threshold_is_kept():
    assert "candidate-3" in lesions(Edits(drawn=(edited_copy(CANDIDATES[2], "unspecified"),)))


def test_drawn_lesions_are_the_readers_whatever_the_browser_says():
    forged = replace(DRAWN, origin="expert", status="kept", score=0.7)
    assert lesions(Edits(drawn=(forged,)))["x"] == DRAWN


def test_drawn_lesions_lie_on_the_picture():
    outside = replace(DRAWN, shape=Disk(5000.0, -3.0, 7.0))
    assert lesions(Edits(drawn=(outside,)))["x"].shape == Disk(IMAGE.width - 0.5, -0.5, 7.0)


def test_what_no_reading_may_hold_is_refused():
    with pytest.raises(InputError, match="two lesions of one id"):
        compose_reading(SHOWN, Edits(drawn=(DRAWN, DRAWN)), OPINION)
    with pytest.raises(InputError, match="reader name is empty"):
        compose_reading(SHOWN, Edits(), replace(OPINION, reader=" "))
