"""Reading and writing of image files, as RGB uint8.

The format is detected from the first bytes, not from the suffix, and only the reader of that format opens the file. So
an EPS file is never passed to a PostScript interpreter. `formats` lists the formats; `decoders` converts to RGB uint8.
"""

import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retina_xai.errors import InputError, UsageError
from retina_xai.io.decoders import check_bytes
from retina_xai.io.dicom_extra import listed_in, looks_like_dicom, without_other_objects
from retina_xai.io.files import near, replacing, sha256_of, unreadable
from retina_xai.io.formats import FORMATS, format_names, kind_of
from retina_xai.io.identity import Identity, pseudonym
from retina_xai.io.names import shown_name
from retina_xai.io.results import without_results
from retina_xai.io.stores import as_path, in_store, objects_below

SUFFIXES = frozenset(suffix for one in FORMATS.values() for suffix in one.suffixes)


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph as displayed.

    `pixels` (H, W, 3) uint8 RGB; `name` is the file name without folders (see `names.shown_name`), or a pseudonym for
    formats that hold an identity; `sha256` is the hash of the file's bytes; `metadata` contains format, mode, bits per
    sample, height and width as displayed, and orientation, but no patient data. `identity` is never written unless the
    user asks for it.
    """

    pixels: np.ndarray
    name: str
    sha256: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    identity: Identity | None = None


def read_image(
    path: Path | str, frame: int | None = None, sha256: str | None = None, *, identified: bool = False
) -> Photograph:
    """Read an image file of one of `formats.FORMATS`.

    Args:
        path: of a file, or of an object such as s3://bucket/eye.png.
        frame: page of a multi-page TIFF, or frame of a DICOM file, from 0.
        sha256: hash of the file's bytes if already known; None computes it.
        identified: name a DICOM file by its file name, which may identify the patient, instead of a pseudonym.

    Raises:
        InputError: the file cannot be read, has another format, or is damaged, too large or too small.
    """
    path = as_path(path)
    _check_file(path)
    with near(path) as file:
        pixels, metadata, identity = _decoded(file, frame)
        digest = sha256 or sha256_of(file)
    name = shown_name(path) if identity is None or identified else pseudonym(digest)
    return Photograph(pixels, name, digest, metadata, identity)


def _decoded(path: Path, frame: int | None) -> tuple[np.ndarray, dict[str, Any], Identity | None]:
    """Pixels, metadata and identity."""
    kind = _sniff(path)
    if kind not in FORMATS:
        raise InputError(f"{path}: {_refusal(kind)}")
    spec = FORMATS[kind]
    try:
        pixels, metadata = spec.read(path, frame)
        return pixels, {"format": kind, **metadata}, spec.identity(path) if spec.identity else None
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path}: not enough memory to decode it; scale it down and try again") from error
    except Exception as error:  # decoders raise anything on damaged files
        raise InputError(f"{path}: damaged, truncated or unsupported {kind} file; copy or export it again") from error


def identity_of(path: Path) -> Identity | None:
    """Who the photograph in a file is of, without decoding it; None where the format does not say, or on damage."""
    spec = FORMATS["DICOM"]
    if spec.identity is None or not looks_like_dicom(path):
        return None
    try:
        with near(path) as file:
            return spec.identity(file)
    except Exception:
        return None


def frames_of(path: Path) -> int:
    """The number of photographs in a file; 1 where the format has no frames, or on damage."""
    spec = FORMATS["DICOM"]
    if spec.frames is None or not looks_like_dicom(path):
        return 1
    try:
        return spec.frames(path)
    except Exception:
        return 1


def public_name(path: Path) -> str:
    """The name of a file for screens, logs and results: its file name, or the pseudonym of a DICOM file.

    It is the `name` of the `Photograph`. A file that cannot be read has the pseudonym of no content.
    """
    if path.suffix.lower() not in FORMATS["DICOM"].suffixes and not looks_like_dicom(path):
        return shown_name(path)
    try:
        return pseudonym(sha256_of(path))
    except OSError:
        return pseudonym("unreadable")


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 (H, W) or (H, W, 3), or uint16 (H, W), as PNG (atomic).

    Raises:
        UsageError: another shape or type.
        OutputError: the file cannot be written.
    """
    layout = (pixels.dtype.name, pixels.ndim, pixels.shape[2] if pixels.ndim == 3 else 1)
    if layout not in {("uint8", 2, 1), ("uint8", 3, 3), ("uint16", 2, 1)}:
        raise UsageError(
            f"{path}: got an array of shape {pixels.shape} and type {pixels.dtype}, "
            "expected uint8 (H, W) or (H, W, 3), or uint16 (H, W)"
        )
    _save_png(path, Image.fromarray(np.ascontiguousarray(pixels)))


