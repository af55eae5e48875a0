"""The canvas in a real browser: measuring, drawing and correcting, and what the page holds of it."""

import numpy as np
import pytest
from helpers.canvas_pages import GROUND, choose_image, close, reads, rerun
from helpers.waiting import until


def centre(lesion):
    return [lesion["shape"]["x"], lesion["shape"]["y"]]


def test_a_measured_line_is_in_pixels_of_the_file(canvas):
    canvas.page.keyboard.press("m")
    canvas.drag((100, 100), (400, 100))
    length = float(canvas.read("length").split()[1])
    assert length == pytest.approx(300, abs=1.0)
    canvas.page.keyboard.press("+")
    assert float(canvas.read("length").split()[1]) == length
    canvas.page.keyboard.press("Escape")
    reads(canvas, "length", "")
    canvas.root.locator(".pane").nth(1).focus()
    canvas.page.keyboard.press("Enter")
    for _ in range(7):
        canvas.page.keyboard.press("Shift+ArrowLeft")
    canvas.page.keyboard.press("Enter")
    reads(canvas, "length", "length 7.0 px")


def test_a_circle_is_drawn_moved_retyped_and_deleted(canvas):
    canvas.page.keyboard.press("d")
    canvas.drag((400, 150), (440, 150), side=0)
    until(lambda: len(canvas.told()["drawn"]) == 1)
    (lesion,) = canvas.told()["drawn"]
    assert (lesion["shape"]["kind"], lesion["type"]) == ("disk", "haemorrhages")
    assert (lesion["origin"], lesion["status"], lesion["score"]) == ("reader", "added", None)
    assert centre(lesion) == pytest.approx([400, 150], abs=1)
    assert lesion["shape"]["radius"] == pytest.approx(40, abs=1)
    until(lambda: not close(canvas.colour(440, 150), GROUND, 20))
    canvas.drag((440, 150), (390, 170))
    until(lambda: centre(canvas.told()["drawn"][0]) == pytest.approx([350, 170], abs=1.5))
    assert canvas.told()["drawn"][0]["shape"]["radius"] == lesion["shape"]["radius"]
    canvas.drag((350, 170), (345, 175))
    until(lambda: centre(canvas.told()["drawn"][0]) == pytest.approx([345, 175], abs=2))
    canvas.root.get_by_label("Type of lesion").select_option("soft_exudates")
    until(lambda: canvas.told()["drawn"][0]["type"] == "soft_exudates")
    canvas.root.locator(".pane").nth(1).focus()
    canvas.page.keyboard.press("Delete")
    until(lambda: canvas.told()["drawn"] == [])
    until(lambda: close(canvas.colour(385, 175), GROUND))


def test_what_was_drawn_is_chosen_and_the_next_lesion_may_lie_inside_it(canvas):
    canvas.page.keyboard.press("d")
    canvas.drag((300, 200), (380, 200))
    canvas.root.get_by_label("Type of lesion").select_option("hard_exudates")
    until(lambda: [lesion["type"] for lesion in canvas.told()["drawn"]] == ["hard_exudates"])
    canvas.root.locator(".pane").nth(1).focus()
    canvas.page.keyboard.press("Escape")
    canvas.root.get_by_label("Type of lesion").select_option("red_small_dots")
    canvas.drag((300, 200), (315, 200))
    until(lambda: len(canvas.told()["drawn"]) == 2)
    drawn = [(lesion["type"], round(lesion["shape"]["radius"] / 5) * 5) for lesion in canvas.told()["drawn"]]
    assert drawn == [("hard_exudates", 80), ("red_small_dots", 15)]


def test_nothing_is_drawn_or_moved_beyond_the_photograph(canvas):
    canvas.page.keyboard.press("s")
    canvas.page.keyboard.press("d")
    canvas.drag((-60, 100), (-20, 100))
    canvas.drag((200, 100), (230, 100))
    canvas.drag((230, 100), (-60, 100))
    until(lambda: [centre(lesion) for lesion in canvas.told()["drawn"]] == [[-0.5, pytest.approx(100, abs=1)]])


