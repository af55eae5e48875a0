"""Waiting for what another thread or a browser does."""

import inspect
import time
from collections.abc import Callable

import pytest

PATIENCE = 60
"""Seconds."""


def until(holds: Callable[[], object]) -> None:
    """Wait until a condition holds; the test fails if it never does."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if holds():
            return
        time.sleep(0.01)
    pytest.fail(f"not within {PATIENCE} s: {inspect.getsource(holds).strip()}")
