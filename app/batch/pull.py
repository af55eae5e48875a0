"""Fetch photographs from an archive into a folder, one file each; an interrupted run continues where it stopped.

Files are named by a hash of their UID, because the UID leads to the patient in the archive; with `identified`, by the
UID. The files themselves are what the archive sent, with the patient's data.
"""

from dataclasses import dataclass
from pathlib import Path

from retina_xai.app.batch.photographs import OnDone, reporter
from retina_xai.errors import InputError
from retina_xai.io.dicom_extra import looks_like_dicom
from retina_xai.io.files import write_bytes
from retina_xai.io.identity import PREFIX
from retina_xai.io.names import printable
from retina_xai.pacs.archive import Archive, RemoteObject, StudyQuery
from retina_xai.runner import Codec, WorkItem, claim, key_of, run

SUFFIX = ".dcm"


@dataclass(frozen=True)
class PulledFile:
    """A file that is there, in bytes."""

    size: int


def found_in(archive: Archive, query: StudyQuery) -> list[RemoteObject]:
    """What a query asks for.

    Raises:
        InputError: nothing. ServerError: the archive cannot be asked.
    """
    found = list(dict.fromkeys(archive.find(query)))
    if not found:
        what = "object" if query.everything else "photograph"
        raise InputError(f"the archive has no {what} for this query; check the numbers, or ask with wildcards (*)")
    return found


def pull_batch(
    found: list[RemoteObject], archive: Archive, out: Path, on_done: OnDone, *, identified: bool = False
) -> None:
    """Fetch objects into OUT.

    Raises:
        BatchError, InputError: some objects could not be fetched; all others are there.
        ServerError: the connection ended; what was fetched is kept.
        OutputError: a file cannot be written. UsageError: the folder was made by another command.
    """
    items = [_item(one, out, identified) for one in found]
    codec: Codec[RemoteObject, bytes, PulledFile] = Codec(_load, write_bytes)
    with claim(out, {"command": "pull", "identified": identified}):
        run(items, archive.fetch, codec, reporter(on_done, _line)).raise_failures()


def _item(one: RemoteObject, out: Path, identified: bool) -> WorkItem[RemoteObject]:
    stem = printable(one.uid) if identified and set(one.uid) <= set(".0123456789") else PREFIX + key_of([one.uid])
    return WorkItem(stem, one, out / f"{stem}{SUFFIX}")


def _load(path: Path) -> PulledFile | None:
    return PulledFile(path.stat().st_size) if looks_like_dicom(path) else None


def _line(found: PulledFile, seconds: float) -> str:
    return f"{found.size / 1e6:.1f} MB in {seconds:.1f} s"
