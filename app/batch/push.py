"""Send DICOM results to an archive. A receipt of each is kept, so an interrupted run continues where it stopped.

Receipts lie in the folder `.pushed` beside the results. Their names are hashes of the server and of the content: a
result that changed is sent again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retina_xai.app.batch.photographs import OnDone, PhotographReader, reporter
from retina_xai.errors import InputError
from retina_xai.io.dicom.facts import OWN_DEVICE
from retina_xai.io.dicom.headers import open_dicom
from retina_xai.io.dicom_extra import looks_like_dicom
from retina_xai.io.files import parse_json, sha256_of, write_json
from retina_xai.pacs.archive import Archive
from retina_xai.runner import Codec, WorkItem, key_of, run

RECEIPTS = ".pushed"
MADE_BY = ("Manufacturer", "PatientIdentityRemoved")


def results_in(paths: Sequence[Path]) -> list[Path]:
    """The files in `paths`, and in its folders the DICOM objects that this package wrote, sorted.

    Raises:
        InputError: a path does not exist, or there is none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(one for one in sorted(path.rglob("*.dcm")) if _is_own(one)))
        elif path.is_file():
            found[path] = None
        else:
            raise InputError(f"{path}: no such file or folder; check the path")
    if not found:
        names = ", ".join(map(str, paths))
        raise InputError(f"{names}: no DICOM results; write them with retina-xai localize --dicom --identified")
    return list(found)


def push_batch(
    paths: Sequence[Path], archive: Archive, server: str, on_done: OnDone, reader: PhotographReader, nameless: bool
) -> None:
    """Send files; see `results_in`.

    Args:
        nameless: also send results that name no patient, which an archive cannot file under one.

    Raises:
        BatchError, InputError: some were not stored. ServerError: the connection ended.
        OutputError: a receipt cannot be written.
    """
    items = [_item(path, server, reader) for path in paths]

    def work(path: Path) -> dict[str, Any]:
        try:
            _check(path, nameless)
            archive.store(path)
        except InputError as error:
            raise InputError(str(error).replace(str(path), reader.name(path))) from None
        return {"server": server, "time": datetime.now(UTC).isoformat(timespec="seconds")}

    codec: Codec[Path, dict[str, Any], dict[str, Any]] = Codec(_load, write_json)
    run(items, work, codec, reporter(on_done, lambda *_: "stored")).raise_failures("objects")


def _item(path: Path, server: str, reader: PhotographReader) -> WorkItem[Path]:
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise InputError(f"{reader.name(path)}: cannot be read ({error.strerror}); check the disk") from error
    return WorkItem(reader.name(path), path, path.parent / RECEIPTS / f"{key_of([server, digest])}.json")


def _load(path: Path) -> dict[str, Any] | None:
    try:
        return dict(parse_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_own(path: Path) -> bool:
    try:
        with open_dicom(path, MADE_BY) as file:
            return str(file.dataset.get("Manufacturer")) == OWN_DEVICE
    except Exception:
        return False


def _check(path: Path, nameless: bool) -> None:
    """Whether a file is a DICOM file with a patient."""
    if not looks_like_dicom(path):
        raise InputError(f"{path}: is no DICOM file")
    try:
        with open_dicom(path, MADE_BY) as file:
            patient = file.dataset.get("PatientID")
    except Exception as error:
        raise InputError(f"{path}: damaged DICOM file; write it again") from error
    if not patient and not nameless:
        raise InputError(
            f"{path}: names no patient, so the archive cannot file it; write it with localize --identified, or send it "
            "with --nameless"
        )
