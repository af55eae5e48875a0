"""DICOM files as the rest of the package meets them, also where the extra `dicom` is not installed.

The package `dicom` imports pydicom; it is imported here when the first DICOM file is read.
"""

import logging
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.io.decoders import Decoded
from retina_xai.io.identity import Identity
from retina_xai.io.stores import each, head

NEEDED = "reading it needs the extra 'dicom': pip install 'retina-xai[dicom]'"
SIGNATURE, SIGNATURE_PLACE = b"DICM", 128
DIRECTORY_NAME = "DICOMDIR"

log = logging.getLogger(__name__)


def has_extra() -> bool:
    """Whether pydicom is installed."""
    try:
        return find_spec("pydicom") is not None
    except ValueError:  # a module that was replaced by None
        return False


def read_dicom_photograph(path: Path, frame: int | None) -> Decoded:
    """`dicom.facts.read_dicom`.

    Raises:
        InputError: as there, or the extra is not installed.
    """
    _check_extra(path)
    from retina_xai.io.dicom.facts import read_dicom

    return read_dicom(path, frame)


def identity_in_dicom(path: Path) -> Identity:
    """`dicom.facts.dicom_identity`.

    Raises:
        InputError: the extra is not installed.
    """
    _check_extra(path)
    from retina_xai.io.dicom.facts import dicom_identity

    return dicom_identity(path)


def frames_in_dicom(path: Path) -> int:
    """`dicom.facts.frame_count`.

    Raises:
        InputError: the extra is not installed.
    """
    _check_extra(path)
    from retina_xai.io.dicom.facts import frame_count

    return frame_count(path)


def _check_extra(path: Path) -> None:
    if not has_extra():
        raise InputError(f"{path}: is a DICOM file; {NEEDED} (pydicom is not installed)")


def looks_like_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do."""
    try:
        return head(path, SIGNATURE_PLACE + len(SIGNATURE))[SIGNATURE_PLACE:] == SIGNATURE
    except OSError:
        return False


def listed_in(path: Path) -> list[Path] | None:
    """The images that a DICOMDIR lists; None for any other file, or without the extra.

    Raises:
        InputError: it lists none, or one outside of its folder, or it is damaged.
    """
    if path.name.upper() != DIRECTORY_NAME or not looks_like_dicom(path) or not has_extra():
        return None
    from retina_xai.io.dicom.directory import listed_images

    try:
        return listed_images(path)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: damaged DICOMDIR; name the folder of the photographs instead") from error


def without_other_objects(paths: Iterable[Path]) -> list[Path]:
    """The paths without DICOM files that are no photographs, such as reports; a warning says how many there are.

    Without the extra, all DICOM files are left out, with one warning.
    """
    kept: list[Path] = []
    others = 0
    candidates = [path for path in paths if path.name.upper() != DIRECTORY_NAME]  # what it lists is found by itself
    for path, is_dicom in zip(candidates, each(looks_like_dicom, candidates), strict=True):
        if is_dicom and not (has_extra() and _is_photograph(path)):
            others += 1
        else:
            kept.append(path)
    if others:
        reason = "they are no photographs" if has_extra() else NEEDED
        log.warning("DICOM files in the folders that are left out: %d (%s)", others, reason)
    return kept


def _is_photograph(path: Path) -> bool:
    """Whether a DICOM file is a photograph that this package did not write; True for damaged ones, to report them."""
    from retina_xai.io.dicom.facts import PHOTOGRAPH_CLASSES, class_of

    try:
        found, own = class_of(path)
    except Exception:
        return True
    return found in PHOTOGRAPH_CLASSES and not own