def test_quick_edits_all_arrive_and_a_freehand_line_is_closed(canvas):
    canvas.page.keyboard.press("d")
    for x in (100, 220, 340, 460):
        canvas.drag((x, 330), (x + 30, 330))
    until(lambda: len(canvas.told()["drawn"]) == 4)
    canvas.button("Freehand").click()
    canvas.drag((100, 150), (200, 150), (200, 230), (100, 230))
    until(lambda: len(canvas.told()["drawn"]) == 5)
    (ring,) = canvas.told()["drawn"][4]["shape"]["rings"]
    x, y = np.array(ring).T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == pytest.approx(100 * 80, rel=0.03)
    rerun(canvas, 1)
    assert len(canvas.told()["drawn"]) == 5


def test_a_lesion_is_drawn_and_moved_by_keys_alone(canvas):
    canvas.root.locator(".pane").nth(1).focus()
    for key in ("d", "Enter", *["Shift+ArrowRight"] * 12, "Enter"):
        canvas.page.keyboard.press(key)
    until(lambda: len(canvas.told()["drawn"]) == 1)
    (lesion,) = canvas.told()["drawn"]
    assert centre(lesion) == [299.5, 199.5]
    assert lesion["shape"]["radius"] == 12
    for key in ("l", "Enter", *["Shift+ArrowDown"] * 9, "Enter"):
        canvas.page.keyboard.press(key)
    until(lambda: centre(canvas.told()["drawn"][0]) == [299.5, 208.5])
    canvas.page.keyboard.press("Delete")
    until(lambda: canvas.told()["drawn"] == [])


def test_a_handle_changes_the_size_and_the_opposite_corner_stays(canvas):
    gap = 8 / canvas.scale()
    canvas.page.keyboard.press("d")
    canvas.drag((300, 200), (340, 200))
    canvas.drag((340 + gap, 240 + gap), (360 + gap, 250 + gap))
    until(lambda: canvas.told()["drawn"][0]["shape"]["radius"] == pytest.approx(50, abs=1))
    assert centre(canvas.told()["drawn"][0]) == pytest.approx([310, 210], abs=1.5)
    canvas.page.keyboard.press("Control+z")
    until(lambda: canvas.told()["drawn"][0]["shape"]["radius"] == pytest.approx(40, abs=1))
    canvas.root.locator(".pane").nth(1).focus()
    canvas.page.keyboard.press("Delete")
    canvas.button("Freehand").click()
    canvas.drag((100, 150), (200, 150), (200, 230), (100, 230))
    canvas.drag((100 - gap, 150 - gap), (50 - gap, 130 - gap))
    until(lambda: min(canvas.told()["drawn"][0]["shape"]["rings"][0]) == pytest.approx([50, 130], abs=3))
    ring = np.array(canvas.told()["drawn"][0]["shape"]["rings"][0])
    assert [*ring.min(axis=0), *ring.max(axis=0)] == pytest.approx([50, 130, 200, 230], abs=3)


def test_lengths_are_in_diameters_of_the_disc_that_was_marked(canvas):
    page = canvas.page
    page.keyboard.press("z")
    canvas.drag((400, 200), (460, 200), side=0)
    until(lambda: canvas.disc() == pytest.approx([430, 200, 30], abs=1))
    until(lambda: not close(canvas.colour(430, 170), GROUND, 20))
    canvas.drag((400, 100), (401, 100))
    assert canvas.disc() == pytest.approx([430, 200, 30], abs=1)
    page.keyboard.press("m")
    canvas.drag((100, 350), (250, 350))
    reads(canvas, "length", "length 2.5 DD")
    page.keyboard.press("Control+z")
    until(lambda: canvas.disc() is None)
    until(lambda: canvas.read("length").endswith("px"))
    page.keyboard.press("Control+y")
    reads(canvas, "length", "length 2.5 DD")
    for key in ("z", "Delete"):
        page.keyboard.press(key)
    assert canvas.disc() is None
    for key in ("Enter", *["Shift+ArrowRight"] * 30, "Enter"):
        page.keyboard.press(key)
    assert canvas.disc()[2] == 15
    choose_image(canvas, "two")
    assert canvas.disc() is None


