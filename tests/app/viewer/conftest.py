"""Services of a viewer for the tests of its pages."""

import pytest
from helpers.viewer_services import open_at, photographs


@pytest.fixture
def served(tmp_path, weights):
    (tmp_path / "plain").mkdir()
    return open_at(tmp_path, weights, paths=(photographs(tmp_path / "plain"),))
