"""Recognition of the pictures that earlier runs wrote, so that none of them is taken for a photograph.

A picture is a result if the record of its run says so, in whatever folder it lies:

    eye_overlay.png    beside eye.json, a record of `localize` or `explain`
    eye_overlay.png    beside the settings.json of such a run, which was killed before it wrote the record
    roc.png            beside the settings of the run that draws it
    overlays/*.png     in the folder of pictures beside these settings

All results are PNG files with names of a fixed form; no other file is looked into.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from retina_xai.io.files import parse_json

SETTINGS_FILE = "settings.json"
TRAINING_FILES = ("config.toml", "split.csv")
TRAINING_PICTURES = frozenset({"roc", "calibration", "learning_curve"})

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResultPictures:
    """The pictures of one command, which is recognised by the keys of its settings.

    endings: of the stems of pictures beside their record. names: stems of pictures beside the settings. folder: beside
    the settings, all PNG files in it are results.
    """

    settings: frozenset[str]
    endings: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    folder: str = ""


COMMANDS: dict[str, ResultPictures] = {
    "localize": ResultPictures(frozenset({"method", "model", "ungradable"}), endings=("_evidence", "_overlay")),
    "explain": ResultPictures(
        frozenset({"method", "model", "trust_settings"}),
        endings=("_evidence", "_heatmap", "_panel", "_mask", "_complement", "_explanation"),
    ),
    "evaluate": ResultPictures(frozenset({"consensus", "chance_repetitions"}), folder="overlays"),
    "evaluate grades": ResultPictures(frozenset({"command", "weights"}), names=frozenset({"roc", "calibration"})),
    "experiment": ResultPictures(
        frozenset({"experiment", "networks"}),
        names=frozenset({"classes", "correlation", "deletion", "entropy", "insertion", "overlap"}),
        folder="pictures",
    ),
}

ENDINGS = tuple(sorted({ending for one in COMMANDS.values() for ending in one.endings}))
NAMES = TRAINING_PICTURES.union(*(one.names for one in COMMANDS.values()))
FOLDERS = frozenset({one.folder for one in COMMANDS.values()} - {""})


def without_results(paths: Iterable[Path]) -> list[Path]:
    """The paths without pictures of earlier runs; a warning says how many were left out."""
    kept: list[Path] = []
    results: list[Path] = []
    command = cache(command_of)
    for path in paths:
        (results if is_result(path, command) else kept).append(path)
    warn_of_results(results)
    return kept


def warn_of_results(results: Sequence[Path]) -> None:
    """Say how many result pictures are left out, if there are some."""
    if results:
        message = "%d pictures are results of earlier runs, not photographs: left out (first %r)"
        log.warning(message, len(results), str(results[0]))


def is_result(path: Path, command: Callable[[Path], str | None] | None = None) -> bool:
    """Whether a file is a picture that a run wrote; `command` is `command_of` or a copy of it that remembers."""
    if path.suffix != ".png":
        return False
    folder, stem, run_in = path.parent, path.stem, command or command_of
    if stem.endswith(ENDINGS):
        stems = (stem.removesuffix(ending) for ending in ENDINGS if stem.endswith(ending))
        return any(photograph_of(folder / f"{one}.json") for one in stems) or stem.endswith(_of(run_in(folder)).endings)
    if stem in NAMES:
        of_training = stem in TRAINING_PICTURES and all((folder / name).is_file() for name in TRAINING_FILES)
        return of_training or stem in _of(run_in(folder)).names
    return folder.name in FOLDERS and _of(run_in(folder.parent)).folder == folder.name


def command_of(folder: Path) -> str | None:
    """The command that wrote into a folder, by its settings; None where no run did."""
    settings = _content(folder / SETTINGS_FILE)
    if settings is None:
        return None
    return next((name for name, one in COMMANDS.items() if one.settings <= settings.keys()), None)


def photograph_of(record: Path) -> str | None:
    """The SHA-256 of the photograph that a record of `localize` or `explain` is about; None for any other file."""
    content = _content(record) or {}
    file = content.get("file")
    return file.get("sha256") if "schema_version" in content and isinstance(file, dict) else None


def _of(command: str | None) -> ResultPictures:
    return ResultPictures(frozenset()) if command is None else COMMANDS[command]


def _content(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is none."""
    try:
        content = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