def test_lesions_belong_to_their_image(canvas):
    canvas.page.keyboard.press("d")
    canvas.drag((100, 330), (130, 330))
    until(lambda: len(canvas.told()["drawn"]) == 1)
    choose_image(canvas, "two")
    until(lambda: canvas.told()["drawn"] == [])
    until(lambda: close(canvas.colour(130, 330), GROUND))
    choose_image(canvas, "one")
    until(lambda: [lesion["shape"]["radius"] for lesion in canvas.told()["drawn"]] == [pytest.approx(30, abs=1)])
    until(lambda: not close(canvas.colour(130, 330), GROUND, 20))


def test_an_outline_beyond_the_photograph_comes_back_on_its_border_and_is_shown_there(canvas):
    canvas.page.keyboard.press("s")
    canvas.page.keyboard.press("d")
    canvas.button("Freehand").click()
    canvas.drag((10, 350), (60, 350), (60, 430), (10, 430))
    until(lambda: len(canvas.told()["drawn"]) == 1)
    (ring,) = canvas.told()["drawn"][0]["shape"]["rings"]
    assert max(y for _, y in ring) == 399.5
    until(lambda: not close(canvas.colour(35, 399), (255, 255, 255), 20))
    canvas.page.keyboard.press("v")
    canvas.page.mouse.click(*canvas.spot(35, 375))
    canvas.page.keyboard.press("Delete")
    until(lambda: canvas.told()["drawn"] == [])


def test_a_lesion_may_stay_unspecified(canvas):
    canvas.page.keyboard.press("o")
    canvas.page.keyboard.press("d")
    canvas.root.get_by_label("Type of lesion").select_option("unspecified")
    canvas.drag((300, 200), (340, 200))
    until(lambda: [lesion["type"] for lesion in canvas.told()["drawn"]] == ["unspecified"])
    until(lambda: not close(canvas.colour(340, 200), GROUND, 20))
    canvas.page.keyboard.press("9")
    until(lambda: close(canvas.colour(340, 200), GROUND))


def test_changes_are_taken_back_and_made_again_one_by_one(canvas):
    page = canvas.page
    page.keyboard.press("d")
    for x in (200, 400):
        canvas.drag((x, 150), (x + 40, 150), side=0)
    until(lambda: len(canvas.told()["drawn"]) == 2)
    canvas.drag((440, 150), (420, 160), side=0)
    until(lambda: centre(canvas.told()["drawn"][1]) == pytest.approx([380, 160], abs=1.5))
    page.keyboard.press("Control+z")
    until(lambda: centre(canvas.told()["drawn"][1]) == pytest.approx([400, 150], abs=1.5))
    page.keyboard.press("Control+z")
    until(lambda: len(canvas.told()["drawn"]) == 1)
    page.keyboard.press("Control+y")
    page.keyboard.press("Control+Shift+Z")
    until(lambda: len(canvas.told()["drawn"]) == 2)
    assert centre(canvas.told()["drawn"][1]) == pytest.approx([380, 160], abs=1.5)
    page.keyboard.press("Control+y")
    reads(canvas, "tone", "")
    assert canvas.root.get_by_role("status").inner_text() == "Nothing to make again"


def test_brightness_and_contrast_change_the_picture_and_nothing_else(canvas):
    page, plain = canvas.page, canvas.colour(300, 300)
    page.keyboard.press("a")
    canvas.drag((300, 300), (300, 200), side=0)
    until(lambda: sum(canvas.colour(300, 300)) > sum(plain) + 60)
    assert "brightness +0." in canvas.read("tone")
    page.keyboard.press("b")
    until(lambda: close(canvas.colour(300, 300), plain, 2))
    reads(canvas, "tone", "")
    canvas.root.locator(".pane").nth(1).focus()
    for key in ("ArrowDown", "ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    reads(canvas, "tone", "brightness −0.05, contrast ×1.11, gamma 1.11")
    choose_image(canvas, "two")
    reads(canvas, "tone", "")
