"""What becomes of a reading that the page sends: what is stored, what is refused, who sees it."""

import pytest
from helpers.app_pages import SALIENCY, examination, opened, press, say, settle, snapshot, texts

from retina_xai.app.readings.compose import Edits
from retina_xai.app.readings.model import agreement
from retina_xai.app.viewer.components.reading_form.reading_form import Submission, submission_in
from retina_xai.app.viewer.findings import Question
from retina_xai.app.viewer.panels.reading_panel import take_submission
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Disk


def test_evidence_is_found_shown_and_a_reading_with_it_is_stored(served):
    page, state, item = opened(examination, served, method="saliency")
    press(page, "Find evidence")
    settle(state)
    page.run()
    found = state.searches.found[item.key, Question("saliency")]
    assert [value for _, value in snapshot(page)["search"]["figures"]] == [f"{found.before:.3f}", "–", "–"]
    assert [one["id"] for one in snapshot(page)["candidates"]] == [one.id for one in found.candidates]
    drawn = (Annotation("d", "soft_exudates", Disk(50.0, 60.0, 7.0), "reader", "added"),)
    edits = Edits(drawn, {"2": "haemorrhages"}, frozenset({"2"}), frozenset({"1"}))
    answer = say(state, item, served, comment="=cmd() <script>", edits=edits, question=SALIENCY)
    (reading,) = served.store.all()
    assert (reading.reader, reading.finding, reading.comment) == ("Ada", "refer", "=cmd() <script>")
    assert reading.decision == agreement("refer", state.scored[item.key].verdict)
    lesions = {lesion.id: lesion for lesion in reading.lesions}
    assert lesions["candidate-1"].status == "deleted"
    assert (lesions["candidate-2"].type, lesions["candidate-2"].status) == ("haemorrhages", "kept")
    assert (lesions["d"].origin, lesions["d"].shape.radius, lesions["d"].status) == ("reader", 7.0, "added")
    assert len(lesions) == len(found.candidates) + 1
    assert (len(reading.reviewed), reading.not_reviewed) == (3, len(found.candidates) - 2)
    assert reading.settings["method"] == "saliency"
    assert str(item.path.parent) not in str(reading.settings)
    assert (answer.line, answer.failed) == ("Stored as reading 1.", False)


def test_candidates_below_the_threshold_are_not_part_of_a_reading(served):
    page, state, item = opened(examination, served, method="saliency")
    press(page, "Find evidence")
    settle(state)
    page.run()
    say(state, item, served, question=SALIENCY, threshold=0.5)
    (reading,) = served.store.all()
    found = state.searches.found[item.key, Question("saliency")]
    assert len(reading.lesions) == sum(lesion.score >= 0.5 for lesion in found.candidates) < len(found.candidates)


def test_without_a_name_nothing_is_stored(served):
    _, state, item = opened(examination, served)
    answer = say(state, item, served, reader="  ")
    assert answer.failed
    assert "reader" in answer.line
    assert served.store.all() == ()


def test_a_reading_that_arrives_twice_is_stored_once(served):
    _, state, item = opened(examination, served)
    submission = Submission("one", item.key, {"reader": "Ada", "finding": "refer"})
    take_submission(state, submission, served)
    take_submission(state, submission, served)
    assert len(served.store.all()) == 1


def test_a_photograph_without_a_score_is_not_read(served):
    _, state, item = opened(examination, served)
    state.scored.clear()
    assert say(state, item, served).line == (
        "10_right.png: not scored yet; store the reading when the verdict is there"
    )
    assert served.store.all() == ()


@pytest.mark.parametrize(
    "message",
    [
        None,
        "text",
        {},
        {"id": 1},
        {"id": "x" * 65, "image": "i", "values": {"reader": "r"}},
        {"id": "x", "image": None, "values": {"reader": "r"}},
        {"id": "x", "image": "i", "values": {}},
        {"id": "x", "image": "i", "values": {"reader": "r", "comment": 5}},
        {"id": "x", "image": "i", "values": "text"},
        {"id": "x", "image": "i", "values": {"reader": "r"}, "threshold": 2},
        {"id": "x", "image": "i", "values": {"reader": "r"}, "threshold": "0"},
        {"id": "x", "image": "i", "values": {"reader": "r"}, "question": ["saliency"]},
    ],
)
def test_a_message_that_is_not_a_submission_is_ignored(message):
    assert submission_in(message) is None


