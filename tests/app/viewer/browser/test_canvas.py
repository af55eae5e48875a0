"""The canvas in a real browser: what is drawn where, and what survives a rerun."""

import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from helpers.canvas_pages import (
    CANDIDATE_A,
    EDGE_OF_A,
    EDGE_OF_B,
    EDGE_OF_EXUDATE,
    EDGE_OF_HAEMORRHAGE,
    EDGE_OF_HOLE,
    EVIDENCE,
    EXAMINATION,
    FAINT,
    GROUND,
    GROUNDS,
    HEIGHT,
    INSIDE_B,
    WIDTH,
    choose_image,
    close,
    evidence,
    reads,
    rerun,
    set_threshold,
    until,
)
from playwright.sync_api import expect

from retina_xai.drawing import CANDIDATE_COLOUR, LESION_COLOURS, SELECTED_COLOUR, heatmap, overlay


def test_zoom_pan_and_toggles_survive_a_rerun_and_a_remount_and_end_with_the_image(canvas):
    canvas.hover(450, 300)
    canvas.wheel(5)
    canvas.page.keyboard.press("o")
    canvas.page.keyboard.press("2")
    canvas.page.mouse.move(*canvas.spot(300, 200))
    reads(canvas, "zoom", "zoom 2.2×")
    place = canvas.read("position")
    assert place != "x 300  y 200"

    def kept() -> bool:
        pressed = [canvas.button(name).get_attribute("aria-pressed") for name in ("Evidence", "Red-free")]
        canvas.page.mouse.move(*canvas.spot(300, 200))
        return canvas.read("zoom") == "zoom 2.2×" and canvas.read("position") == place and pressed == ["false", "true"]

    rerun(canvas, 2)
    assert kept()
    canvas.page.get_by_text("Canvas", exact=True).click()
    expect(canvas.root).to_have_count(0)
    canvas.page.get_by_text("Canvas", exact=True).click()
    until(kept)
    choose_image(canvas, "two")
    reads(canvas, "zoom", "zoom 1.0×")
    until(lambda: not close(canvas.colour(*EVIDENCE), GROUND))
    expect(canvas.button("Evidence")).to_have_attribute("aria-pressed", "true")


def test_both_panes_zoom_at_the_pointer(canvas):
    canvas.hover(430, 300)
    reads(canvas, "position", "x 430  y 300")
    canvas.wheel(8)
    reads(canvas, "zoom", "zoom 3.6×")
    assert canvas.read("position") == "x 430  y 300"
    canvas.drag((430, 300), (380, 280))
    canvas.page.mouse.move(5, 5)
    canvas.page.keyboard.press("o")
    until(lambda: canvas.picture(0) == canvas.picture(1))
    canvas.page.keyboard.press("0")
    reads(canvas, "zoom", "zoom 1.0×")


def test_arrows_and_signs_move_and_zoom_by_key(canvas):
    canvas.root.locator(".pane").nth(1).focus()
    for _ in range(3):
        canvas.page.keyboard.press("+")
    reads(canvas, "zoom", f"zoom {1.4**3:.1f}×")
    canvas.hover(300, 200)
    reads(canvas, "position", "x 300  y 200")
    canvas.page.keyboard.press("ArrowRight")
    until(lambda: int(canvas.read("position").split()[1]) > 300)


def test_evidence_is_shown_and_hidden_and_has_the_colours_of_the_overlay_pictures(canvas):
    heat = heatmap(evidence()).astype(float)
    ground = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
    picture = overlay(ground, evidence()).astype(float)
    canvas.page.keyboard.press("o")
    until(lambda: close(canvas.colour(*EVIDENCE), GROUND))
    canvas.page.keyboard.press("o")
    canvas.page.keyboard.press("k")
    until(lambda: not close(canvas.colour(*EVIDENCE), GROUND))
    for x, y in (EVIDENCE, CANDIDATE_A, FAINT, (20, 20)):
        assert close(canvas.colour(x, y), tuple(picture[y, x]), 2), (x, y)
    assert not close(picture[CANDIDATE_A[::-1]], GROUND, 20)
    assert close(picture[FAINT[::-1]], GROUND, 0)
    assert close(canvas.colour(*EVIDENCE, side=0), GROUND)
    canvas.root.get_by_label("Opacity of the heat map").fill("20")
    until(lambda: close(canvas.colour(*EVIDENCE), tuple(0.8 * np.array(GROUND) + 0.2 * heat[EVIDENCE[::-1]])))
    canvas.hover(*EVIDENCE)
    reads(canvas, "value", "evidence 0.80")
    canvas.page.keyboard.press("h")
    until(lambda: close(canvas.colour(*EVIDENCE), GROUND))


