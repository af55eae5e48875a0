"""The folder of uploaded photographs: one per process, readable by its user alone, with a folder for each session.

It is removed when the process ends. A process that is killed leaves it; the next viewer of the same user removes it.
The folder is locked while its process lives, so that those of other viewers stay.
"""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = "retina-xai-uploads-"


@cache
def upload_folder() -> Path:
    """The folder of this process, made (mode 0700) and locked when it is first asked for."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        held = fcntl is None or _locked(folder) is not None
        if held and folder.exists():  # or another viewer that is starting has removed it
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            return folder


def remove_stale_uploads() -> None:
    """Remove the upload folders that killed viewers of this user have left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        held = _locked(folder) if fcntl is not None else None
        if held is not None:
            if os.fstat(held).st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def _locked(folder: Path) -> int | None:
    """A descriptor that locks a folder until it is closed or the process ends; None where this is not possible."""
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held
