"""Take the pictures of this folder from a viewer that shows the demo: python docs/viewer/take.py ADDRESS.

It needs playwright (part of the `dev` extra) and Debian's Chromium.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

SIZES = ((1366, 768), (1920, 1080))
PATIENCE = 120_000
FOLDER = Path(__file__).parent


def take(page: Page, address: str, size: str) -> None:
    """Worklist, examination, a chosen candidate, the search as it runs, and the games where a network is loaded."""

    def shot(name: str) -> None:
        page.wait_for_timeout(1500)
        page.screenshot(path=FOLDER / f"{name}-{size}.jpg", type="jpeg", quality=82)

    def rows(table: str) -> Locator:
        return page.get_by_role("table", name=table).locator("tbody tr")

    page.goto(address)
    expect(rows("Worklist").filter(has_text="▲").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Scoring:")).to_have_count(0, timeout=PATIENCE)
    page.get_by_label("Reader").fill("A. Reader")
    page.get_by_label("Reader").press("Enter")
    shot("worklist")
    rows("Worklist").first.click()
    expect(page.get_by_text("Image quality:")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".retina-canvas .waiting")).to_be_hidden(timeout=PATIENCE)
    if not rows("Lesion candidates").count():
        page.get_by_role("button", name="Find evidence").click()
        expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=PATIENCE)
        shot("running")
        expect(rows("Lesion candidates").first).to_be_visible(timeout=PATIENCE)
    page.mouse.move(5, 5)
    shot("examination")
    rows("Lesion candidates").first.click()
    page.keyboard.press("r")
    shot("candidate")
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
