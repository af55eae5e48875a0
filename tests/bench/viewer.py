"""Times of the viewer in a real browser: python tests/bench/viewer.py PHOTOGRAPHS [WEIGHTS].

A viewer is started on a folder of at least three photographs, and the last one, which is not scored yet, is opened:
seconds from the click to the picture, the verdict and the evidence; frames per second while zooming and while moving
the opacity slider on the whole page. Then the first one is opened, and when the next had time to be made ready, the
seconds from the key `n` to its picture and its evidence. It needs playwright and Chromium, and a machine that does
nothing else.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page, expect, sync_playwright

from retina_xai.app.cli.console import console

PATIENCE = 120_000
READY = 45_000
"""Milliseconds in which the next photograph is made ready."""

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


def measure(page: Page, address: str) -> None:
    """Print all figures: of the last photograph of the worklist, then of the second one."""
    page.goto(address)
    rows = page.get_by_role("table", name="Worklist").locator("tbody tr[data-id]")
    expect(rows.first).to_be_visible(timeout=PATIENCE)
    began = time.monotonic()

    def say(what: str) -> None:
        console.print(f"{what}: {time.monotonic() - began:.1f} s", highlight=False)

    rows.last.click()
    expect(page.locator(".retina-canvas")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".retina-canvas .waiting")).to_be_hidden(timeout=PATIENCE)
    say("picture")
    expect(page.get_by_text("Image quality:")).to_be_visible(timeout=PATIENCE)
    say("verdict")
    candidate = page.get_by_role("table", name="Lesion candidates").locator("tr").first
    expect(candidate).to_be_visible(timeout=PATIENCE)
    say("evidence")
    page.wait_for_timeout(1000)
    for name, wheel in (("zoom", True), ("opacity", False)):
        console.print(f"{name}: {page.evaluate(FRAMES, [wheel, 3]):.0f} frames a second", highlight=False)
    page.get_by_role("link", name="Worklist").click()
    rows.first.click()
    expect(candidate).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(READY)
    name = page.locator(".bar .name")
    former = name.text_content() or ""
    began = time.monotonic()
    page.keyboard.press("n")
    expect(name).not_to_have_text(former, timeout=PATIENCE)
    expect(page.locator(".retina-canvas .waiting")).to_be_hidden(timeout=PATIENCE)
    say("next picture")
    expect(candidate).to_be_visible(timeout=PATIENCE)
    say("next evidence")


def main(photographs: str, *weights: str) -> None:
    """Start a viewer whose readings and scores go to a folder that is thrown away, and measure it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "retina_xai.app.cli.main", "view", photographs, "--port", str(port)]
        command += ["--readings", str(Path(folder) / "readings.sqlite"), *(("--weights", *weights) if weights else ())]
        place = {**os.environ, "XDG_CACHE_HOME": folder}
        with subprocess.Popen(command, env=place, stdout=subprocess.DEVNULL) as server:
            address = f"http://127.0.0.1:{port}"
            while server.poll() is None:
                try:
                    urlopen(f"{address}/_stcore/health", timeout=1).close()
                    break
                except (URLError, OSError):
                    time.sleep(0.2)
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            measure(chromium.new_page(viewport={"width": 1366, "height": 768}), address)
            chromium.close()
            server.terminate()


if __name__ == "__main__":
    main(*sys.argv[1:])
