"""Labelled photographs of one or several folders, each recognised by the label file that it holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.training.config import Data
from retina_xai.training.data.eyepacs import LABEL_FILES, read_eyepacs
from retina_xai.training.data.idrid import LABEL_FILE, read_idrid
from retina_xai.training.data.photographs import Labelled, Photographs


@dataclass(frozen=True)
class Layout:
    """A known layout: its name, the label files of which one at least lies in the folder, and its reader."""

    name: str
    files: tuple[str, ...]
    read: Callable[[Path, Data, bool], Photographs]


LAYOUTS = (
    Layout("EyePACS", tuple(LABEL_FILES.values()), read_eyepacs),
    Layout("IDRiD", (LABEL_FILE,), read_idrid),
)


def layout_of(folder: Path) -> Layout | None:
    """The layout of a folder, or None where it holds no label file of any."""
    present = (layout for layout in LAYOUTS if any((folder / name).is_file() for name in layout.files))
    return next(present, None)


def read_folders(folders: Sequence[Path], settings: Data, allow_missing: bool = False) -> Photographs:
    """Every labelled photograph of all folders, sorted by name.

    Raises:
        InputError: no folder, one without a known label file, a fault in one, or an image name that occurs in two.
    """
    found: dict[str, Labelled] = {}
    lonely_rows = lonely_images = 0
    for folder in folders:
        one = _known_layout(folder).read(folder, settings, allow_missing)
        for photograph in one.photographs:
            if (former := found.setdefault(photograph.image, photograph)) is not photograph:
                raise InputError(f"{photograph.path}: also {former.path}; names must be unique, remove one of the two")
        lonely_rows += one.rows_without_image
        lonely_images += one.images_without_row
    if not found:
        raise InputError("no data folder given: name at least one with --data")
    return Photographs(tuple(found[name] for name in sorted(found)), lonely_rows, lonely_images)


def _known_layout(folder: Path) -> Layout:
    layout = layout_of(folder)
    if layout is None:
        files = " or ".join(name for one in LAYOUTS for name in one.files)
        names = " or ".join(one.name for one in LAYOUTS)
        raise InputError(f"{folder}: no {files}; expected a folder in the {names} layout")
    return layout
