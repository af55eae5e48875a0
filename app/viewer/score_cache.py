"""Scores that were computed before, by the hash of the photograph, so that a worklist continues where it stopped.

The cache of one set of weights is a JSON file in the user's cache folder. It names no file and no patient. A cache that
cannot be read is started again, a cache that cannot be written is kept in memory.
"""

import logging
import threading
from pathlib import Path

from retina_xai import __version__
from retina_xai.errors import InputError
from retina_xai.io.files import parse_json, write_json
from retina_xai.verdict import Verdict

EVERY = 20
"""New scores after which the file is written."""

log = logging.getLogger(__name__)


class ScoreCache:
    """May be used by several threads."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock, self._unwritten = path, threading.Lock(), 0
        self._verdicts = _read(path)

    def get(self, sha256: str) -> Verdict | None:
        """The verdict on a photograph, if it is known."""
        return self._verdicts.get(sha256)

    def put(self, sha256: str, verdict: Verdict) -> None:
        """Remember the verdict on a photograph."""
        with self._lock:
            self._verdicts[sha256] = verdict
            self._unwritten += 1
            if self._unwritten >= EVERY:
                self._write()

    def flush(self) -> None:
        """Write what is not written yet."""
        with self._lock:
            if self._unwritten:
                self._write()

    def _write(self) -> None:
        self._unwritten = 0
        scores = {sha256: verdict.to_json() for sha256, verdict in self._verdicts.items()}
        try:
            write_json(self._path, {"version": __version__, "scores": scores})
        except InputError as error:
            log.warning("%s", error)


def _read(path: Path) -> dict[str, Verdict]:
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
        if content["version"] != __version__:
            return {}
        return {sha256: Verdict.from_json(verdict) for sha256, verdict in content["scores"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