def test_views_by_key_are_those_that_python_sends(canvas):
    for key, name in (("2", "red-free"), ("3", "CLAHE"), ("1", "colour")):
        canvas.page.keyboard.press(key)
        until(lambda name=name: close(canvas.colour(20, 20), GROUNDS[name], 1))
        assert close(canvas.colour(20, 20, side=0), GROUNDS[name], 1)


def test_outlines_run_along_pixel_edges_and_around_holes_in_the_colours_of_the_package(canvas):
    canvas.root.get_by_label("Expert markings").select_option("over")
    canvas.page.keyboard.press("h")
    until(lambda: close(canvas.colour(*EDGE_OF_EXUDATE), LESION_COLOURS["hard_exudates"], 20))
    until(lambda: not close(canvas.colour(*EDGE_OF_HOLE), GROUND, 20))
    assert close(canvas.colour(*INSIDE_B), GROUND)
    canvas.page.keyboard.press("k")
    until(lambda: close(canvas.colour(*EDGE_OF_HOLE), GROUND))


def test_the_outline_of_a_candidate_is_on_the_edges_of_its_pixels(canvas):
    canvas.page.keyboard.press("k")
    canvas.hover(150, 90)
    canvas.wheel(20)
    until(lambda: float(canvas.read("zoom").split()[1][:-1]) > 20)
    canvas.page.mouse.move(5, 5)
    x, y = canvas.spot(150, 90)

    def rows(holds):
        return [step for step in range(-40, 40) if holds(canvas.colour_at(x, y + step))]

    until(lambda: rows(lambda colour: not close(colour, GROUND)))
    first_inside = rows(lambda colour: not close(colour, GROUND))[0]
    canvas.page.keyboard.press("h")
    canvas.page.keyboard.press("k")
    until(lambda: rows(lambda colour: close(colour, CANDIDATE_COLOUR, 20)))
    assert np.mean(rows(lambda colour: close(colour, CANDIDATE_COLOUR, 20))) == pytest.approx(first_inside - 0.5, abs=1)


def test_expert_markings_beside_or_over_with_a_toggle_for_each_type(canvas):
    canvas.root.get_by_label("Expert markings").select_option("over")
    until(lambda: not close(canvas.colour(*EDGE_OF_HAEMORRHAGE), GROUND, 20))
    assert not close(canvas.colour(*EDGE_OF_EXUDATE), GROUND, 20)
    assert not close(canvas.colour(70, 50), GROUND, 20)
    assert close(canvas.colour(70, 65), GROUND)
    assert close(canvas.colour(*EDGE_OF_EXUDATE, side=0), GROUND)
    canvas.button("Haemorrhages").click()
    until(lambda: close(canvas.colour(*EDGE_OF_HAEMORRHAGE), GROUND))
    assert not close(canvas.colour(*EDGE_OF_EXUDATE), GROUND, 20)
    canvas.page.keyboard.press("6")
    until(lambda: close(canvas.colour(*EDGE_OF_EXUDATE), GROUND))
    canvas.page.keyboard.press("6")
    canvas.root.get_by_label("Expert markings").select_option("beside")
    until(lambda: not close(canvas.colour(*EDGE_OF_EXUDATE, side=0), GROUND, 20))
    assert close(canvas.colour(*EDGE_OF_EXUDATE), GROUND)


def test_candidates_below_the_threshold_are_hidden_and_a_click_chooses(canvas):
    until(lambda: not close(canvas.colour(*EDGE_OF_B), GROUND, 20))
    canvas.page.mouse.click(*canvas.spot(*CANDIDATE_A))
    until(lambda: canvas.told()["selected"] == "A")
    set_threshold(canvas, 0.4)
    until(lambda: close(canvas.colour(*EDGE_OF_B), GROUND))
    canvas.page.mouse.click(*canvas.spot(450, 300))
    until(lambda: canvas.told()["selected"] is None)
    choose_image(canvas, "two")
    canvas.page.keyboard.press(".")
    until(lambda: canvas.told()["selected"] == "A")
    choose_image(canvas, "one")
    until(lambda: canvas.told()["selected"] is None)


