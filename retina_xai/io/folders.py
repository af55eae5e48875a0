"""Output folders that resume: a folder remembers the settings it was made with and refuses others."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retina_xai.errors import InputError, UsageError
from retina_xai.io.files import write_json

SETTINGS_FILE = "settings.json"


def claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write FOLDER/settings.json, or check that the folder was made with the same settings.

    Raises:
        UsageError: it was made with others; the message names what changed.
        InputError: the folder cannot be written, or its settings cannot be read.
    """
    path = folder / SETTINGS_FILE
    wanted = json.loads(json.dumps(settings))
    if not path.exists():
        write_json(path, wanted)
        return
    try:
        present = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as settings; choose another output folder") from error
    if not isinstance(present, dict):
        raise InputError(f"{path}: not readable as settings; choose another output folder")
    changed = sorted(key for key in wanted.keys() | present.keys() if present.get(key) != wanted.get(key))
    if changed:
        raise UsageError(
            f"{path}: this folder was made with other settings ({', '.join(changed)}); choose another output folder"
        )
