"""The pages without a browser: what they say, what they store, what they never show."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.app_pages import PATIENCE, examination, games, opened, press, settle, snapshot, texts
from helpers.command_line import command
from helpers.tiny_network import tiny_network
from helpers.waiting import until
from streamlit.testing.v1 import AppTest

from retina_xai.app.viewer.components.canvas import Opening
from retina_xai.app.viewer.components.reader_name.reader_name import name_in
from retina_xai.app.viewer.panels.examination_page import take
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.panels.worklist_page import listed_keys
from retina_xai.app.viewer.services import serve
from retina_xai.app.viewer.session import SLOT
from retina_xai.app.viewer.worklist import Filter
from retina_xai.verdict import NO_REFERABLE_DR, REFER

SCRIPT = Path(__file__).resolve().parents[3] / "app" / "viewer" / "page.py"


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
    verdict = state.scored[item.key].verdict
    shown = snapshot(page)["verdict"]
    assert list(shown) == ["tone", "quality", "head", "line"]
    assert shown["quality"].startswith("Image quality: ")
    assert f"score {verdict.score:.3f}" in shown["line"]
    assert f"threshold {verdict.threshold:.3f}" in shown["line"]
    assert "Research use only: not a medical device, not for diagnosis." in texts(page)


def test_a_photograph_that_cannot_be_read_is_one_line_without_its_path(served, tmp_path):
    page, _, _ = opened(examination, served, "broken.png")
    shown = snapshot(page)
    assert shown["fault"] == "broken.png: is empty (0 bytes); copy it again from its source"
    assert (shown["name"], shown["views"], shown["candidates"]) == ("broken.png", [], [])
    assert shown["hindrance"] == "The photograph cannot be read, so no reading of it can be stored."
    assert str(tmp_path) not in texts(page) + json.dumps(shown)


def test_a_cancelled_search_keeps_nothing_and_says_so(served):
    page, state, _ = opened(examination, served, method="retina")
    press(page, "Find evidence")
    press(page, "Cancel")
    settle(state)
    page.run()
    assert not state.searches.found
    assert "Cancelled; nothing was kept." in texts(page)


@pytest.mark.parametrize(("message", "name"), [("Ada", "Ada"), (None, ""), (5, ""), ("x" * 1000, "")])
def test_only_a_name_is_heard_as_one(message, name):
    assert name_in(message) == name


def test_next_follows_the_filter(served):
    page, state, item = opened(examination, served)
    following = snapshot(page)["following"]
    take(state, Opening("one", item.key, following))
    page.run()
    assert (state.current, snapshot(page)["asked"]) == (following, "one")
    state.filter = Filter(decision=NO_REFERABLE_DR)
    page.run()
    listed = [item.name for item in state.items(served).values() if item.key in listed_keys(state, served)]
    decisions = {one.decision for one in state.scored.values()}
    assert (listed == []) == (NO_REFERABLE_DR not in decisions)


def test_a_search_that_is_asked_for_on_the_former_page_is_of_the_open_photograph(served):
    page, state, item = opened(examination, served)
    state.current = next(one.key for one in state.items(served).values() if one.name == "7_left.png")
    page.button(key="find").click().run()
    asked = {key for key, _ in (*state.searches.jobs, *state.searches.found)}
    assert state.current in asked and item.key not in asked


@pytest.mark.parametrize(("former", "image"), [("another", None), (None, "unknown")])
def test_a_request_of_another_photograph_opens_none_and_is_answered(served, former, image):
    page, state, item = opened(examination, served)
    following = snapshot(page)["following"]
    take(state, Opening("two", former or item.key, image or following))
    page.run()
    assert (state.current, snapshot(page)["asked"]) == (item.key, "two")


def test_a_game_is_played_with_and_without_the_defence_and_shows_both(served):
    playing = replace(served, network=tiny_network())
    serve(playing)
    page, state, _ = opened(games, playing)
    page.number_input[0].set_value(4).run()
    press(page, "Play")
    until(lambda: state.games.ended)
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
    until(lambda: state.games.ended)
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


def test_the_photograph_of_the_address_is_opened_in_a_new_session(served):
    _, state, item = opened(examination, served)
    again = AppTest.from_function(examination, default_timeout=PATIENCE)
    again.query_params["photograph"] = item.key
    again.run()
    assert not again.exception
    assert snapshot(again)["name"] == "10_right.png"
    assert again.session_state[SLOT] is not state
