"""Photographs and results in an object store: `s3://bucket/prefix`, by fsspec; needs the extra `cloud`.

`as_path` makes of such a text a `upath.UPath`, which has the methods of `pathlib.Path` but is no file. Decoders and
writers get a temporary file, from `files.near` for reading and from `files.replacing` for writing. All other code, such
as reading a small text, works with both. An object appears whole or not at all.

Address and credentials are given as to all clients of S3: AWS_ENDPOINT_URL, AWS_PROFILE, AWS_ACCESS_KEY_ID and so on.
"""

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar, cast

from retina_xai.errors import ServerError, UsageError

PROTOCOLS = ("s3",)

CLIENTS = frozenset({"aiobotocore", "aiohttp", "botocore"})
"""Packages whose errors are about the store, not about one object."""

DOWN = frozenset({errno.EIO, errno.EBUSY, errno.ETIMEDOUT, getattr(errno, "EREMOTEIO", errno.EIO)})
"""Error numbers by which s3fs reports answers such as 500 and 503."""

AT_ONCE = 32
"""Requests at a time where many small objects are read: nearly all of the time they wait."""

Found = TypeVar("Found")


def as_path(place: str | Path) -> Path:
    """A path of this machine, or one in an object store.

    Raises:
        UsageError: a protocol that is not one of `PROTOCOLS`, or no bucket.
        ModuleNotFoundError: the extra is not installed.
    """
    protocol, separator, key = str(place).partition("://")
    if not isinstance(place, str) or not separator:
        return place if not isinstance(place, str) else Path(place)
    if protocol not in PROTOCOLS or not key.strip("/"):
        raise UsageError(f"{place}: expected a path, or s3://bucket/prefix; other stores can be mounted or copied")
    import s3fs  # noqa: F401  (upath would say less clearly that it is missing)
    from upath import UPath

    return cast(Path, UPath(place.rstrip("/"), use_listings_cache=False))


def in_store(path: Path) -> bool:
    """Whether a path is one of an object store."""
    return _system(path) is not None


def head(path: Path, count: int) -> bytes:
    """The first bytes of a file or object; raises OSError."""
    if (system := _system(path)) is None:
        with path.open("rb") as file:
            return file.read(count)
    return bytes(system.cat_file(_key(path), start=0, end=count))


def fetch(path: Path, file: Path) -> None:
    """Copy an object to a file; raises OSError."""
    _system(path).get_file(_key(path), str(file))


def fetch_folder(folder: Path, copy: Path) -> None:
    """Copy all objects below a folder; raises OSError, also where there is none, or one that no folder can hold."""
    names = _names_below(folder)
    if not names:
        raise FileNotFoundError(errno.ENOENT, "no object below it")
    for name in names:
        if {"", ".", ".."} & set(name.split("/")):
            raise OSError(errno.EINVAL, f"the object {name!r} cannot be a file; rename it")
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
    for _ in each(lambda path: fetch(path, copy / path.relative_to(folder)), [folder / name for name in names]):
        pass


def put(file: Path, path: Path) -> None:
    """Copy a file to an object, which appears whole or not at all; raises OSError."""
    _system(path).put_file(str(file), _key(path))


def files_in(folder: Path, pattern: str) -> list[Path]:
    """The files in a folder whose names fit a pattern, sorted; none where there is no such folder."""
    if (system := _system(folder)) is None:
        return sorted(folder.glob(pattern))
    try:
        keys = system.ls(_key(folder), detail=False)  # glob would take brackets in the name of the folder for a pattern
    except FileNotFoundError:
        return []
    names = (key.rpartition("/")[2] for key in keys)
    return [folder / name for name in sorted(names) if fnmatchcase(name, pattern)]


def objects_below(folder: Path) -> list[Path]:
    """All objects whose names begin with that of a folder, sorted."""
    return [folder / name for name in _names_below(folder)]


def _names_below(folder: Path) -> list[str]:
    """Names of all objects below a folder, without its own; those that stand for folders are left out."""
    prefix = f"{_key(folder).rstrip('/')}/"
    keys = (key for key in _system(folder).find(_key(folder)) if not key.endswith("/"))
    return sorted(key.removeprefix(prefix) for key in keys)


def remove_folder(folder: Path) -> None:
    """Remove a folder with its content, as far as that can be done."""
    if not in_store(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with suppress(OSError):
        for _ in each(remove, objects_below(folder)):
            pass


def remove(path: Path) -> None:
    """Remove an object; `unlink` would take its name for a pattern. Raises OSError."""
    _system(path).rm_file(_key(path))


def modified(path: Path) -> float:
    """When an object was written last, in seconds, by the clock of the store; raises OSError."""
    return float(_system(path).modified(_key(path)).timestamp())


def each(function: Callable[[Path], Found], paths: Sequence[Path]) -> Iterator[Found]:
    """`map`; with `AT_ONCE` calls at a time where the paths are in an object store."""
    if not any(map(in_store, paths)):
        yield from map(function, paths)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, len(paths), 4 * AT_ONCE):
            yield from pool.map(function, paths[start : start + 4 * AT_ONCE])


def store_error(error: BaseException, of_store: bool = False) -> ServerError | None:
    """What a client of a store raised, as the error that ends a run; None for any other error.

    Args:
        of_store: the error is known to come from a store, so that the numbers of `DOWN` mean that it is down.
    """
    client = type(error).__module__.partition(".")[0] in CLIENTS or isinstance(error, ConnectionError | TimeoutError)
    if not client and not (of_store and isinstance(error, OSError) and error.errno in DOWN):
        return None
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return ServerError(
        f"the object store cannot be used ({said}); what is done is kept: check network, address and credentials, and "
        "run again"
    )


def _system(path: Path) -> Any:
    """The file system of fsspec; None for a path of this machine."""
    return getattr(path, "fs", None)


def _key(path: Path) -> str:
    """Bucket and name of an object, as fsspec has them."""
    return str(cast(Any, path).path)
