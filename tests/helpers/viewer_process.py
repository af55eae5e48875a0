"""The viewer in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from retina_xai.app.readings.store import open_store

REPOSITORY = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
PATIENCE = 120
STARTING = 300
"""Seconds in which a loaded machine imports everything."""

ENTRY = ("-m", "retina_xai.app.cli.main")


def _free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@dataclass
class Viewer:
    """A running viewer."""

    process: subprocess.Popen
    port: int
    folder: Path

    @property
    def address(self):
        return f"http://{HOST}:{self.port}"

    @property
    def readings(self):
        return open_store(self.folder / "readings.sqlite").all()

    def stop(self):
        """End it as a service manager does."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def start(folder, weights, *options, entry=ENTRY, port=None, **environment):
    """Start a viewer; `entry` is what Python runs, with the arguments of the command line after it."""
    port = port or _free_port()
    command = [sys.executable, *entry, "view", "--port", str(port), "--weights", str(weights)]
    command += [
        "--readings",
        str(folder / "readings.sqlite"),
        "--method",
        "saliency",
        "--ahead",
        "0",
        *map(str, options),
    ]
    place = {**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, env=place | environment, cwd=REPOSITORY, stdout=log, stderr=log)
    ends = time.monotonic() + STARTING
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urlopen(f"http://{HOST}:{port}/_stcore/health", timeout=1):
                return Viewer(process, port, folder)
        except OSError:
            time.sleep(0.2)
    process.kill()
    return pytest.fail((folder / "log.txt").read_text(encoding="utf-8"))
