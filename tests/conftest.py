"""Fixtures shared by all tests: the folder of real data and a tiny network."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photographs and weights; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("RETINA_XAI_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set RETINA_XAI_DATA")
    return folder