def test_the_chosen_candidate_is_outlined_on_both_panes_and_evidence_is_cut_at_the_threshold(canvas):
    until(lambda: not close(canvas.colour(*CANDIDATE_A), GROUND))
    assert close(canvas.colour(*EDGE_OF_A, side=0), GROUND)
    canvas.page.mouse.click(*canvas.spot(*CANDIDATE_A))
    until(lambda: close(canvas.colour(*EDGE_OF_A, side=0), SELECTED_COLOUR, 20))
    assert close(canvas.colour(*CANDIDATE_A, side=0), GROUND)
    set_threshold(canvas, 0.6)
    until(lambda: close(canvas.colour(*CANDIDATE_A), GROUND))
    assert not close(canvas.colour(*EVIDENCE), GROUND), "0.8 reaches the threshold, 0.4 does not"


def test_a_candidate_that_is_chosen_elsewhere_is_shown(canvas):
    canvas.page.evaluate(f"{EXAMINATION}.select('B')")
    until(lambda: canvas.read("zoom") != "zoom 1.0×")
    canvas.hover(299.5, 199.5)
    until(lambda: canvas.read("position") in {"x 449  y 299", "x 450  y 300"})
    expect(canvas.root.locator(".message")).to_have_text("Candidate B, score 0.30")
    choose_image(canvas, "two")
    expect(canvas.root.locator(".message")).to_have_text("")


def test_what_cannot_be_decoded_says_so_in_one_line_and_shows_no_other_photograph(canvas):
    choose_image(canvas, "broken")
    expect(canvas.root.get_by_role("alert")).to_have_text(
        "The view “colour” cannot be decoded; choose another view or open the photograph again."
    )
    assert close(canvas.colour(20, 20), (0, 0, 0), 0)
    choose_image(canvas, "one")
    until(lambda: close(canvas.colour(20, 20), GROUND))
    expect(canvas.root.locator(".failure")).to_be_hidden()


def test_letters_stay_out_of_text_fields_and_can_be_kept_to_the_canvas(canvas):
    overlay = canvas.button("Evidence")
    canvas.page.get_by_role("combobox", name="A list").focus()
    canvas.page.keyboard.press("o")
    canvas.page.keyboard.press("Escape")
    expect(overlay).to_have_attribute("aria-pressed", "true")
    canvas.page.get_by_role("slider", name="Rerun").focus()
    canvas.page.keyboard.press("o")
    expect(overlay).to_have_attribute("aria-pressed", "false")
    canvas.page.keyboard.press("?")
    canvas.root.get_by_label("Letters and digits act wherever the focus is").uncheck()
    canvas.page.keyboard.press("Escape")
    canvas.page.get_by_role("slider", name="Rerun").focus()
    canvas.page.keyboard.press("o")
    expect(overlay).to_have_attribute("aria-pressed", "false")
    canvas.root.locator(".pane").nth(0).focus()
    canvas.page.keyboard.press("o")
    expect(overlay).to_have_attribute("aria-pressed", "true")


def test_it_fits_the_window_with_one_pane_and_with_two(canvas):
    for panes, size in ((2, (1366, 768)), (1, (1366, 768)), (1, (900, 700)), (2, (900, 700))):
        if (canvas.button("Two panes").get_attribute("aria-pressed") == "true") != (panes == 2):
            canvas.page.keyboard.press("s")
        canvas.page.set_viewport_size({"width": size[0], "height": size[1]})
        until(lambda: not close(canvas.colour(0, 200), GROUND, 20))
        boxes = [canvas.root.locator(".pane").nth(side).bounding_box() for side in (0, 1)]
        assert sum(box is not None for box in boxes) == panes
        assert canvas.root.evaluate("r => r.scrollWidth <= r.clientWidth && r.scrollHeight <= r.clientHeight")
        assert canvas.root.bounding_box()["height"] < size[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(canvas, scheme):
    canvas.page.emulate_media(color_scheme=scheme)
    canvas.page.reload()
    until(lambda: close(canvas.colour(20, 20), GROUND))
    canvas.page.keyboard.press("d")
    canvas.button("Haemorrhages").click()
    canvas.page.evaluate(AXE_SCRIPT)
    for key in ("0", "?"):
        canvas.page.keyboard.press(key)
        found = canvas.root.evaluate("(root) => axe.run(root)")
        assert len(found["passes"]) > 10
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
