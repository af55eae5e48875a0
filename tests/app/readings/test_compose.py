"""A reading is composed of candidates, drawn lesions and words; origins and scores cannot be forged by a browser."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from helpers.readings import IMAGE, MODEL, READING

from retina_xai.app.readings.compose import EDITED, Edits, Shown, compose_reading
from retina_xai.app.readings.model import Opinion
from retina_xai.errors import InputError
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Disk
from retina_xai.verdict import Verdict

CANDIDATES = tuple(
    Annotation(str(number), "unspecified", Disk(10.0 * number, 20.0, 3.0), "candidate", score=score)
    for number, score in ((1, 0.9), (2, 0.5), (3, 0.2))
)
SHOWN = Shown(IMAGE, MODEL, READING.verdict, CANDIDATES, 0.5, {"method": "retina"})
OPINION = Opinion(" Ada ", datetime(2026, 5, 4, 9, 30, tzinfo=UTC), "no referable DR", 1, "no", "near the macula")
DRAWN = Annotation("x", "soft_exudates", Disk(50.0, 60.0, 7.0), "reader", "added")


def copy_of(candidate, **changes):
    """A copy of a candidate as the browser sends it."""
    return replace(candidate, id=EDITED + candidate.id, status="moved", **changes)


def lesions(edits, shown=SHOWN):
    """The lesions of a reading by id."""
    return {lesion.id: lesion for lesion in compose_reading(shown, edits, OPINION).lesions}


def test_facts_and_words_are_those_given():
    reading = compose_reading(SHOWN, Edits(), OPINION)
    assert (reading.reader, reading.time, reading.decision) == ("Ada", OPINION.time, "disagree")
    assert (reading.finding, reading.grade, reading.oedema) == ("no referable DR", 1, "no")
    assert (reading.comment, reading.image, reading.model_sha256) == ("near the macula", IMAGE, MODEL)
    assert (reading.verdict, reading.settings) == (READING.verdict, {"method": "retina"})
    assert Shown(IMAGE, MODEL, READING.verdict).settings == {"evidence": "not computed"}


def test_agreement_follows_from_the_finding():
    decisions = {
        name: compose_reading(SHOWN, Edits(), replace(OPINION, finding=name, grade=None)).decision
        for name in ("refer", "no referable DR", "ungradable")
    }
    assert decisions == {"refer": "agree", "no referable DR": "disagree", "ungradable": "disagree"}
    unsure = replace(SHOWN, verdict=Verdict(READING.verdict.gradability, 0.5, 0.5))
    assert compose_reading(unsure, Edits(), OPINION).decision == "none"


def test_a_reading_without_a_finding_is_refused():
    with pytest.raises(InputError, match="no finding: choose refer, no referable DR or ungradable"):
        compose_reading(SHOWN, Edits(), replace(OPINION, finding=""))


def test_candidates_from_the_threshold_are_unreviewed_until_the_reader_judges_them():
    edits = Edits(types={"1": "haemorrhages"}, accepted={"1"}, rejected={"2"})
    assert lesions(edits) == {
        "candidate-1": replace(CANDIDATES[0], id="candidate-1", type="haemorrhages", status="kept"),
        "candidate-2": replace(CANDIDATES[1], id="candidate-2", status="deleted"),
    }
    assert {one.status for one in lesions(Edits(), replace(SHOWN, threshold=0)).values()} == {"unreviewed"}
    assert list(lesions(Edits(), replace(SHOWN, threshold=0.51))) == ["candidate-1"]
    reading = compose_reading(SHOWN, edits, OPINION)
    assert [(len(reading.reviewed), reading.not_reviewed)] == [(2, 0)]


def test_a_judged_candidate_below_the_threshold_is_part_of_the_reading():
    found = lesions(Edits(accepted={"3"}))
    assert {name: one.status for name, one in found.items()} == {
        **dict.fromkeys(("candidate-1", "candidate-2"), "unreviewed"),
        "candidate-3": "kept",
    }


def test_an_edited_copy_replaces_its_candidate_and_keeps_its_score():
    copy = copy_of(CANDIDATES[1], shape=Disk(99.0, 20.0, 3.0), type="red_small_dots")
    forged = replace(copy, origin="reader", status="added", score=None)
    for one in (copy, forged):
        found = lesions(Edits(drawn=(one,), rejected={"2"}))
        assert found["candidate-2"] == replace(copy, origin="candidate", status="moved", score=0.5)
        assert list(found) == ["candidate-1", "candidate-2"]


def test_a_copy_that_was_not_moved_is_an_accepted_candidate():
    found = lesions(Edits(drawn=(copy_of(CANDIDATES[1], type="haemorrhages"),)))
    assert (found["candidate-2"].status, found["candidate-2"].type) == ("kept", "haemorrhages")


def test_an_edited_copy_below_the_threshold_is_kept():
    assert "candidate-3" in lesions(Edits(drawn=(copy_of(CANDIDATES[2]),)))


def test_drawn_lesions_are_the_readers_whatever_the_browser_says():
    forged = replace(DRAWN, origin="expert", status="kept", score=0.7)
    assert lesions(Edits(drawn=(forged,)))["x"] == DRAWN


def test_drawn_lesions_lie_on_the_picture():
    outside = replace(DRAWN, shape=Disk(5000.0, -3.0, 7.0))
    assert lesions(Edits(drawn=(outside,)))["x"].shape == Disk(IMAGE.width - 0.5, -0.5, 7.0)


def test_the_marked_disc_is_part_of_the_reading_and_lies_on_the_picture():
    assert compose_reading(SHOWN, Edits(), OPINION).disc is None
    assert compose_reading(SHOWN, Edits(disc=Disk(9e5, 20.0, 30.0)), OPINION).disc == Disk(
        IMAGE.width - 0.5, 20.0, 30.0
    )


def test_what_no_reading_may_hold_is_refused():
    with pytest.raises(InputError, match="two lesions of one id"):
        compose_reading(SHOWN, Edits(drawn=(DRAWN, DRAWN)), OPINION)
    with pytest.raises(InputError, match="reader name is empty"):
        compose_reading(SHOWN, Edits(), replace(OPINION, reader=" "))
