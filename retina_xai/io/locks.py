"""Locks of output folders, so that two processes never write into one. A lock ends with its process, however it ends.

A forked process (a worker of a data loader) inherits open files, and with them the lock. It closes them at once, so
that no worker keeps a folder locked after the process that locked it was killed.

A folder in an object store has a lease instead (see `leases`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from retina_xai.errors import UsageError
from retina_xai.io.files import lock, unwritable
from retina_xai.io.leases import only_run
from retina_xai.io.stores import in_store

LOCK_FILE = ".lock"
_held: set[IO[bytes]] = set()


@contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Make the folder if needed, and lock it during the `with` block. File systems without locks lock nothing.

    Raises:
        UsageError: another process has locked it.
        OutputError: the folder cannot be written.
    """
    if in_store(folder):
        with only_run(folder):
            yield
        return
    path = folder / LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _locked(path)
    except OSError as error:
        raise unwritable(folder, error, "cannot write here", "choose another output folder") from error
    _held.add(file)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        _held.discard(file)
        file.close()


def _locked(path: Path) -> IO[bytes]:
    """The open lock file. It is opened again where its former owner removed it before it could be locked."""
    while True:
        file = path.open("ab")
        try:
            lock(file)
        except BlockingIOError as error:
            file.close()
            raise UsageError(
                f"{path.parent}: another process writes into this folder; wait until it ends, or choose another folder"
            ) from error
        except OSError:
            return file
        with suppress(OSError):
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        file.close()


def _release_in_child() -> None:
    for file in _held:
        file.close()  # the lock stays with the parent, whose file remains open
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)
