"""Sequences of keys and clicks that once showed or stored two photographs or two candidates as one."""

import json
import re

import pytest
from helpers.examinations import SLOW, WATCH, find_candidates, held, is_stored, painted, type_keys
from helpers.viewer_pages import MILLISECONDS, on_worklist, open_photograph, readout, rows, serious, shows
from helpers.viewer_process import PATIENCE, start
from helpers.viewer_services import photographs
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def slow(tmp_path_factory, weights, browser):
    """A viewer in which a photograph takes long to be opened."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "plain").mkdir()
    photographs(folder / "plain")
    running = start(folder, weights, "--data", folder / "plain", entry=("-c", SLOW))
    yield running
    running.process.terminate()
    running.process.wait(PATIENCE)


@pytest.fixture
def reader(request):
    """A name of its own for each test: readers do not see one another's readings."""
    return request.node.name[:80]


@pytest.fixture
def searched(page, slow, reader):
    """A photograph with its candidates."""
    on_worklist(page, slow)
    open_photograph(page, "10_left.png", reader)
    find_candidates(page)
    return page


def stored(slow, reader):
    return [one for one in slow.readings if one.reader == reader]


def test_picture_and_table_choose_the_same_candidate_and_a_key_rejects_that_one(searched):
    type_keys(searched, ".")
    rows(searched, "Lesion candidates").nth(1).click()
    assert (painted(searched)["picture"], painted(searched)["current"]) == ("2", ["2"])
    type_keys(searched, ",")
    assert (painted(searched)["picture"], painted(searched)["current"]) == ("1", ["1"])
    type_keys(searched, "x")
    standings = painted(searched)["table"]
    assert [name for name, standing in standings.items() if standing == "rejected"] == ["1"]


def test_after_a_rejection_the_next_and_the_former_candidate_are_the_neighbours(searched):
    type_keys(searched, ".", ".", ".", "x", ".")
    assert painted(searched)["picture"] == "4"
    type_keys(searched, ",", ",")
    assert painted(searched)["picture"] == "2"
    type_keys(searched, ".")
    assert painted(searched)["picture"] == "3"


def test_outlines_table_and_count_follow_the_slider_at_once(searched):
    slider = searched.get_by_role("slider", name="Hide findings weaker than")
    shown = []
    for threshold in ("0", "0.91", "0.05"):
        slider.fill(threshold)
        now = painted(searched)
        assert now["outlines"] == len(now["table"])
        assert now["count"].startswith(f"{now['outlines']} candidates")
        shown.append(now["outlines"])
    assert shown[0] > shown[2] > shown[1] > 0


def test_on_the_way_to_the_next_photograph_nothing_of_the_former_is_shown(searched):
    type_keys(searched, "t", ".")
    searched.evaluate(WATCH)
    type_keys(searched, "n")
    expect(searched.locator(".bar .name")).to_have_text("10_right.png", timeout=MILLISECONDS)
    painted(searched)
    seen = [json.loads(line) for line in searched.evaluate("globalThis.watched")]
    images = [images for images, _, _ in seen]
    assert all(len(one) == 1 for one in images), seen
    assert [name for _, name, _ in seen] == ["10_left.png", "Opening …", "10_right.png"]
    assert [pressed for _, _, pressed in seen] == [["no referable DR"], [], []]
    assert painted(searched)["message"] == ""
    assert painted(searched)["picture"] == ""


def test_keys_on_the_way_to_the_next_photograph_are_of_the_next(searched, slow, reader):
    type_keys(searched, "n", "u", "f")
    shows(searched, "10_right.png")
    is_stored(searched)
    assert [(one.image.name, one.finding) for one in stored(slow, reader)] == [("10_right.png", "ungradable")]


def test_keys_pressed_at_once_open_photographs_one_after_another(searched):
    type_keys(searched, "n", "p", "n", "u")
    shows(searched, "10_right.png")
    expect(searched.get_by_role("button", name="Ungradable")).to_have_attribute("aria-pressed", "true")
    type_keys(searched, "p")
    shows(searched, "10_left.png")
    assert held(searched)["values"] == {}


def test_keys_pressed_before_the_form_is_on_the_page_are_not_lost(page, slow, reader):
    on_worklist(page, slow)
    page.get_by_label("Reader").fill(reader)
    page.get_by_label("Reader").press("Enter")
    rows(page).filter(has_text="10_left.png").click()
    type_keys(page, "r", "f")
    shows(page, "10_left.png")
    expect(page.get_by_role("button", name="Refer").first).to_have_attribute("aria-pressed", "true")


def test_edit_keeps_the_type_and_what_was_not_moved_is_accepted(searched, slow, reader):
    type_keys(searched, ".", ".", "w")
    assert painted(searched)["table"]["2"] == "edited"
    expect(searched.get_by_label("Type of lesion")).to_have_value("unspecified")
    type_keys(searched, "r", "f")
    is_stored(searched)
    (reading,) = stored(slow, reader)
    assert [(one.id, one.type, one.status) for one in reading.reviewed] == [("candidate-2", "unspecified", "kept")]


def test_a_reading_needs_a_finding_and_holds_what_was_reviewed(searched, slow, reader):
    type_keys(searched, ".", "c", ".", "x", "f")
    status = searched.locator(".reading_form [role=status]")
    expect(status).to_have_text("Choose your finding first: Refer (r), No referable DR (t) or Ungradable (u).")
    assert stored(slow, reader) == []
    type_keys(searched, "r", "y", "y", "y", "i", "f")
    is_stored(searched)
    (reading,) = stored(slow, reader)
    assert (reading.finding, reading.grade, reading.oedema) == ("refer", 2, "yes")
    assert [(one.id, one.status) for one in reading.reviewed] == [("candidate-1", "kept"), ("candidate-2", "deleted")]
    assert reading.not_reviewed == len(painted(searched)["table"]) - 2


