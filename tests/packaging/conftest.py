"""The wheel, built once per session in a copy of the sources, and unpacked."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("retina_xai", "training", "evaluation", "app", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel of the working tree, built without network."""
    place = tmp_path_factory.mktemp("wheel")
    sources = place / "sources"
    sources.mkdir()
    for name in SOURCES:
        copy = shutil.copy if (REPOSITORY / name).is_file() else copy_folder
        copy(REPOSITORY / name, sources / name)
    build = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", place]
    subprocess.run([sys.executable, *map(str, build), str(sources)], check=True, capture_output=True, text=True)
    return next(place.glob("*.whl"))


@pytest.fixture(scope="session")
def unpacked(wheel, tmp_path_factory) -> Path:
    """A folder that holds what the wheel puts into site-packages."""
    place = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder of sources; links stay links."""
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
