"""Batches of small phantoms, the commands that write results of them, and the files that a run wrote."""

from pathlib import Path

import pytest
from helpers.command_line import FACTORY

from retina_xai.app.batch.manifest import MANIFEST_FILE
from retina_xai.io.images import write_png
from retina_xai.training.phantoms.phantom import make_phantom

NAMES = ("one", "two")
SIZE = 120, 150


def phantoms_in(folder: Path, names: tuple[str, ...] = NAMES, seed: int = 0) -> Path:
    """A folder of referable phantoms of 120 x 150 pixels with these names."""
    for number, name in enumerate(names, start=seed):
        write_png(folder / f"{name}.png", make_phantom(number, *SIZE, grade=3).pixels)
    return folder


def graded_in(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photographs in folders named by grade, below `place`, which becomes the current folder."""
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)
    phantoms_in(place / "data" / "0", ("a", "b"))
    phantoms_in(place / "data" / "3", ("c",), seed=3)
    return place / "data"


def everything(folder: Path) -> dict[Path, bytes]:
    """All files but the manifest, which says how long a run took."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST_FILE)
    return {path.relative_to(folder): path.read_bytes() for path in found}


def commands(folder: Path, weights: Path, out: Path) -> dict[str, tuple[object, ...]]:
    """A quick form of every command that works on many photographs below FOLDER and writes into OUT.

    `folder` holds photographs in sub-folders named 0 and 3 by their grade, and in `images` those that have masks.
    """
    (folder.parent / "tiny_factory.py").write_text(FACTORY)
    network = ("--model", "tiny_factory:make", "--out", out)
    fundus = ("--weights", weights, "--out", out)
    return {
        "localize": ("localize", folder, "--ungradable", *fundus, "--method", "saliency"),
        "predict": ("predict", folder, "--weights", weights, "--out", out / "scores.csv"),
        "explain": ("explain", folder, *network, "--method", "saliency", "--no-trust"),
        "experiment": ("experiment", "colour-bias", "--images", folder, *network),
        "evaluate grades": ("evaluate", "grades", "--data", folder, *fundus),
        "evaluate": ("evaluate", "masks-folder", "--data", folder, *fundus, "--method", "saliency"),
    }
