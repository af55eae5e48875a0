"""Actions of the canvas's browser tests: find a file pixel on the page, drag, wait, read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from helpers.waiting import until
from playwright.sync_api import Locator, Page, expect

WIDTH, HEIGHT = 600, 400
GROUNDS = {"colour": (120, 60, 30), "red-free": (60, 60, 60), "CLAHE": (40, 80, 90)}
GROUND = GROUNDS["colour"]
EVIDENCE_BOXES = {0.8: (200, 200, 400, 300), 0.4: (140, 90, 160, 110), 0.02: (20, 300, 60, 340)}
EVIDENCE = (300, 250)
"""A point of full evidence; at CANDIDATE_A it is half of that, at FAINT too little to be drawn."""
CANDIDATE_A = (150, 100)
FAINT = (40, 320)
CANDIDATE_BOXES = {"A": ((140, 90, 160, 110),), "B": ((430, 280, 470, 320), (445, 295, 455, 305))}
"""Outer box and hole of each candidate."""
MARKED = {"haemorrhages": (50, 50, 90, 80), "hard_exudates": (300, 50, 340, 80)}
EDGE_OF_A, EDGE_OF_B = (140, 105), (430, 300)
EDGE_OF_HOLE, INSIDE_B = (445, 300), (437, 300)
EDGE_OF_HAEMORRHAGE, EDGE_OF_EXUDATE = (50, 65), (300, 65)
PATIENCE = 15
EXAMINATION = "globalThis[Symbol.for('retina-xai examination')]"
HELD = f"""() => {{
  const {{ shown, chosen, lesions, threshold }} = {EXAMINATION};
  return {{ image: shown.image, selected: chosen?.id ?? null, drawn: lesions, threshold }};
}}"""


def inside(box: tuple[int, int, int, int], hole: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """The pixels of a box (x0, y0, x1, y1, the last ones outside) that are not in its hole, (HEIGHT, WIDTH) bool."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    if hole is not None:
        mask[hole[1] : hole[3], hole[0] : hole[2]] = False
    return mask


def evidence() -> np.ndarray:
    """The evidence of the page."""
    return np.sum([value * inside(box) for value, box in EVIDENCE_BOXES.items()], axis=0).astype(np.float32)


class Canvas:
    """The canvas of the page under test, addressed in pixels of the file while the whole of it is shown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".retina-canvas")

    def pane(self, side: int = 1) -> Locator:
        return self.root.locator(".pane canvas").nth(side)

    def box(self, side: int) -> dict[str, float]:
        box = self.pane(side).bounding_box()
        assert box is not None
        return dict(box)

    def scale(self, side: int = 1) -> float:
        """Pixels of the page per pixel of the file, with the photograph as a whole in the pane."""
        box = self.box(side)
        return min(box["width"] / WIDTH, box["height"] / HEIGHT)

    def spot(self, x: float, y: float, side: int = 1) -> tuple[float, float]:
        """Where a pixel of the file is on the page, with the photograph as a whole in the pane."""
        box, scale = self.box(side), self.scale(side)
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        return middle[0] + (x + 0.5 - WIDTH / 2) * scale, middle[1] + (y + 0.5 - HEIGHT / 2) * scale

    def colour(self, x: float, y: float, side: int = 1) -> np.ndarray:
        """The colour at a pixel of the file, with the photograph as a whole in the pane."""
        return self.colour_at(*self.spot(x, y, side), side)

    def colour_at(self, left: float, top: float, side: int = 1) -> np.ndarray:
        """The colour at a place on the page."""
        box = self.box(side)
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
        """What the page holds: photograph, chosen candidate, the reader's lesions, threshold."""
        told: dict[str, Any] = self.page.evaluate(HELD)
        return told

    def disc(self) -> list[float] | None:
        """Centre and radius of the optic disc that is marked on the shown photograph."""
        found: list[float] | None = self.page.evaluate(
            f"() => {{ const {{ disc }} = {EXAMINATION}.work; return disc ? [disc.x, disc.y, disc.radius] : null }}"
        )
        return found


def reads(canvas: Canvas, name: str, text: str) -> None:
    """Wait until a readout has this text."""
    expect(canvas.root.locator(f"[data-readout={name}]")).to_have_text(text)


def close(colour: np.ndarray, expected: Sequence[float], tolerance: float = 3) -> bool:
    return bool(np.abs(colour - expected).max() <= tolerance)


def rerun(canvas: Canvas, steps: int) -> None:
    """Have the script run again: the slider of the page is moved by some steps from 0."""
    canvas.page.get_by_role("slider", name="Rerun").focus()
    for _ in range(steps):
        canvas.page.keyboard.press("ArrowRight")
    expect(canvas.page.locator("[data-testid=stCode] code")).to_have_text(str(steps), timeout=1000 * PATIENCE)


def set_threshold(canvas: Canvas, threshold: float) -> None:
    canvas.page.evaluate(f"{EXAMINATION}.setThreshold({threshold})")


def choose_image(canvas: Canvas, name: str) -> None:
    canvas.page.get_by_text(name, exact=True).click()
    expect(canvas.root).to_have_attribute("data-image", name, timeout=1000 * PATIENCE)
    until(lambda: canvas.told()["image"] == name)
