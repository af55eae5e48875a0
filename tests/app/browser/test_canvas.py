"""The canvas in a real browser: what is drawn where, what survives a rerun, and what reaches Python."""

import inspect
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator, Page, expect

WIDTH, HEIGHT = 600, 400
GROUND = (120, 60, 30)
EVIDENCE = (300, 250)
"""A point of full evidence; at CANDIDATE_A it is half of that."""
CANDIDATE_A = (150, 100)
EDGE_OF_A, EDGE_OF_B = (140, 105), (430, 300)
EDGE_OF_HAEMORRHAGE, EDGE_OF_EXUDATE = (50, 65), (300, 65)
PATIENCE = 15


class Canvas:
    """The canvas of the page under test, addressed in pixels of the file while the whole of it is shown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".retina-canvas")

    def pane(self, side: int = 1) -> Locator:
        return self.root.locator(".pane canvas").nth(side)

    def spot(self, x: float, y: float, side: int = 1) -> tuple[float, float]:
        """Where a file's pixel is on the page, with the photograph as a whole in the pane."""
        box = self.pane(side).bounding_box()
        assert box is not None
        scale = min(box["width"] / WIDTH, box["height"] / HEIGHT)
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        return middle[0] + (x + 0.5 - WIDTH / 2) * scale, middle[1] + (y + 0.5 - HEIGHT / 2) * scale

    def colour(self, x: float, y: float, side: int = 1) -> np.ndarray:
        box = self.pane(side).bounding_box()
        assert box is not None
        left, top = self.spot(x, y, side)
        script = "(c, [x, y]) => [...c.getContext('2d').getImageData(x, y, 1, 1).data]"
        return np.array(self.pane(side).evaluate(script, [left - box["x"], top - box["y"]])[:3], float)

    def picture(self, side: int) -> str:
        return str(self.pane(side).evaluate("c => c.toDataURL()"))

    def drag(self, *points: tuple[float, float], side: int = 1) -> None:
        self.page.mouse.move(*self.spot(*points[0], side))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.spot(*point, side), steps=3)
        self.page.mouse.up()

    def hover(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.spot(x, y))

    def wheel(self, notches: int) -> None:
        for _ in range(notches):
            self.page.mouse.wheel(0, -100)

    def read(self, name: str) -> str:
        return self.root.locator(f"[data-readout={name}]").text_content() or ""

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def told(self) -> dict[str, Any]:
        """What Python knows."""
        told: dict[str, Any] = json.loads(self.page.locator("[data-testid=stCode] code").inner_text())
        return told


@pytest.fixture(scope="module")
def address(serve) -> str:
    return str(serve(Path(__file__).with_name("canvas_page.py")))


@pytest.fixture
def canvas(page, address) -> Canvas:
    page.goto(address)
    opened = Canvas(page)
    until(lambda: close(opened.colour(20, 20), GROUND))
    return opened


