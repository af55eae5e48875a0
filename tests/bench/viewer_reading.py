"""Ten eyes read by keys alone from a cold start: python tests/bench/viewer_reading.py PHOTOGRAPHS [WEIGHTS].

A viewer is started on a folder of at least ten photographs. The reader, a program, opens the first one from the list
with the keyboard and agrees with the system: `t` or `u` and `j` for a negative or ungradable eye; for one to refer,
the strongest candidate is looked at and accepted (`.`, `c`), then `r` and `j`. Each key is printed with the second at
which it was pressed, and at the end the median number of keys for an eye, by what was found.
"""

import re
import statistics
import sys
import time
from collections import defaultdict

from playwright.sync_api import Page, expect
from viewer_process import PATIENCE, open_viewer

from retina_xai.app.cli.console import console

EYES = 10
FINDINGS = {"refer": "r", "no referable DR": "t", "ungradable": "u"}
OWN = "no referable DR"
"""Said where the system is not sure."""

FOCUSED = """() => {
  let focused = document.activeElement;
  while (focused.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return focused.closest("tr[data-id]") ? "row" : focused.getAttribute("aria-label") ?? "";
}"""
SHOWN = "globalThis[Symbol.for('retina-xai examination')].shown"


class Keyboard:
    """The keys that were pressed, with the seconds since the start."""

    def __init__(self, page: Page) -> None:
        self.page, self.began = page, time.monotonic()
        self.pressed: list[str] = []

    def press(self, *keys: str) -> None:
        """Press keys and note them."""
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed.append(f"{key} {time.monotonic() - self.began:.1f}s")

    def taken(self) -> list[str]:
        """The keys since this was asked last."""
        keys, self.pressed = self.pressed, []
        return keys


def enter(page: Page, keyboard: Keyboard, address: str) -> None:
    """Give the name and open the first photograph of the list, by Tab, arrows and Enter."""
    page.goto(address)
    rows = page.get_by_role("table", name="Worklist").locator("tbody tr[data-id]")
    expect(rows.nth(EYES - 1)).to_be_visible(timeout=PATIENCE)
    for _ in range(60):
        keyboard.press("Tab")
        where = page.evaluate(FOCUSED)
        if where == "Reader":
            page.keyboard.type("Ada")
            keyboard.press("Enter")
        elif where == "row":
            keyboard.press("Home", "Enter")
            return
    sys.exit("the list was not reached by Tab")


def read(page: Page, keyboard: Keyboard) -> str:
    """Read the photograph that is shown, and go on; returns what was found."""
    expect(page.get_by_text("Image quality:")).to_be_visible(timeout=PATIENCE)
    finding = page.evaluate(f"() => {SHOWN}.finding") or OWN
    if finding == "refer":
        expect(page.get_by_role("table", name="Lesion candidates").locator("tr[data-id]").first).to_be_visible(
            timeout=PATIENCE
        )
        keyboard.press(".", "c")
    keyboard.press(FINDINGS[finding], "j")
    return str(finding)


def main(photographs: str, *weights: str) -> None:
    """Print the log."""
    counts: dict[str, list[int]] = defaultdict(list)
    with open_viewer(photographs, *weights) as (page, address, _):
        keyboard = Keyboard(page)
        enter(page, keyboard, address)
        console.print(f"to the first photograph: {', '.join(keyboard.taken())}", highlight=False)
        for number in range(EYES):
            name = page.locator(".bar .name")
            expect(name).to_have_text(re.compile("^(?!Opening).+"), timeout=PATIENCE)
            shown = name.text_content() or ""
            finding = read(page, keyboard)
            keys = keyboard.taken()
            counts[finding].append(len(keys))
            console.print(f"{number + 1}. {shown}, {finding}: {', '.join(keys)}", highlight=False)
            if number + 1 < EYES:
                expect(name).not_to_have_text(shown, timeout=PATIENCE)
        expect(page.locator(".reading_form [role=status]")).not_to_contain_text("is not stored", timeout=PATIENCE)
    for finding, keys in counts.items():
        console.print(f"{finding}: {len(keys)} eyes, median {statistics.median(keys):g} keys", highlight=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
