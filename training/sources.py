"""Labelled photographs of one or several folders, each recognised by the label file that it holds."""

from collections.abc import Callable, Sequence
from pathlib import Path

from retina_xai.errors import InputError
from training.config import Data
from training.eyepacs import LABEL_FILES, read_eyepacs
from training.idrid import LABEL_FILE, read_idrid
from training.photographs import Labelled, Photographs

Reader = Callable[[Path, Data, bool], Photographs]

LAYOUTS: dict[str, Reader] = {**dict.fromkeys(LABEL_FILES.values(), read_eyepacs), LABEL_FILE: read_idrid}


def read_folders(folders: Sequence[Path], settings: Data, allow_missing: bool = False) -> Photographs:
    """Every labelled photograph of all folders, sorted by name.

    Raises:
        InputError: no folder, one without a known label file, a fault in one, or an image name that occurs in two.
    """
    found: dict[str, Labelled] = {}
    lonely_rows = lonely_images = 0
    for folder in folders:
        one = _reader(folder)(folder, settings, allow_missing)
        for photograph in one.photographs:
            if (former := found.setdefault(photograph.image, photograph)) is not photograph:
                raise InputError(f"{photograph.path}: also {former.path}; names must be unique, remove one of the two")
        lonely_rows += one.rows_without_image
        lonely_images += one.images_without_row
    if not found:
        raise InputError("no data folder given: name at least one with --data")
    return Photographs(tuple(found[name] for name in sorted(found)), lonely_rows, lonely_images)


def _reader(folder: Path) -> Reader:
    for name, reader in LAYOUTS.items():
        if (folder / name).is_file():
            return reader
    raise InputError(f"{folder}: no {' or '.join(LAYOUTS)}; expected a folder in the EyePACS or IDRiD layout")
