"""Versions of Python and of the packages that results depend on, for records and results."""

import platform
from importlib.metadata import PackageNotFoundError, version

from retina_xai import __version__

PACKAGES = ("torch", "monai", "numpy", "scikit-learn", "scikit-image", "opencv-python-headless")


def versions() -> dict[str, str]:
    """Versions by name of the distribution; "not installed" for an optional package that is absent."""
    found = {"python": platform.python_version(), "retina-xai": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
