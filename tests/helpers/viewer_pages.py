"""Actions of a reader on the pages of the viewer in a browser."""

import re
from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from helpers.viewer_process import PATIENCE
from playwright.sync_api import Locator, Page, expect

MILLISECONDS = 1000 * PATIENCE
STILL = 150


def rows(page, label="Worklist"):
    return page.get_by_role("table", name=label).locator("tbody tr[data-id]")


def button(page, name) -> Locator:
    return page.get_by_role("button", name=name)


def settle(page):
    """Wait until the page no longer changes, because a click during a rerun is lost."""
    still = page.locator("[data-test-script-state=notRunning]")
    for _ in range(2):
        expect(still).to_be_attached(timeout=MILLISECONDS)
        page.wait_for_timeout(STILL)


def press(page, target: Locator):
    """Wait until the page no longer changes, click, and wait again."""
    settle(page)
    target.click()
    settle(page)


def on_worklist(page, viewer):
    page.goto(viewer.address)
    expect(rows(page).filter(has_text="▲").or_(rows(page).filter(has_text="○")).first).to_be_visible(
        timeout=MILLISECONDS
    )
    expect(page.get_by_text("Scoring:")).to_have_count(0, timeout=MILLISECONDS)


def open_photograph(page: Page, name, reader=""):
    press(page, rows(page).filter(has_text=name))
    shows(page, name)
    if reader:
        enter_reader(page, reader)


def enter_reader(page, reader):
    page.get_by_label("Reader").fill(reader)
    page.get_by_label("Reader").press("Enter")
    expect(page.get_by_text("Enter your name at the top")).to_have_count(0, timeout=MILLISECONDS)


def shows(page, name):
    """Wait until the examination shows a photograph with its verdict."""
    expect(page.locator(".bar .name")).to_have_text(name, timeout=MILLISECONDS)
    expect(page.get_by_text("Image quality:")).to_be_visible(timeout=MILLISECONDS)
    expect(page.locator(".retina-canvas .waiting")).to_be_hidden(timeout=MILLISECONDS)


def find_evidence(page):
    press(page, button(page, re.compile("Find evidence|Recompute")))
    expect(rows(page, "Lesion candidates").first).to_be_visible(timeout=MILLISECONDS)


def upload(page, *files):
    if not page.locator("input[type=file]").count():
        press(page, page.get_by_text("Upload photographs"))
    page.locator("input[type=file]").set_input_files([str(path) for path in files])


def serious(page):
    """The serious and critical violations that axe finds on the page."""
    settle(page)
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        (rule["id"], node["html"][:200], node["target"])
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def spot(page, x, y, size=(240, 200), side=1):
    """Where a pixel of the file is on the page while the whole photograph is shown."""
    box = page.locator(".retina-canvas .pane canvas").nth(side).bounding_box()
    scale = min(box["width"] / size[0], box["height"] / size[1])
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return middle[0] + (x + 0.5 - size[0] / 2) * scale, middle[1] + (y + 0.5 - size[1] / 2) * scale


def readout(page, name):
    return page.locator(f".retina-canvas [data-readout={name}]")


def store(page, finding="refer"):
    choice = page.locator(f".reading_form [data-field=finding][data-value='{finding}']")
    if choice.get_attribute("aria-pressed") != "true":
        choice.click()
    page.locator(".store").click()
    expect(page.get_by_text("Stored as reading")).to_be_visible(timeout=MILLISECONDS)


def downloaded(page, name):
    settle(page)
    with page.expect_download(timeout=MILLISECONDS) as waiting:
        button(page, name).click()
    return waiting.value


def saved(page, name):
    return Path(downloaded(page, name).path()).read_bytes()