def write_png_bands(path: Path, height: int, width: int, bands: Iterable[np.ndarray]) -> None:
    """Write an RGB picture whose rows come in bands (H, W, 3) uint8 as PNG (atomic); for large pictures.

    Raises:
        OutputError: the file cannot be written.
    """
    image, top = Image.new("RGB", (width, height)), 0
    for band in bands:
        image.paste(Image.fromarray(np.ascontiguousarray(band)), (0, top))
        top += len(band)
    _save_png(path, image)


def _save_png(path: Path, image: Image.Image) -> None:
    """Run lengths alone: a photograph is six times faster than with Pillow's defaults, and no larger."""
    with replacing(as_path(path)) as partial:
        image.save(partial, format="PNG", compress_level=3, compress_type=zlib.Z_RLE)


def find_images(paths: Sequence[Path | str]) -> list[Path]:
    """All files in `paths`, and all image files in its folders and their sub-folders, without duplicates.

    Paths may be places in an object store, such as s3://bucket/archive.

    A file in `paths` may have any suffix; a DICOMDIR stands for the images that it lists. In folders, files with an
    image suffix are found, and DICOM files whose names have none, sorted by path. Hidden files and folders, links to
    folders, DICOM files that are no photographs, and pictures that earlier runs wrote (see `results`) are left out.

    Raises:
        InputError: a path is missing, a folder cannot be read, or no file was found.
    """
    found: dict[Path, None] = {}
    for path in map(as_path, paths):
        if stat.S_ISDIR(_status(path).st_mode):
            found.update(dict.fromkeys(without_other_objects(sorted(_below(path)))))
        else:
            found.update(dict.fromkeys(listed_in(path) or [path]))
    if not found:
        names = ", ".join(map(str, paths)) or "no path given"
        raise InputError(f"{names}: no image found; expected files ending in {', '.join(sorted(SUFFIXES))}")
    if not (photographs := without_results(found)):
        raise InputError(
            f"{', '.join(map(str, paths))}: only pictures that earlier runs wrote; name the photographs themselves"
        )
    return photographs


def _below(folder: Path) -> Iterator[Path]:
    """Files that are no hidden ones and have the name of an image."""
    for path in objects_below(folder) if in_store(folder) else _files_below(folder):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and is_image_name(path):
            yield path


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot list this folder ({error.strerror}); check its permissions")

    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root) / name for name in names)


def is_image_name(path: Path) -> bool:
    """Whether a file in a folder is an image: by its suffix, or a DICOM file without one (IM0001, 1.2.840.1)."""
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or (not suffix.strip(".0123456789") and looks_like_dicom(path))


def _status(path: Path) -> os.stat_result:
    """Type and size of a file or folder."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path}: no such file or folder; check the path") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _check_file(path: Path) -> None:
    """Refuse what is no file, or a very large one."""
    status = _status(path)
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path}: is a folder; name an image file in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: is not a regular file; name an image file")
    check_bytes(path, status.st_size, "is a file of")


def _sniff(path: Path) -> str:
    """The format of a file, detected from its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise unreadable(path, error) from error
    if not head:
        raise InputError(f"{path}: is empty (0 bytes); copy it again from its source")
    if kind := kind_of(head):
        return kind
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return "SVG or XML"
    return "unknown" if b"\0" in head else "text"


def _refusal(kind: str) -> str:
    described = {"unknown": "has an unknown format", "text": "is text, not an image"}.get(kind, f"is {kind}")
    return f"{described}; expected {format_names()}: export the photograph as one of these"
