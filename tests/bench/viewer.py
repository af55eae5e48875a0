"""Times of the viewer in a real browser: python tests/bench/viewer.py PHOTOGRAPHS [WEIGHTS] [--short].

A viewer is started on a folder of at least three photographs, and the last one, which is not scored yet, is opened:
seconds from the click to the picture, the verdict and the evidence (cold); frames per second while zooming and while
moving the opacity slider on the whole page. Then the first one is opened, and when the next had time to be made ready,
the seconds from the key `n` to its picture and its evidence (prefetched). At last 100 readings are stored in a row
(--short: 10), and the memory of the page and of the server is read before and after; both need the same photographs to
be open, so the first third only fills the caches. It needs playwright and Chromium, and a machine that does nothing
else.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from viewer_process import PATIENCE, open_viewer

from retina_xai.app.cli.console import console

READY = 45_000
"""Milliseconds in which the next photograph is made ready."""

READINGS, FEW = 100, 10
MEGABYTE = 2**20
LIMITS = {"picture": 1.0, "verdict": 3.0, "cold evidence": 10.0, "next picture": 1.0, "next evidence": 0.5}
"""Seconds that are to be reached on two quiet cores."""

FRAMES = """async ([wheel, seconds]) => {
  const root = document.querySelector("*");
  const deep = (node, css) => {
    const found = node.querySelector(css);
    if (found) return found;
    for (const child of node.querySelectorAll("*")) {
      const inner = child.shadowRoot && deep(child.shadowRoot, css);
      if (inner) return inner;
    }
    return null;
  };
  const canvas = deep(root, ".pane canvas"), slider = deep(root, ".opacity input");
  const box = canvas.getBoundingClientRect();
  const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true, cancelable: true };
  const ends = performance.now() + 1000 * seconds, began = performance.now();
  let frames = 0;
  while (performance.now() < ends) {
    if (wheel) canvas.dispatchEvent(new WheelEvent("wheel", { ...at, deltaY: frames % 60 < 30 ? -60 : 60 }));
    else {
      slider.value = (frames * 3) % 100;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }
    await new Promise(requestAnimationFrame);
    frames += 1;
  }
  return (1000 * frames) / (performance.now() - began);
}"""
HEAP = "async () => { globalThis.gc?.(); return performance.memory.usedJSHeapSize }"


class Stopwatch:
    """Seconds since something began, printed beside what is to be reached."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def say(self, what: str) -> None:
        """Print the seconds so far."""
        console.print(f"{what}: {time.monotonic() - self.began:.2f} s (limit {LIMITS[what]:g} s)", highlight=False)


def seen(shown: Callable[[], bool]) -> None:
    """Return as soon as `shown` is true. (`expect` looks again after 0.1, 0.25, 0.5 and then every 1 second.)

    Raises:
        TimeoutError: it was not, for as long as the benchmarks wait.
    """
    ends = time.monotonic() + PATIENCE / 1000
    while not shown():
        if time.monotonic() > ends:
            raise TimeoutError("the page does not show what is measured")
        time.sleep(0.01)


def measure_opening(page: Page, address: str) -> None:
    """The last photograph of the worklist, which nothing is known of; then the second one, which was prefetched."""
    page.goto(address)
    rows = page.get_by_role("table", name="Worklist").locator("tbody tr[data-id]")
    candidate = page.get_by_role("table", name="Lesion candidates").locator("tbody tr[data-id]").first
    expect(rows.first).to_be_visible(timeout=PATIENCE)
    canvas, waiting = page.locator(".retina-canvas"), page.locator(".retina-canvas .waiting")
    clock = Stopwatch()
    rows.last.click()
    seen(lambda: canvas.is_visible() and waiting.is_hidden())
    clock.say("picture")
    seen(page.get_by_text("Image quality:").is_visible)
    clock.say("verdict")
    seen(candidate.is_visible)
    clock.say("cold evidence")
    page.wait_for_timeout(1000)
    for name, wheel in (("zoom", True), ("opacity", False)):
        console.print(f"{name}: {page.evaluate(FRAMES, [wheel, 3]):.0f} frames a second (60)", highlight=False)
    page.get_by_role("link", name="Worklist").click()
    rows.first.click()
    expect(candidate).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(READY)
    name = page.locator(".bar .name")
    former = name.text_content()
    clock = Stopwatch()
    page.keyboard.press("n")
    seen(lambda: name.text_content() != former and waiting.is_hidden())
    clock.say("next picture")
    seen(candidate.is_visible)
    clock.say("next evidence")


def measure_memory(page: Page, server: int, readings: int) -> None:
    """Store readings in a row, to and fro between two photographs, and print what the memory has become."""
    page.get_by_label("Reader").fill("Benchmark")
    page.get_by_label("Reader").press("Enter")
    status = page.locator(".reading_form [role=status]")
    expect(page.get_by_text("Image quality:")).to_be_visible(timeout=PATIENCE)
    for number in range(readings):
        if number == readings // 3:
            before = _memory(page, server)
        comment = page.get_by_role("textbox", name="Comment")
        comment.fill(f"reading {number}")
        comment.blur()
        if page.locator("[data-value=ungradable][aria-pressed=false]").count():
            page.keyboard.press("u")
        page.keyboard.press("f")
        expect(status).to_contain_text("tored as reading", timeout=PATIENCE)
        former = page.locator(".bar .name").text_content() or ""
        page.keyboard.press("np"[number % 2])
        expect(page.locator(".bar .name")).not_to_have_text(former, timeout=PATIENCE)
        expect(page.get_by_text("Image quality:")).to_be_visible(timeout=PATIENCE)
    after = _memory(page, server)
    for what, early, late in zip(("page", "server"), before, after, strict=True):
        counted = f"after reading {readings // 3} and {readings}"
        console.print(f"{what}: {early:.0f} and {late:.0f} MiB {counted}", highlight=False)


def _memory(page: Page, server: int) -> tuple[float, float]:
    """MiB that the page's JavaScript and the server's process use."""
    page.wait_for_timeout(3000)
    heap = page.evaluate(HEAP)
    pages = int(Path(f"/proc/{server}/statm").read_text().split()[1])
    return heap / MEGABYTE, pages * 4096 / MEGABYTE


def main(photographs: str, *options: str) -> None:
    """All figures."""
    weights = [option for option in options if option != "--short"]
    with open_viewer(photographs, *weights) as (page, address, server):
        measure_opening(page, address)
        measure_memory(page, server, FEW if "--short" in options else READINGS)


if __name__ == "__main__":
    main(*sys.argv[1:])
