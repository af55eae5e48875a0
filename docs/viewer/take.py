"""Take the pictures of this folder: python docs/viewer/take.py ADDRESS, of a viewer that shows the demo (--ahead 0).

With `studies` as a second argument, those of a viewer that shows what `studies.py` drew.

It needs playwright and pypdfium2 (parts of the `dev` extra) and Debian's Chromium. A viewer keeps the evidence that it
has found, so start it anew before the pictures are taken again.
"""

import re
import shutil
import sys
from pathlib import Path

import pypdfium2
from playwright.sync_api import Locator, Page, expect, sync_playwright

SIZES = ((1024, 768), (1366, 768), (1920, 1080), (2560, 1440))
USUAL = "1366x768"
"""The size of the pictures that are taken once."""
PATIENCE = 300_000
FOLDER = Path(__file__).parent
PAIRED = re.compile("_left|_right")


def rows(page: Page, table: str) -> Locator:
    """The rows of a table."""
    return page.get_by_role("table", name=table).locator("tbody tr[data-id]")


def shot(page: Page, name: str, size: str) -> None:
    """Take a picture when the page no longer changes."""
    page.wait_for_timeout(1500)
    page.screenshot(path=FOLDER / f"{name}-{size}.jpg", type="jpeg", quality=72)


def open_first(page: Page, address: str) -> None:
    """Open the first photograph of the list whose name tells the eye."""
    page.goto(address)
    expect(rows(page, "Worklist").filter(has_text="▲").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Scoring:")).to_have_count(0, timeout=PATIENCE)
    page.get_by_label("Reader").fill("A. Reader")
    page.get_by_label("Reader").press("Enter")
    page.wait_for_timeout(1500)


def take_before(page: Page, address: str, size: str) -> None:
    """Worklist, and the examination before a search."""
    open_first(page, address)
    shot(page, "worklist", size)
    rows(page, "Worklist").filter(has_text=PAIRED).first.click()
    expect(page.get_by_text("Image quality:")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".retina-canvas .waiting")).to_be_hidden(timeout=PATIENCE)
    shot(page, "before", size)


def take_after(page: Page, address: str, size: str) -> None:
    """A search, the evidence, a candidate, and both eyes."""
    open_first(page, address)
    rows(page, "Worklist").filter(has_text=PAIRED).first.click()
    expect(page.get_by_text("Image quality:")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(5000)  # a click while the page is made anew would be lost
    if size == USUAL:
        page.get_by_role("button", name=re.compile("Find evidence|Recompute")).click()
        expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=PATIENCE)
        shot(page, "running", size)
    elif page.get_by_role("button", name="Find evidence").count():
        page.get_by_role("button", name="Find evidence").click()
    expect(rows(page, "Lesion candidates").first).to_be_visible(timeout=PATIENCE)
    page.mouse.move(5, 5)
    shot(page, "examination", size)
    rows(page, "Lesion candidates").first.click()
    page.keyboard.press("r")
    shot(page, "candidate", size)
    page.keyboard.press("0")
    page.keyboard.press("4")
    expect(page.locator(".retina-canvas[data-fellow]:not([data-fellow=''])")).to_be_visible(timeout=PATIENCE)
    shot(page, "both", size)


def take_report(page: Page) -> None:
    """Store the reading of the open photograph and draw the pages of its PDF."""
    for key in ("4", "c", "f"):
        page.keyboard.press(key)
        page.wait_for_timeout(1500)
    page.get_by_text("Export my readings of this photograph").click()
    page.wait_for_timeout(1500)
    with page.expect_download(timeout=PATIENCE) as waiting:
        page.get_by_role("button", name="PDF report").click()
    for number, sheet in enumerate(pypdfium2.PdfDocument(waiting.value.path()), 1):
        sheet.render(scale=1.5).to_pil().convert("RGB").save(FOLDER / f"report-page-{number}.jpg", quality=72)


def take_games(page: Page, size: str) -> None:
    """A game, where the viewer has a network."""
    if not page.get_by_role("link", name="ImageNet games").count():
        return
    page.get_by_role("link", name="ImageNet games").click()
    expect(page.get_by_text("ImageNet games –")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_text("Without the defence", exact=True)).to_be_visible(timeout=PATIENCE)
    shot(page, "games", size)


def take_studies(page: Page, address: str) -> None:
    """A folder of DICOM studies: the list, both eyes of a patient, and the export."""
    open_first(page, address)
    shot(page, "studies", USUAL)
    rows(page, "Worklist").filter(has_text="patient 1, study 2 of 2, right").first.click()
    expect(page.get_by_text("Image quality:")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(5000)
    page.get_by_role("button", name="Find evidence").click()
    expect(rows(page, "Lesion candidates").first).to_be_visible(timeout=PATIENCE)
    page.mouse.move(5, 5)
    page.keyboard.press("4")
    expect(page.locator(".retina-canvas[data-fellow]:not([data-fellow=''])")).to_be_visible(timeout=PATIENCE)
    shot(page, "study-eyes", USUAL)
    page.keyboard.press("4")
    for key in ("c", "r", "f"):
        page.keyboard.press(key)
        page.wait_for_timeout(1500)
    page.get_by_text("Export my readings of this photograph").click()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="DICOM objects (ZIP)").scroll_into_view_if_needed()
    shot(page, "study-export", USUAL)


def main(address: str, what: str = "demo") -> None:
    """All pictures in all sizes; of a folder of `studies.py`, those of studies."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        if what == "studies":
            width, height = map(int, USUAL.split("x"))
            take_studies(chromium.new_page(viewport={"width": width, "height": height}), address)
            return
        for take in (take_before, take_after):
            for width, height in SIZES:
                context = chromium.new_context(viewport={"width": width, "height": height})
                page, size = context.new_page(), f"{width}x{height}"
                take(page, address, size)
                if take is take_after and size == USUAL:
                    take_report(page)
                if take is take_after:
                    take_games(page, size)
                context.close()
        chromium.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
