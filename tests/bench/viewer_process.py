"""A viewer of its own for the benchmarks, whose readings and scores go to a folder that is thrown away."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

PATIENCE = 120_000
"""Milliseconds."""


@contextmanager
def open_viewer(photographs: str, *weights: str) -> Iterator[tuple[Page, str, int]]:
    """A page in Chromium, the address of a viewer that has just been started, and the number of its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "retina_xai.app.cli.main", "view", photographs, "--port", str(port)]
        command += ["--readings", str(Path(folder) / "readings.sqlite"), *(("--weights", *weights) if weights else ())]
        place = {**os.environ, "XDG_CACHE_HOME": folder}
        with subprocess.Popen(command, env=place, stdout=subprocess.DEVNULL) as server:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/_stcore/health", server)
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--enable-precise-memory-info", "--js-flags=--expose-gc"],
            )
            try:
                yield chromium.new_page(viewport={"width": 1366, "height": 768}), address, server.pid
            finally:
                chromium.close()
                server.terminate()


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            urlopen(address, timeout=1).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    sys.exit("the viewer ended before it answered: its message is above")