def until(holds: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if holds():
            return
        time.sleep(0.05)
    pytest.fail(f"not within {PATIENCE} s: {inspect.getsource(holds).strip()}")


def reads(canvas: Canvas, name: str, text: str) -> None:
    """Wait until a readout has this text."""
    expect(canvas.root.locator(f"[data-readout={name}]")).to_have_text(text)


def close(colour: np.ndarray, expected: tuple[float, ...], tolerance: float = 3) -> bool:
    return bool(np.abs(colour - expected).max() <= tolerance)


def move_threshold(canvas: Canvas, steps: int) -> None:
    canvas.page.get_by_role("slider", name="Threshold").focus()
    for _ in range(steps):
        canvas.page.keyboard.press("ArrowRight")
    until(lambda: canvas.told()["threshold"] == pytest.approx(steps / 10))


def choose_image(canvas: Canvas, name: str) -> None:
    canvas.page.get_by_text(name, exact=True).click()
    until(lambda: canvas.told()["image"] == name)


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
        return canvas.read("zoom") == "zoom 2.2×" and canvas.read("position") == place and pressed == ["true", "true"]

    move_threshold(canvas, 2)
    assert kept()
    canvas.page.get_by_text("Canvas", exact=True).click()
    expect(canvas.root).to_have_count(0)
    canvas.page.get_by_text("Canvas", exact=True).click()
    until(kept)
    choose_image(canvas, "two")
    reads(canvas, "zoom", "zoom 1.0×")
    until(lambda: close(canvas.colour(*EVIDENCE), GROUND))
    expect(canvas.button("Evidence")).to_have_attribute("aria-pressed", "false")


def test_both_panes_zoom_at_the_pointer(canvas):
    canvas.hover(430, 300)
    reads(canvas, "position", "x 430  y 300")
    canvas.wheel(8)
    reads(canvas, "zoom", "zoom 3.6×")
    assert canvas.read("position") == "x 430  y 300"
    canvas.drag((430, 300), (380, 280))
    canvas.page.mouse.move(5, 5)
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


def test_evidence_is_off_at_first_and_blends_as_the_overlay_does(canvas):
    heat = 255 * np.array(mpl.colormaps["viridis"]([1.0, 0.5]))[:, :3]
    assert close(canvas.colour(*EVIDENCE), GROUND)
    canvas.page.keyboard.press("o")
    full = 0.15 * np.array(GROUND) + 0.85 * heat[0]
    until(lambda: close(canvas.colour(*EVIDENCE), tuple(full)))
    weight = 0.85 * np.sqrt(0.5)
    half = (1 - weight) * np.array(GROUND) + weight * heat[1]
    assert close(canvas.colour(*CANDIDATE_A), tuple(half), 5)
    assert close(canvas.colour(*EVIDENCE, side=0), GROUND)
    assert close(canvas.colour(20, 20), GROUND)
    canvas.root.get_by_label("Opacity of the heat map").fill("20")
    until(lambda: close(canvas.colour(*EVIDENCE), tuple(0.8 * np.array(GROUND) + 0.2 * heat[0])))
    canvas.hover(*EVIDENCE)
    reads(canvas, "value", "evidence 0.80")
    canvas.page.keyboard.press("h")
    until(lambda: close(canvas.colour(*EVIDENCE), GROUND))
    canvas.page.keyboard.press("o")
    until(lambda: close(canvas.colour(*EDGE_OF_A), GROUND))


def test_views_by_key_and_the_red_free_one_is_the_green_channel(canvas):
    canvas.page.keyboard.press("2")
    until(lambda: close(canvas.colour(20, 20), (60, 60, 60), 1))
    canvas.page.keyboard.press("1")
    until(lambda: close(canvas.colour(20, 20), GROUND))
    canvas.page.keyboard.press("3")
    until(lambda: close(canvas.colour(20, 20, side=0), (60, 60, 60), 1))


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


def test_candidates_below_the_threshold_are_hidden_and_a_click_reaches_python(canvas):
    canvas.page.keyboard.press("o")
    until(lambda: not close(canvas.colour(*EDGE_OF_B), GROUND, 20))
    canvas.page.mouse.click(*canvas.spot(*CANDIDATE_A))
    until(lambda: canvas.told()["selected"] == "A")
    move_threshold(canvas, 4)
    until(lambda: close(canvas.colour(*EDGE_OF_B), GROUND))
    canvas.page.mouse.click(*canvas.spot(450, 300))
    until(lambda: canvas.told()["selected"] is None)
    choose_image(canvas, "two")
    canvas.page.keyboard.press(".")
    until(lambda: canvas.told()["selected"] == "A")
    choose_image(canvas, "one")
    until(lambda: canvas.told()["selected"] is None)


def test_python_can_go_to_a_candidate(canvas):
    canvas.page.get_by_role("combobox", name="Go to").click()
    canvas.page.get_by_role("option", name="B", exact=True).click()
    until(lambda: canvas.read("zoom") != "zoom 1.0×")
    canvas.hover(299.5, 199.5)
    until(lambda: canvas.read("position") in {"x 449  y 299", "x 450  y 300"})
    assert canvas.told()["selected"] is None


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
    assert (lesion["kind"], lesion["lesion_type"]) == ("circle", "haemorrhages")
    assert lesion["points"][0] == pytest.approx([400, 150], abs=1)
    assert lesion["radius"] == pytest.approx(40, abs=1)
    until(lambda: not close(canvas.colour(440, 150), GROUND, 20))
    canvas.drag((440, 150), (390, 170))
    until(lambda: canvas.told()["drawn"][0]["points"][0] == pytest.approx([350, 170], abs=1.5))
    assert canvas.told()["drawn"][0]["radius"] == lesion["radius"]
    canvas.drag((350, 170), (345, 175))
    until(lambda: canvas.told()["drawn"][0]["points"][0] == pytest.approx([345, 175], abs=2))
    canvas.root.get_by_label("Type of lesion").select_option("soft_exudates")
    until(lambda: canvas.told()["drawn"][0]["lesion_type"] == "soft_exudates")
    canvas.root.locator(".pane").nth(1).focus()
    canvas.page.keyboard.press("Delete")
    until(lambda: canvas.told()["drawn"] == [])
    until(lambda: close(canvas.colour(385, 175), GROUND))


def test_the_next_type_is_of_the_next_lesion_which_may_lie_inside_another(canvas):
    canvas.page.keyboard.press("d")
    canvas.drag((300, 200), (380, 200))
    canvas.root.get_by_label("Type of lesion").select_option("red_small_dots")
    canvas.drag((300, 200), (315, 200))
    until(lambda: len(canvas.told()["drawn"]) == 2)
    drawn = [(lesion["lesion_type"], round(lesion["radius"] / 5) * 5) for lesion in canvas.told()["drawn"]]
    assert drawn == [("haemorrhages", 80), ("red_small_dots", 15)]


def test_nothing_is_drawn_or_moved_beyond_the_photograph(canvas):
    canvas.page.keyboard.press("s")
    canvas.page.keyboard.press("d")
    canvas.drag((-60, 100), (-20, 100))
    canvas.drag((200, 100), (230, 100))
    canvas.drag((230, 100), (-60, 100))
    until(lambda: [lesion["points"] for lesion in canvas.told()["drawn"]] == [[[-0.5, pytest.approx(100, abs=1)]]])


def test_quick_edits_all_arrive_and_a_freehand_line_is_closed(canvas):
    canvas.page.keyboard.press("d")
    for x in (100, 220, 340, 460):
        canvas.drag((x, 330), (x + 30, 330))
    until(lambda: len(canvas.told()["drawn"]) == 4)
    canvas.button("Freehand").click()
    canvas.drag((100, 150), (200, 150), (200, 230), (100, 230))
    until(lambda: len(canvas.told()["drawn"]) == 5)
    points = np.array(canvas.told()["drawn"][4]["points"])
    x, y = points.T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == pytest.approx(100 * 80, rel=0.03)
    move_threshold(canvas, 1)
    assert len(canvas.told()["drawn"]) == 5


def test_a_lesion_is_drawn_and_moved_by_keys_alone(canvas):
    canvas.root.locator(".pane").nth(1).focus()
    for key in ("d", "Enter", *["Shift+ArrowRight"] * 12, "Enter"):
        canvas.page.keyboard.press(key)
    until(lambda: len(canvas.told()["drawn"]) == 1)
    (lesion,) = canvas.told()["drawn"]
    assert lesion["points"][0] == [299.5, 199.5]
    assert lesion["radius"] == 12
    for key in ("l", "Enter", *["Shift+ArrowDown"] * 9, "Enter"):
        canvas.page.keyboard.press(key)
    until(lambda: canvas.told()["drawn"][0]["points"][0] == [299.5, 208.5])
    canvas.page.keyboard.press("Delete")
    until(lambda: canvas.told()["drawn"] == [])


def test_lesions_belong_to_their_image_and_python_may_add_one(canvas):
    canvas.page.keyboard.press("d")
    canvas.drag((100, 330), (130, 330))
    until(lambda: len(canvas.told()["drawn"]) == 1)
    choose_image(canvas, "two")
    until(lambda: canvas.told()["drawn"] == [])
    until(lambda: close(canvas.colour(130, 330), GROUND))
    canvas.page.get_by_role("button", name="Circle from Python").click()
    until(lambda: [lesion["id"] for lesion in canvas.told()["drawn"]] == ["p"])
    until(lambda: not close(canvas.colour(330, 200), GROUND, 20))
    choose_image(canvas, "one")
    until(lambda: [lesion["radius"] for lesion in canvas.told()["drawn"]] == [pytest.approx(30, abs=1)])
    until(lambda: not close(canvas.colour(130, 330), GROUND, 20))
    canvas.page.get_by_role("button", name="Circle from Python").click()
    until(lambda: close(canvas.colour(130, 330), GROUND) and not close(canvas.colour(330, 200), GROUND, 20))
    canvas.page.keyboard.press("d")
    canvas.drag((330, 200), (350, 200))
    until(lambda: canvas.told()["drawn"][0]["points"][0] == pytest.approx([320, 200], abs=1))


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
    canvas.page.get_by_role("combobox", name="Go to").focus()
    canvas.page.keyboard.press("o")
    canvas.page.keyboard.press("Escape")
    expect(overlay).to_have_attribute("aria-pressed", "false")
    canvas.page.get_by_role("slider", name="Threshold").focus()
    canvas.page.keyboard.press("o")
    expect(overlay).to_have_attribute("aria-pressed", "true")
    canvas.page.keyboard.press("?")
    canvas.root.get_by_label("Letters and digits act wherever the focus is").uncheck()
    canvas.page.keyboard.press("Escape")
    canvas.page.get_by_role("slider", name="Threshold").focus()
    canvas.page.keyboard.press("o")
    expect(overlay).to_have_attribute("aria-pressed", "true")
    canvas.root.locator(".pane").nth(0).focus()
    canvas.page.keyboard.press("o")
    expect(overlay).to_have_attribute("aria-pressed", "false")


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
    canvas.page.keyboard.press("o")
    canvas.button("Haemorrhages").click()
    canvas.page.evaluate(AXE_SCRIPT)
    for key in ("0", "?"):
        canvas.page.keyboard.press(key)
        found = canvas.root.evaluate("(root) => axe.run(root)")
        assert len(found["passes"]) > 10
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []


@pytest.mark.slow
def test_pan_and_zoom_keep_thirty_frames_a_second(canvas):
    canvas.page.keyboard.press("o")
    canvas.root.get_by_label("Expert markings").select_option("over")
    canvas.hover(300, 200)
    canvas.wheel(4)
    assert max(frame_rate(canvas) for _ in range(3)) >= 30


def frame_rate(canvas: Canvas, seconds: float = 1.5) -> float:
    """Frames a second while the wheel and the mouse never rest: a picture is drawn in each."""
    return float(
        canvas.pane().evaluate(
            """async (pane, seconds) => {
              const box = pane.getBoundingClientRect();
              const at = (t) => ({ clientX: box.x + box.width * (0.5 + 0.2 * Math.sin(4 * t)),
                                   clientY: box.y + box.height / 2, bubbles: true, pointerId: 1 });
              const frame = () => new Promise(requestAnimationFrame);
              const start = await frame();
              let now = start, frames = 0;
              while (now - start < 1000 * seconds) {
                const t = (now - start) / 1000;
                const deltaY = 20 * Math.cos(6 * t);
                pane.dispatchEvent(new WheelEvent("wheel", { ...at(t), deltaY, cancelable: true }));
                now = await frame();
                frames += 1;
              }
              return frames / ((now - start) / 1000);
            }""",
            seconds,
        )
    )
