"""Atomic writes: write a partial file in the same folder, sync it, then rename it (atomic on POSIX).

The partial file is locked while it is written, so `remove_stale` removes only partial files of killed processes.
Writers that report a full disk in their own way (torch, safetensors, NumPy) give their bytes to `write_bytes`.

A path in an object store (see `stores`) is written to a temporary file first, and then put as a whole.
"""

import csv
import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from retina_xai.errors import InputError, OutputError
from retina_xai.io import stores

try:
    import fcntl
except ImportError:  # on Windows, which does not remove open files
    fcntl = None  # type: ignore[assignment]

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk."""

PARTIAL = ".partial-"
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the full-width forms of the first four, which some spreadsheets take for them."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path` (same suffix). Renamed to `path` on success, removed on failure.

    Raises:
        OutputError: the folder cannot be written or the disk is full; the partial file is removed.
    """
    if stores.in_store(path):
        with _putting(path) as partial:
            yield partial
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=PARTIAL, suffix=path.suffix)
    except OSError as error:
        raise unwritable(path, error, "cannot write here", "choose another output folder") from error
    partial = Path(name)
    try:
        with os.fdopen(handle, "rb") as held:
            with suppress(OSError):  # for file systems without locks
                lock(held)
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        partial.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _putting(path: Path) -> Iterator[Path]:
    """`replacing` for an object."""
    try:
        with tempfile.TemporaryDirectory(prefix=PARTIAL) as folder:
            partial = Path(folder, "object").with_suffix(path.suffix)
            yield partial
            stores.put(partial, path)
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def near(path: Path) -> Iterator[Path]:
    """A file of this machine with the content of a file or object: the file itself, or a temporary copy of the object.

    An InputError raised in the block names the object.

    Raises:
        InputError: the object cannot be read.
        OutputError: the disk of this machine is full.
    """
    if not stores.in_store(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix=PARTIAL) as folder:
        file = Path(folder, "object").with_suffix(path.suffix)
        try:
            stores.fetch(path, file)
        except OSError as error:
            if error.errno in FULL:
                raise unwritable(Path(folder), error) from error
            raise unreadable(path, error) from error
        try:
            yield file
        except InputError as error:
            raise type(error)(str(error).replace(str(file), str(path))) from error


@contextmanager
def near_folder(folder: Path) -> Iterator[Path]:
    """A folder of this machine with the content of a folder: itself, or a temporary copy of one in an object store.

    Raises:
        InputError: there is no object below the folder.
        OutputError: the disk of this machine is full.
    """
    if not stores.in_store(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix=PARTIAL) as made:
        copy = Path(made, folder.name)
        try:
            stores.fetch_folder(folder, copy)
        except OSError as error:
            if error.errno in FULL:
                raise unwritable(copy, error) from error
            raise unreadable(folder, error) from error
        yield copy


def unreadable(path: Path, error: OSError) -> InputError:
    """The error of a file or object that cannot be read; a ServerError where its store does not answer properly."""
    if stores.in_store(path) and (lost := stores.store_error(error, of_store=True)) is not None:
        return lost
    return InputError(f"{path}: cannot be opened ({reason_of(error)}); check path and permissions")


def reason_of(error: OSError) -> str:
    """What an error of the operating system, or of a store, says."""
    return error.strerror or " ".join(str(error).split()) or type(error).__name__


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """`replacing` for a folder, which must not exist: yields a temporary folder beside it.

    Raises:
        OutputError: it cannot be written, or exists.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=PARTIAL) as made:
            partial = Path(made) / path.name
            partial.mkdir()
            yield partial
            partial.rename(path)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(
    path: Path, error: OSError, fault: str = "cannot write", remedy: str = "choose another place"
) -> OutputError:
    """The error of a file that cannot be written; a full disk has its own remedy."""
    remedy = "free some space and run again" if error.errno in FULL else remedy
    return OutputError(f"{path}: {fault} ({reason_of(error)}); {remedy}")


def remove_stale(folder: Path, depth: int = 1, suffix: str = "") -> None:
    """Remove the partial files of killed processes in a folder and the folders down to `depth` levels below it.

    An object store has none.
    """
    if stores.in_store(folder):
        return
    for pattern in ("*/" * level + f"{PARTIAL}*{suffix}" for level in range(depth + 1)):
        for path in folder.glob(pattern):
            with suppress(OSError), path.open("rb") as file:
                lock(file)
                path.unlink()


def lock(file: IO[bytes]) -> None:
    """Lock an open file until it is closed.

    Raises:
        BlockingIOError: another process has locked it.
        OSError: the file system has no locks.
    """
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write bytes (atomic)."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text (atomic). Lone surrogates, which UTF-8 cannot hold, become \\udcff, which JSON reads back."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON (atomic). NaN is written as null, because JSON has no NaN."""
    write_text(path, json.dumps(_without_nan(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def parse_json(text: str | bytes) -> Any:
    """`json.loads`, which raises ValueError for every text that it cannot read, also one that is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table (atomic); None and NaN are empty cells. Texts that a spreadsheet would execute are neutralised.

    Such a text gets a leading apostrophe, as OWASP recommends: its first visible character is = + - @ or a full-width
    form of these, or it begins with a tab, carriage return or line feed. A single carriage return, which would begin a
    new row, becomes a line feed, which is quoted.
    """
    with (
        replacing(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    if not isinstance(value, str):
        return value
    return _harmless(value)


def _harmless(cell: str) -> str:
    formula = cell[:1] in ("\t", "\r", "\n") or _visible(cell).startswith(FORMULA_STARTS)
    text = f"'{cell}" if formula else cell
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _visible(cell: str) -> str:
    """The cell from its first visible character."""
    return cell.lstrip("".join(letter for letter in cell if letter.isspace() or not letter.isprintable()))


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_nan(content: Any) -> Any:
    if isinstance(content, float) and math.isnan(content):
        return None
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return content
