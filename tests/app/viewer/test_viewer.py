"""The pages without a browser: what they say, what they store, what they never show."""

import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from helpers.command_line import command
from helpers.tiny_network import tiny_network
from helpers.viewer_services import open_at, photographs
from streamlit.testing.v1 import AppTest

from retina_xai.app.viewer.components.reader_name.reader_name import name_in
from retina_xai.app.viewer.components.reading_form.reading_form import Submission, submission_in
from retina_xai.app.viewer.findings import Question
from retina_xai.app.viewer.panels.examination_page import take_submission
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.panels.worklist_page import listed_keys
from retina_xai.app.viewer.services import serve
from retina_xai.app.viewer.session import SLOT, Session
from retina_xai.app.viewer.worklist import Filter
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Disk
from retina_xai.verdict import NO_REFERABLE_DR, REFER

SCRIPT = Path(__file__).resolve().parents[3] / "app" / "viewer" / "page.py"
PATIENCE = 60


@pytest.fixture
def served(tmp_path, weights):
    (tmp_path / "plain").mkdir()
    return open_at(tmp_path, weights, paths=(photographs(tmp_path / "plain"),))


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
    limit = time.monotonic() + PATIENCE
    jobs = [*state.scoring.values(), *([state.explaining[2]] if state.explaining else [])]
    while not all(job.ended for job in jobs) and time.monotonic() < limit:
        time.sleep(0.01)
    state.collect()


def texts(page):
    kinds = (page.markdown, page.caption, page.info, page.error, page.warning)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def press(page, label):
    next(button for button in page.button if button.label == label).click()
    page.run()
    assert not page.exception


def say(state, item, served, decision="none", comment="", reader="Ada"):
    """Store what the browser sends when a reading is stored."""
    submission = Submission(uuid4().hex, item.key, {"reader": reader, "decision": decision, "comment": comment})
    take_submission(state, submission, served)
    return state.draft(item).answer


def test_the_worklist_counts_what_was_scored_and_goes_on_past_a_broken_file(served):
    page = AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE).run()
    state = page.session_state[SLOT]
    settle(state)
    page.run()
    assert not page.exception
    refer = sum(one.decision == REFER for one in state.scored.values())
    assert f"4 photographs: {refer} to refer, 0 read, 4 not read" in texts(page)
    (broken,) = (one for one in state.scored.values() if one.error)
    assert broken.error == "broken.png: is empty (0 bytes); copy it again from its source"


def test_quality_comes_first_and_every_page_says_what_it_is_not(served):
    page, state, item = opened(examination, served)
    said = texts(page)
    verdict = state.scored[item.key].verdict
    assert said.index("Image quality: ") < said.index(f"{verdict.score:.3f}")
    assert f"threshold {verdict.threshold:.3f}" in said
    assert "Research use only: not a medical device, not for diagnosis." in said


def test_a_photograph_that_cannot_be_read_is_one_line_without_its_path(served, tmp_path):
    page, _, _ = opened(examination, served, "broken.png")
    assert [error.value.replace("\\", "") for error in page.error] == [
        "broken.png: is empty (0 bytes); copy it again from its source"
    ]
    assert str(tmp_path) not in texts(page)


def test_evidence_is_found_shown_and_a_reading_with_it_is_stored(served):
    page, state, item = opened(examination, served, method="saliency")
    press(page, "Find evidence")
    settle(state)
    page.run()
    found = state.evidence[item.key, Question("saliency")]
    assert [metric.value for metric in page.metric] == [f"{found.before:.3f}", "–", "–"]
    draft = state.draft(item)
    draft.rejected, draft.types = {"1"}, {"2": "haemorrhages"}
    draft.drawn = (Annotation("d", "soft_exudates", Disk(50.0, 60.0, 7.0), "reader", "added"),)
    answer = say(state, item, served, "disagree", "=cmd() <script>")
    (reading,) = served.store.all()
    assert (reading.reader, reading.decision, reading.comment) == ("Ada", "disagree", "=cmd() <script>")
    lesions = {lesion.id: lesion for lesion in reading.lesions}
    assert lesions["candidate-1"].status == "deleted"
    assert (lesions["candidate-2"].type, lesions["candidate-2"].status) == ("haemorrhages", "kept")
    assert (lesions["d"].origin, lesions["d"].shape.radius, lesions["d"].status) == ("reader", 7.0, "added")
    assert len(lesions) == len(found.candidates) + 1
    assert reading.settings["method"] == "saliency"
    assert str(item.path.parent) not in str(reading.settings)
    assert (answer.line, answer.failed) == ("Stored as reading 1.", False)


def test_candidates_below_the_threshold_are_not_part_of_a_reading(served):
    page, state, item = opened(examination, served, method="saliency", threshold=0.5)
    press(page, "Find evidence")
    settle(state)
    page.run()
    say(state, item, served)
    (reading,) = served.store.all()
    found = state.evidence[item.key, Question("saliency")]
    assert len(reading.lesions) == sum(lesion.score >= 0.5 for lesion in found.candidates) < len(found.candidates)


def test_a_moved_candidate_is_stored_once_as_moved_with_its_score(served):
    page, state, item = opened(examination, served, method="saliency")
    press(page, "Find evidence")
    settle(state)
    state.draft(item).selected = "1"
    page.run()
    press(page, "Edit")
    say(state, item, served)
    (reading,) = served.store.all()
    (moved,) = (lesion for lesion in reading.lesions if lesion.status == "moved")
    assert (moved.id, moved.origin, moved.type) == ("candidate-1", "candidate", "unspecified")
    assert moved.score == pytest.approx(state.evidence[item.key, Question("saliency")].candidates[0].score)


