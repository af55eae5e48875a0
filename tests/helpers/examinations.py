"""What the examination page shows at one moment, and the actions of a reader on it."""

from typing import Any

from helpers.canvas_pages import EXAMINATION
from helpers.viewer_pages import MILLISECONDS, rows
from playwright.sync_api import Page, expect

SLOW = """
import time
from retina_xai.app.viewer import items
read = items.read_image
def slow(*arguments, **options):
    time.sleep(0.8)
    return read(*arguments, **options)
items.read_image = slow
from retina_xai.app.cli.entry_point import main
main()
"""
"""Runs the command line with photographs that take 0.8 s to be read."""

SEEN = """() => {
  const all = (root, css) => [...root.querySelectorAll("*")].flatMap((one) =>
    [...(one.matches(css) ? [one] : []), ...(one.shadowRoot ? all(one.shadowRoot, css) : [])]);
  const one = (css) => all(document, css)[0];
  const text = (css) => one(css)?.textContent ?? "";
  const pressed = all(document, ".reading_form [aria-pressed=true]").map((button) => button.dataset.value);
  const current = all(document, ".candidates tr[aria-current=true]").map((row) => row.dataset.id);
  const table = Object.fromEntries(all(document, ".candidates tbody tr").map((row) =>
    [row.dataset.id, row.cells[1].textContent.replace(/^[^a-z]+/, "")]));
  const canvas = one(".retina-canvas");
  return {
    images: [...new Set(all(document, "[data-image]").map((part) => part.dataset.image))],
    name: text(".bar .name"),
    verdict: text(".verdict .head"),
    picture: canvas?.dataset.selected ?? "",
    outlines: Number(canvas?.dataset.outlines),
    tool: canvas?.dataset.tool ?? "",
    beside: canvas?.hasAttribute("data-both") ? text(".fellow .about :nth-child(2)") : "",
    message: text(".retina-canvas [role=status]"),
    current,
    table,
    count: text(".candidates .count"),
    pressed,
    status: text(".reading_form [role=status]"),
  };
}"""

WATCH = f"""() => {{
  const seen = {SEEN};
  globalThis.watched = [];
  const look = () => {{
    const {{ images, name, pressed }} = seen();
    const line = JSON.stringify([images, name, pressed]);
    if (globalThis.watched.at(-1) !== line) globalThis.watched.push(line);
    requestAnimationFrame(look);
  }};
  look();
}}"""
"""Note what is shown, at every frame."""


def seen(page: Page) -> dict[str, Any]:
    """What the components show at this moment."""
    found: dict[str, Any] = page.evaluate(SEEN)
    return found


def painted(page: Page) -> dict[str, Any]:
    """What they show after the next two frames, when all that was pressed before has been painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return seen(page)


def type_keys(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def find_candidates(page: Page) -> None:
    """Find evidence and wait for the candidates."""
    page.keyboard.press("g")
    expect(rows(page, "Lesion candidates").first).to_be_visible(timeout=MILLISECONDS)


def held(page: Page) -> dict[str, Any]:
    """What the page holds of the reader's work on the shown photograph."""
    found: dict[str, Any] = page.evaluate(
        f"() => {{ const {{ work, review, shown }} = {EXAMINATION};"
        " return { values: work.values, review, image: shown.image } }"
    )
    return found


def is_stored(page: Page) -> None:
    expect(page.locator(".reading_form [role=status]")).to_contain_text("tored as reading", timeout=MILLISECONDS)
