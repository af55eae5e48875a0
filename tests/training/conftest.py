"""Graded phantoms for trainings."""

from pathlib import Path

import pytest
from helpers.trainings import graded_discs


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `graded_discs`."""
    return graded_discs(tmp_path_factory.mktemp("eyepacs"))