def test_a_reload_loses_nothing_that_was_entered(searched, slow, reader):
    type_keys(searched, "n")
    shows(searched, "10_right.png")
    find_candidates(searched)
    searched.get_by_role("slider", name="Hide findings weaker than").fill("0.02")
    type_keys(searched, ".", "c", ".", "x", "r", "y", "+", "2")
    searched.get_by_label("Comment").fill("near the macula")
    searched.get_by_label("Comment").blur()
    before, zoom = painted(searched), readout(searched, "zoom").text_content()
    searched.reload()
    shows(searched, "10_right.png")
    expect(rows(searched, "Lesion candidates").first).to_be_visible(timeout=MILLISECONDS)
    after = painted(searched)
    expect(readout(searched, "zoom")).to_have_text(zoom)
    expect(searched.get_by_role("button", name="Red-free")).to_have_attribute("aria-pressed", "true")
    assert {name: after[name] for name in ("picture", "table", "outlines", "pressed")} == {
        name: before[name] for name in ("picture", "table", "outlines", "pressed")
    }
    type_keys(searched, "f")
    is_stored(searched)
    (reading,) = stored(slow, reader)
    assert (reading.image.name, reading.comment, reading.grade) == ("10_right.png", "near the macula", 0)
    assert [(one.id, one.status) for one in reading.reviewed] == [("candidate-1", "kept"), ("candidate-2", "deleted")]


def test_back_and_forward_lead_from_photograph_to_photograph_and_lose_nothing(searched):
    type_keys(searched, "u", "n")
    shows(searched, "10_right.png")
    type_keys(searched, "r", "n")
    shows(searched, "7_left.png")
    for step, name, finding in (
        (-1, "10_right.png", "refer"),
        (-1, "10_left.png", "ungradable"),
        (1, "10_right.png", "refer"),
        (-1, "10_left.png", "ungradable"),
    ):
        searched.evaluate(f"history.go({step})")
        expect(searched.locator(".bar .name")).to_have_text(name, timeout=MILLISECONDS)
        assert painted(searched)["pressed"] == [finding]
    searched.evaluate("history.back()")
    expect(rows(searched).first).to_be_visible(timeout=MILLISECONDS)
    searched.evaluate("history.forward()")
    shows(searched, "10_left.png")
    assert painted(searched)["pressed"] == ["ungradable"]
    type_keys(searched, "n", "n")
    shows(searched, "7_left.png")
    searched.get_by_role("link", name="Worklist").click()
    expect(rows(searched).first).to_be_visible(timeout=MILLISECONDS)
    rows(searched).filter(has_text="10_right.png").click()
    shows(searched, "10_right.png")
    searched.evaluate("history.go(-2)")
    shows(searched, "7_left.png")


def test_the_other_eye_is_shown_beside_and_every_key_is_of_the_open_one(searched, slow, reader):
    type_keys(searched, "4")
    eye = searched.locator(".retina-canvas .fellow")
    canvas = searched.locator(".retina-canvas")
    expect(eye).to_contain_text("Right eye, for comparison only10_right.png", timeout=MILLISECONDS)
    expect(canvas).to_have_attribute("data-fellow", re.compile(".{16}"), timeout=MILLISECONDS)
    expect(eye).to_contain_text("score 0.", timeout=MILLISECONDS)
    assert serious(searched) == []
    main = searched.get_by_role("application", name="Left eye: this reading")
    assert main.bounding_box()["x"] > eye.bounding_box()["x"], "the right eye is at the left, as one looks at a face"
    type_keys(searched, ".", "x", "u", "f")
    is_stored(searched)
    eye.click()
    type_keys(searched, "c")
    assert painted(searched)["table"]["1"] == "accepted"
    (reading,) = stored(slow, reader)
    assert (reading.image.name, reading.finding) == ("10_left.png", "ungradable")
    type_keys(searched, "n")
    shows(searched, "10_right.png")
    expect(eye).to_contain_text("Left eye, for comparison only10_left.png", timeout=MILLISECONDS)
    expect(eye).to_have_attribute("data-outlines", re.compile("[1-9]"), timeout=MILLISECONDS)
    type_keys(searched, "n")
    shows(searched, "7_left.png")
    expect(eye).to_be_hidden()
    type_keys(searched, "p", "4")
    shows(searched, "10_right.png")
    expect(eye).to_be_hidden()


def test_the_marked_disc_is_kept_and_stored(searched, slow, reader):
    type_keys(searched, "z", "Enter", *["Shift+ArrowRight"] * 20, "Enter", "t")
    searched.reload()
    shows(searched, "10_left.png")
    expect(readout(searched, "disc")).to_have_text("disc 20.0 px")
    expect(searched.get_by_role("table", name="Lesion candidates")).to_contain_text("area DA", timeout=MILLISECONDS)
    type_keys(searched, "f")
    is_stored(searched)
    (reading,) = stored(slow, reader)
    assert reading.disc.radius == 10


def test_the_same_reading_twice_is_one_and_store_and_next_goes_on(searched, slow, reader):
    type_keys(searched, "r", "f")
    is_stored(searched)
    type_keys(searched, "f")
    expect(searched.get_by_text("Already stored as reading")).to_be_visible(timeout=MILLISECONDS)
    type_keys(searched, "y", "y", "y", "j")
    shows(searched, "10_right.png")
    type_keys(searched, "p")
    shows(searched, "10_left.png")
    is_stored(searched)
    assert [(one.image.name, one.grade) for one in stored(slow, reader)] == [("10_left.png", None), ("10_left.png", 2)]
