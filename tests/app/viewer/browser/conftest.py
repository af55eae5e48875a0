"""A real browser for the pages: Debian's Chromium driven by playwright, on a Streamlit server of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from helpers.canvas_pages import GROUND, Canvas, close
from helpers.waiting import until
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[4]
HOST = "127.0.0.1"
PATIENCE = 120
"""Seconds; a loaded machine takes long to send the first page."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window; tests that need it skip where none is installed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine: install Debian's chromium to run the browser tests")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def serve(tmp_path_factory) -> Iterator[Callable[..., str]]:
    """Start a Streamlit script on a free port; returns its address. Extra keywords become environment variables."""
    servers: list[subprocess.Popen[bytes]] = []

    def start(script: Path, **environment: str) -> str:
        port = _free_port()
        options = {
            "server.port": str(port),
            "server.address": HOST,
            "server.headless": "true",
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": "false",
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        command = [sys.executable, "-m", "streamlit", "run", str(script), *arguments]
        place = {
            **os.environ,
            **environment,
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")]),
            "HOME": str(tmp_path_factory.mktemp("home")),
        }
        log = (tmp_path_factory.mktemp("server") / "log.txt").open("wb")
        servers.append(subprocess.Popen(command, env=place, cwd=REPOSITORY, stdout=log, stderr=log))
        _wait_for(f"http://{HOST}:{port}/_stcore/health")
        return f"http://{HOST}:{port}"

    yield start
    for server in servers:
        server.terminate()
        server.wait(PATIENCE)


@pytest.fixture(scope="session")
def context(browser) -> Iterator[BrowserContext]:
    """One profile for all pages, so that Streamlit's own files are read and compiled once."""
    opened = browser.new_context(viewport={"width": 1366, "height": 768})
    opened.set_default_timeout(1000 * PATIENCE)
    yield opened
    opened.close()


@pytest.fixture
def page(context) -> Iterator[Page]:
    """A page at 1366 x 768; a request that leaves this machine or an error in the console fails the test."""
    opened = context.new_page()
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda request: faults.append(request.url) if _leaves(request.url) else None)
    opened.on("websocket", lambda socket: faults.append(socket.url) if _leaves(socket.url) else None)
    yield opened
    opened.close()
    assert faults == []


def _is_fault(message: ConsoleMessage) -> bool:
    """An error; but on a page other than the first, Streamlit looks for its server below that page first."""
    probe = "404" in message.text and "/examination/_stcore/" in message.location["url"]
    return message.type == "error" and not probe


def _leaves(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in {"blob", "data"} and parts.hostname != HOST


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            with urlopen(address, timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"{address} did not answer within {PATIENCE} s")


@pytest.fixture(scope="module")
def canvas_address(serve) -> str:
    return str(serve(Path(__file__).with_name("canvas_page.py")))


@pytest.fixture
def canvas(page, canvas_address) -> Canvas:
    page.goto(canvas_address)
    opened = Canvas(page)
    until(lambda: close(opened.colour(20, 20), GROUND))
    return opened