def test_a_submission_has_the_fields_of_an_opinion_and_no_others():
    message = {"id": "x", "image": "i", "values": {"reader": "r", "finding": "refer", "time": "now", "other": 5}}
    assert submission_in(message) == Submission("x", "i", {"reader": "r", "finding": "refer"})


def test_what_the_reader_did_to_the_lesions_is_read_without_what_has_another_form():
    disk = {"kind": "disk", "x": 1, "y": 2, "radius": 3}
    lesion = {"id": "b", "type": "unspecified", "origin": "reader", "status": "added", "score": None, "shape": disk}
    edits = {
        "drawn": [lesion, {**lesion, "id": "c", "type": "disc"}, None, "text"],
        "judged": {"1": "kept", "2": "deleted", "3": "maybe", "4": 5},
        "types": {"1": "haemorrhages", "2": None},
    }
    found = submission_in({"id": "x", "image": "i", "values": {"reader": "r"}, "edits": edits}).edits
    assert ([one.id for one in found.drawn], found.types) == (["b"], {"1": "haemorrhages"})
    assert (found.accepted, found.rejected) == (frozenset({"1"}), frozenset({"2"}))
    assert submission_in({"id": "x", "image": "i", "values": {"reader": "r"}, "edits": 5}).edits == Edits()


@pytest.mark.parametrize(
    ("sent", "disc"),
    [
        ({"x": 1, "y": 2.5, "radius": 3}, Disk(1, 2.5, 3)),
        *[
            (sent, None)
            for sent in (None, 5, {"x": 1, "y": 2}, {"x": 1, "y": 2, "radius": 0}, {"x": "a", "y": 2, "radius": 3})
        ],
    ],
)
def test_the_marked_disc_is_a_disk_or_none(sent, disc):
    message = {"id": "x", "image": "i", "values": {"reader": "r"}, "edits": {"disc": sent}}
    assert submission_in(message).edits.disc == disc


@pytest.mark.parametrize("grade", ["5", "-1", "two", "²", "22"])
def test_a_grade_of_another_form_is_refused_in_one_line(served, grade):
    _, state, item = opened(examination, served)
    take_submission(state, Submission("g", item.key, {"reader": "Ada", "finding": "refer", "grade": grade}), served)
    answer = state.answers[item.key]
    assert answer.failed
    assert answer.line.startswith("grade ")
    assert served.store.all() == ()


def test_readers_do_not_see_one_another(served):
    page, state, item = opened(examination, served)
    say(state, item, served, comment="seen by Ada alone")
    page.run()
    assert "seen by Ada alone" in texts(page)
    state.reader = "Bob"
    page.run()
    assert "seen by Ada alone" not in texts(page)
    assert len(state.readings(served)) == 0


def test_a_reading_without_a_finding_is_not_stored(served):
    _, state, item = opened(examination, served)
    answer = say(state, item, served, finding="")
    assert (answer.line, answer.failed) == ("no finding: choose refer, no referable DR or ungradable", True)
    assert served.store.all() == ()


def test_the_same_reading_twice_is_one(served):
    _, state, item = opened(examination, served)
    assert say(state, item, served).line == "Stored as reading 1."
    assert say(state, item, served).line == "Already stored as reading 1; nothing has changed since."
    assert say(state, item, served, comment="soft").line == "Stored as reading 2."
    assert say(state, item, served, reader="Bob").line == "Stored as reading 3."
    assert [one.number for one in served.store.all()] == [1, 2, 3]


def test_a_reading_of_evidence_that_is_gone_is_not_stored(served):
    _, state, item = opened(examination, served)
    answer = say(state, item, served, question=SALIENCY)
    assert answer.line == "10_right.png: the evidence is not kept any more; find it again, then store the reading"
    assert served.store.all() == ()


def test_a_reading_that_arrives_after_going_on_is_stored_for_its_own_photograph(served):
    _, state, item = opened(examination, served)
    state.current = next(key for key, one in state.items(served).items() if one.name == "7_left.png")
    say(state, item, served, comment="of the right eye")
    (reading,) = served.store.all()
    assert (reading.image.name, reading.comment) == ("10_right.png", "of the right eye")
