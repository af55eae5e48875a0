"""How fluid a long worklist is: python tests/bench/viewer_list.py PHOTOGRAPHS [WEIGHTS].

A viewer is started on a folder of some thousand photographs. Printed are the frames per second while the list is
scrolled, once while photographs are being scored and once while the server is stopped, and the seconds from a click to
the photograph and from a filter to its rows, while photographs are being scored.
"""

import os
import signal
import sys

from playwright.sync_api import Page
from viewer_process import PATIENCE, open_viewer

from retina_xai.app.cli.console import console

FILTER = "10"
DEEP = """const deep = (css, node = document) => {
  const found = node.querySelector(css);
  if (found) return found;
  for (const child of node.querySelectorAll("*")) {
    const inner = child.shadowRoot && deep(css, child.shadowRoot);
    if (inner) return inner;
  }
  return null;
};"""
SCROLLED = """async (step) => {
  const page = document.querySelector("[data-testid=stMain]");
  const began = performance.now();
  let frames = 0;
  while (performance.now() < began + 3000) {
    page.scrollTop += step;
    await new Promise(requestAnimationFrame);
    frames += 1;
  }
  return (1000 * frames) / (performance.now() - began);
}"""
OPENED = f"""async () => {{
  {DEEP}
  const began = performance.now();
  deep("tbody tr[data-id] button").click();
  while (!/^(?!Opening)./.test(deep(".bar .name")?.textContent ?? "")) await new Promise(requestAnimationFrame);
  return (performance.now() - began) / 1000;
}}"""
ROWS = f"() => {{ {DEEP} return deep('tbody')?.querySelectorAll('tr[data-id]').length }}"
FILTERED = f"""async (many) => {{
  {DEEP}
  const count = () => deep("tbody")?.querySelectorAll("tr[data-id]").length ?? 0;
  const began = performance.now();
  while (count() === 0 || count() === many) await new Promise(requestAnimationFrame);
  return (performance.now() - began) / 1000;
}}"""


def show_list(page: Page) -> int:
    """Wait for the list; returns the number of its rows."""
    page.wait_for_function(ROWS, timeout=PATIENCE)
    page.wait_for_timeout(3000)
    return int(page.evaluate(ROWS))


def main(photographs: str, *weights: str) -> None:
    """Print the figures."""
    with open_viewer(photographs, *weights) as (page, address, server):
        page.goto(address)
        rows = show_list(page)
        console.print(f"{rows} rows; scrolling: {page.evaluate(SCROLLED, 120):.0f} frames a second", highlight=False)
        os.kill(server, signal.SIGSTOP)
        console.print(f"the same, server stopped: {page.evaluate(SCROLLED, -120):.0f}", highlight=False)
        os.kill(server, signal.SIGCONT)
        console.print(f"a photograph: {page.evaluate(OPENED):.2f} s after the click", highlight=False)
        page.get_by_role("link", name="Worklist").click()
        show_list(page)
        page.get_by_label("Name", exact=True).fill(FILTER)
        page.keyboard.press("Enter")
        console.print(f"filtered rows: {page.evaluate(FILTERED, rows):.2f} s after Enter", highlight=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