def test_a_cancelled_search_keeps_nothing_and_says_so(served):
    page, state, _ = opened(examination, served, method="retina")
    press(page, "Find evidence")
    press(page, "Cancel")
    settle(state)
    page.run()
    assert not state.evidence
    assert "Cancelled; nothing was kept." in texts(page)


def test_without_a_name_nothing_is_stored(served):
    _, state, item = opened(examination, served)
    answer = say(state, item, served, reader="  ")
    assert answer.failed
    assert "reader" in answer.line
    assert served.store.all() == ()


def test_a_reading_that_arrives_twice_is_stored_once(served):
    _, state, item = opened(examination, served)
    submission = Submission("one", item.key, {"reader": "Ada"})
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
    ],
)
def test_a_message_that_is_not_a_submission_is_ignored(message):
    assert submission_in(message) is None


def test_a_submission_has_the_fields_of_an_opinion_and_no_others():
    message = {"id": "x", "image": "i", "values": {"reader": "r", "decision": "agree", "time": "now", "other": 5}}
    assert submission_in(message) == Submission("x", "i", {"reader": "r", "decision": "agree"})


@pytest.mark.parametrize(("message", "name"), [("Ada", "Ada"), (None, ""), (5, ""), ("x" * 1000, "")])
def test_only_a_name_is_heard_as_one(message, name):
    assert name_in(message) == name


def test_readers_do_not_see_one_another(served):
    page, state, item = opened(examination, served)
    say(state, item, served, comment="seen by Ada alone")
    page.run()
    assert "seen by Ada alone" in texts(page)
    state.reader = "Bob"
    page.run()
    assert "seen by Ada alone" not in texts(page)
    assert len(state.readings(served)) == 0


def test_next_follows_the_filter(served):
    page, state, _ = opened(examination, served)
    press(page, "Next")
    assert state.items(served)[state.current].name != "10_right.png"
    state.filter = Filter(decision=NO_REFERABLE_DR)
    page.run()
    listed = [item.name for item in state.items(served).values() if item.key in listed_keys(state, served)]
    decisions = {one.decision for one in state.scored.values()}
    assert (listed == []) == (NO_REFERABLE_DR not in decisions)


def test_a_key_that_reaches_the_former_page_says_nothing_of_the_next_photograph(served):
    _, state, item = opened(examination, served)
    said = []
    say = state.if_current(item, lambda: said.append(item.name))
    say()
    state.current = "another"
    say()
    assert said == ["10_right.png"]


def test_a_reading_that_arrives_after_going_on_is_stored_for_its_own_photograph(served):
    _, state, item = opened(examination, served)
    state.current = next(key for key, one in state.items(served).items() if one.name == "7_left.png")
    say(state, item, served, comment="of the right eye")
    (reading,) = served.store.all()
    assert (reading.image.name, reading.comment) == ("10_right.png", "of the right eye")


def test_a_game_is_played_with_and_without_the_defence_and_shows_both(served):
    playing = replace(served, network=tiny_network())
    serve(playing)
    page, state, _ = opened(games, playing)
    page.number_input[0].set_value(4).run()
    press(page, "Play")
    limit = time.monotonic() + PATIENCE
    while not state.games.ended and time.monotonic() < limit:
        time.sleep(0.01)
    page.run()
    assert state.games.error == ""
    _, likely, sides = state.games.result
    assert [side.defended for side in sides] == [True, False]
    assert [side.curve[-1][1] <= 4 for side in sides] == [True, True]
    assert sum(score for _, score in likely) == pytest.approx(1, abs=1e-5)
    assert likely[0][0] == sides[0].target == sides[1].target
    assert "With the defence" in texts(page)
    assert "Without the defence" in texts(page)


def test_a_broken_photograph_fails_a_game_in_one_line(served):
    playing = replace(served, network=tiny_network())
    serve(playing)
    page, state, _ = opened(games, playing)
    broken = next(key for key, one in state.items(served).items() if one.name == "broken.png")
    page.selectbox(key="games-photograph").set_value(broken).run()
    press(page, "Play")
    while not state.games.ended:
        time.sleep(0.01)
    page.run()
    assert [error.value.replace("\\", "") for error in page.error] == [
        "broken.png: is empty (0 bytes); copy it again from its source"
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("view", "nowhere"), 3, "error: nowhere: no such file or folder; check the path"),
        (("view", "--method", "magic"), 2, "error: unknown method 'magic'"),
        (("view", "--weights", "none.safetensors"), 4, "error: none.safetensors: no such weights file"),
        (("view", "--port", "0"), 2, "Invalid value for '--port'"),
    ],
)
def test_the_command_refuses_before_it_serves(monkeypatch, capsys, arguments, code, line):
    left, _, said = command(monkeypatch, capsys)(*arguments)
    assert left == code
    assert line in said


def test_the_page_of_games_says_how_to_name_a_network(served):
    page = AppTest.from_function(games, default_timeout=PATIENCE).run()
    assert "retina-xai view --imagenet-model" in texts(page)


@pytest.mark.parametrize("text", ["![a](http://x.y/z.png)", "<b>", "$x$ :red[y] `z`", "www.a.bc", "a_b*c*", "# head"])
def test_markup_in_names_is_escaped(text):
    shown = plain(text)
    assert shown.replace("\\", "") == text
    assert all(shown[place - 1] == "\\" for place, sign in enumerate(shown) if sign in "!<>$:[]()`_*.#/")
