"""The services of a viewer with a few phantoms, and the settings to open them."""

from pathlib import Path

from retina_xai.app.viewer.services import Services, ViewSettings, open_services, serve
from retina_xai.io.images import write_png
from retina_xai.training.phantoms.phantom import make_phantom

PHOTOGRAPHS = {"10_left": 0, "10_right": 3, "7_left": 4}
"""Grades of the phantoms by name."""


def photographs(folder: Path, names: dict[str, int] | None = None) -> Path:
    """Phantoms of 200 x 240 pixels, and a file that is no photograph."""
    for seed, (name, grade) in enumerate((names or PHOTOGRAPHS).items()):
        write_png(folder / f"{name}.png", make_phantom(seed, 200, 240, grade=grade).pixels)
    (folder / "broken.png").write_bytes(b"")
    return folder


def settings(folder: Path, weights: Path, /, **changes) -> ViewSettings:
    """Everything that is written goes below `folder`."""
    given = {"weights": weights, "readings": folder / "readings.sqlite", "cache": folder / "cache", "method": "retina"}
    given["ahead"] = 0
    return ViewSettings(**{**given, **changes})


def open_at(folder: Path, weights: Path, /, **changes) -> Services:
    """Services of this process."""
    one = open_services(settings(folder, weights, **changes))
    serve(one)
    return one
