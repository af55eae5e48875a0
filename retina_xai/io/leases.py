"""Leases of output folders in an object store, which has no locks.

A run announces itself by an object of its own, FOLDER/.lease-<number>, and then looks for those of others: where there
is one, it takes its own back and is refused. Of two runs at least one sees the other, because a store shows an object
from the moment that it is written. The run writes its object again every `RENEWAL` seconds. One that is older than
`EXPIRY` belongs to a killed run, and is removed. All ages are by the clock of the store.

A run that stands still for longer than `EXPIRY`, as on a laptop that sleeps, loses its lease without notice. If another
one then begins with the same settings, both write the same contents; with other settings it is refused anyway.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from retina_xai.errors import UsageError
from retina_xai.io.files import unwritable
from retina_xai.io.stores import files_in, modified, remove

PREFIX = ".lease-"
RENEWAL, EXPIRY = 20.0, 90.0
"""Seconds."""


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder in an object store during the `with` block.

    Raises:
        UsageError: another run writes there, or was killed within the last `EXPIRY` seconds.
        OutputError: the store refuses to write.
    """
    own, ended = folder / f"{PREFIX}{uuid4().hex}", Event()
    renewal = Thread(target=_renew, args=(own, ended), daemon=True)
    try:
        if _announced(own):
            raise UsageError(
                f"{folder}: another run writes into this folder, or was killed less than {EXPIRY:.0f} seconds ago; "
                "wait, or choose another folder"
            )
        renewal.start()
        yield
    finally:
        ended.set()
        if renewal.ident is not None:
            renewal.join()
        with suppress(Exception):  # it expires
            remove(own)


def _announced(own: Path) -> list[Path]:
    """Write a lease; the valid ones of others."""
    try:
        own.write_bytes(b"")
        return _others(own)
    except OSError as error:
        raise unwritable(own.parent, error, "cannot write here", "choose another output folder") from error


def _others(own: Path) -> list[Path]:
    """The valid leases of others; expired ones are removed."""
    now, valid = modified(own), []
    for path in files_in(own.parent, f"{PREFIX}*"):
        if path.name == own.name:
            continue
        with suppress(FileNotFoundError):  # given back just now
            if now - modified(path) < EXPIRY:
                valid.append(path)
            else:
                remove(path)
    return valid


def _renew(own: Path, ended: Event) -> None:
    while not ended.wait(RENEWAL):
        with suppress(Exception):  # the run itself will find out that the store is gone
            own.write_bytes(b"")
