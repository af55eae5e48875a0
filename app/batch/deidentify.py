"""De-identified copies of DICOM photographs; an interrupted run continues where it stopped.

The key of the pseudonyms is a file beside the output folder, not in it, because the folder is what is shared.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from retina_xai.app.batch.photographs import READER, OnDone, reporter
from retina_xai.errors import InputError, UsageError
from retina_xai.io.dicom.deidentification import METHOD, deidentified, pseudonymous
from retina_xai.io.dicom.headers import quiet_pydicom
from retina_xai.io.dicom_extra import looks_like_dicom
from retina_xai.io.files import sha256_of, unwritable, write_bytes
from retina_xai.io.identity import PREFIX
from retina_xai.runner import Codec, WorkItem, claim, key_of, run

KEY_BYTES = 32


@dataclass(frozen=True)
class DeidentifiedFile:
    """A file that is there, in bytes."""

    size: int


def deidentify_batch(paths: Sequence[Path], out: Path, key_file: Path, on_done: OnDone) -> None:
    """Write a de-identified copy of each photograph into OUT; see `retina_xai.io.dicom.deidentification`.

    Args:
        key_file: the secret of the pseudonyms; made if it does not exist. It must not lie in OUT.

    Raises:
        BatchError, InputError: some photographs could not be de-identified; all others are there.
        OutputError: a file cannot be written. UsageError: the folder was made with another key or by another command,
            or the key would lie in it.
    """
    key = _key(key_file, out)
    items = [_item(path, out, key) for path in paths]

    def work(path: Path) -> bytes:
        try:
            return _content(path, key)
        except InputError as error:
            raise InputError(str(error).replace(str(path), READER.name(path))) from None

    codec: Codec[Path, bytes, DeidentifiedFile] = Codec(_load, write_bytes)
    with claim(out, {"command": "deidentify", "profile": METHOD, "key": key_of([key.hex()])}):
        run(items, work, codec, reporter(on_done, _line)).raise_failures()


def _content(path: Path, key: bytes) -> bytes:
    if not looks_like_dicom(path):
        raise InputError(f"{path}: is no DICOM file; only those are de-identified")
    content = BytesIO()
    try:
        made = deidentified(path, key)
        with quiet_pydicom():
            made.save_as(content, enforce_file_format=True)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: damaged DICOM file, or one that cannot be written again; export it anew") from error
    return content.getvalue()


def _key(path: Path, out: Path) -> bytes:
    if path.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"{path}: the key must not lie in the folder that is shared; choose another place")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is no key of deidentify; name another file, or none") from error
    if len(key) != KEY_BYTES:
        raise InputError(f"{path}: holds {len(key)} bytes, expected a key of {KEY_BYTES}; name another file, or none")
    return key


def _item(path: Path, out: Path, key: bytes) -> WorkItem[Path]:
    name = READER.name(path)
    try:
        stem = PREFIX + pseudonymous(sha256_of(path), key)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); check the disk") from error
    return WorkItem(name, path, out / f"{stem}.dcm")


def _load(path: Path) -> DeidentifiedFile | None:
    return DeidentifiedFile(path.stat().st_size) if looks_like_dicom(path) else None


def _line(found: DeidentifiedFile, seconds: float) -> str:
    return f"{found.size / 1e6:.1f} MB in {seconds:.1f} s"
