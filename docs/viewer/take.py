"""Take the pictures of this folder: python docs/viewer/take.py ADDRESS, of a viewer that shows the demo (--ahead 0).

It needs playwright (part of the `dev` extra) and Debian's Chromium.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

SIZES = ((1024, 768), (1366, 768), (1920, 1080), (2560, 1440))
USUAL = "1366x768"
"""The size of the pictures that are taken once."""
PATIENCE = 120_000
FOLDER = Path(__file__).parent


def take(page: Page, address: str, size: str) -> None:
    """Worklist, examination before and with evidence, a candidate, a search, and games where there is a network."""

    def shot(name: str) -> None:
        if name in ("running", "games") and size != USUAL:
            return
        page.wait_for_timeout(1500)
        page.screenshot(path=FOLDER / f"{name}-{size}.jpg", type="jpeg", quality=72)

    def rows(table: str) -> Locator:
        return page.get_by_role("table", name=table).locator("tbody tr[data-id]")

    page.goto(address)
    expect(rows("Worklist").filter(has_text="▲").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Scoring:")).to_have_count(0, timeout=PATIENCE)
    page.get_by_label("Reader").fill("A. Reader")
    page.get_by_label("Reader").press("Enter")
    shot("worklist")
    rows("Worklist").first.click()
    expect(page.get_by_text("Image quality:")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".retina-canvas .waiting")).to_be_hidden(timeout=PATIENCE)
    shot("before")
    page.get_by_role("button", name="Find evidence").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=PATIENCE)
    shot("running")
    expect(rows("Lesion candidates").first).to_be_visible(timeout=PATIENCE)
    page.mouse.move(5, 5)
    shot("examination")
    rows("Lesion candidates").first.click()
    page.keyboard.press("r")
    shot("candidate")
    if size != USUAL or not page.get_by_role("link", name="ImageNet games").count():
        return
    page.get_by_role("link", name="ImageNet games").click()
    expect(page.get_by_text("ImageNet games –")).to_be_visible(timeout=PATIENCE)
    play = page.get_by_role("button", name="Play")
    if play.count():
        play.click()
        expect(page.get_by_text("Without the defence", exact=True)).to_be_visible(timeout=PATIENCE)
        shot("games")


def main(address: str) -> None:
    """All pictures in both sizes."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width, height in SIZES:
            context = chromium.new_context(viewport={"width": width, "height": height})
            take(context.new_page(), address, f"{width}x{height}")
        chromium.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
