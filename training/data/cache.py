"""Cache of prepared photographs: cropped to the field of view and resized, one copy for each input size.

A copy is FOLDER/<size>/<hash>.npy, uint8 (size, size, 3) RGB. The hash covers the file's bytes and the version of the
preparation, so a changed photograph gets a new copy, and several trainings can share a folder. At 448 px, a .npy file
has 0.6 MB and loads in 0.2 ms, a tenth of the time of a PNG.
"""

import hashlib
import io
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import track

from retina_xai.errors import OutputError, RetinaXaiError
from retina_xai.fundus.preprocessing import prepare
from retina_xai.fundus.quality import gradability
from retina_xai.grades.photographs import LabelledPhotograph
from retina_xai.io.files import remove_stale, sha256_of, write_bytes, write_text
from retina_xai.io.images import read_image

PREPARATION = "3"
THREADS = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cache:
    """Prepared photographs: folder, hash by image name, and the reason by image name for those left out.

    sides: shorter side of the file in pixels by image name, where it was asked for.
    """

    folder: Path
    hashes: Mapping[str, str]
    left_out: Mapping[str, str]
    sides: Mapping[str, int] = field(default_factory=dict)

    def path(self, image: str, size: int) -> Path:
        """The prepared copy of an image at an input size."""
        return _copy(self.folder, size, self.hashes[image])


@dataclass(frozen=True)
class CacheRequest:
    """The folder of the cache, sizes in pixels, whether ungradable photographs are left out and sides are wanted."""

    folder: Path
    sizes: tuple[int, ...]
    drop_ungradable: bool = False
    sides: bool = False


def fill_cache(photographs: Sequence[LabelledPhotograph], request: CacheRequest, progress: bool = False) -> Cache:
    """Prepare all photographs that are not in the cache; unreadable ones are left out, with the reason.

    Raises:
        OutputError: the cache cannot be written.
    """
    hashes: dict[str, str] = {}
    left_out: dict[str, str] = {}
    remove_stale(request.folder)
    pool = ThreadPoolExecutor(THREADS)
    try:
        outcomes = pool.map(partial(_outcome, request), photographs)
        labels = {"description": "preparing photographs", "total": len(photographs), "disable": not progress}
        for photograph, (digest, reason) in zip(photographs, track(outcomes, **labels), strict=True):  # type: ignore[arg-type]
            if reason:
                left_out[photograph.image] = reason
            else:
                hashes[photograph.image] = digest
    finally:
        pool.shutdown(cancel_futures=True)
    sides = {image: int(_side_note(request, digest).read_text()) for image, digest in hashes.items() if request.sides}
    return Cache(request.folder, hashes, left_out, sides)


def _outcome(request: CacheRequest, labelled: LabelledPhotograph) -> tuple[str, str]:
    """The hash and, if the photograph is left out, the reason: whatever fails for it, except a write.

    Raises:
        OutputError: the cache cannot be written.
    """
    try:
        return _prepare(request, labelled)
    except (OutputError, ImportError):
        raise
    except OSError as error:
        return "", f"{labelled.path.name}: cannot read ({error.strerror})"
    except RetinaXaiError as error:
        return "", str(error).replace(str(labelled.path), labelled.path.name)
    except MemoryError:
        return "", f"{labelled.path.name}: not enough memory for it; close other programs or scale it"
    except Exception as error:
        log.debug("%s", labelled.image, exc_info=error)
        return "", f"{labelled.path.name}: internal error ({type(error).__name__}: {error})"


def _prepare(request: CacheRequest, labelled: LabelledPhotograph) -> tuple[str, str]:
    """The hash and, if the photograph is ungradable and these are dropped, the reason."""
    digest = hashlib.sha256(f"{sha256_of(labelled.path)} {PREPARATION}".encode()).hexdigest()[:40]
    copies = {size: _copy(request.folder, size, digest) for size in request.sizes}
    wanted = {size: copy for size, copy in copies.items() if not copy.is_file()}
    note = request.folder / "gradability" / f"{digest}.txt"
    judged = not request.drop_ungradable or note.is_file()
    measured = not request.sides or _side_note(request, digest).is_file()
    if wanted or not judged or not measured:
        photograph = read_image(labelled.path)
        if not measured:
            write_text(_side_note(request, digest), str(min(photograph.pixels.shape[:2])))
        for size, copy in wanted.items():
            _save(copy, prepare(photograph, size).pixels)
        if not judged:
            verdict = gradability(photograph)
            write_text(note, f"{verdict.verdict}: {verdict.reason}")
    text = note.read_text(encoding="utf-8") if request.drop_ungradable else ""
    return digest, text if text.startswith("ungradable") else ""


def _side_note(request: CacheRequest, digest: str) -> Path:
    return request.folder / "sides" / f"{digest}.txt"


def _save(path: Path, pixels: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(pixels))
    write_bytes(path, content.getbuffer())


def _copy(folder: Path, size: int, digest: str) -> Path:
    return folder / str(size) / f"{digest}.npy"
