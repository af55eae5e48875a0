import platform
from importlib.metadata import PackageNotFoundError

import numpy as np
import torch

from retina_xai import __version__
from retina_xai.io import versions as module


def test_the_versions_are_those_of_the_running_code():
    found = module.versions()
    assert list(found) == ["python", "retina-xai", *module.PACKAGES]
    assert (found["python"], found["retina-xai"]) == (platform.python_version(), __version__)
    assert found["numpy"] == np.__version__
    assert torch.__version__.startswith(found["torch"])


def test_an_absent_package_is_named_as_such(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", absent)
    assert module.versions()["monai"] == "not installed"
