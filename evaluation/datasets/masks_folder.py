"""Photographs with one folder of masks per lesion type, as several public data sets are distributed.

    IDRiD, segmentation part    1. Original Images/a. Training Set/IDRiD_01.jpg
                                2. All Segmentation Groundtruths/a. Training Set/1. Microaneurysms/IDRiD_01_MA.tif
    e-ophtha                    MA/E0000404/C0000887.jpg, healthy/..., Annotation_MA/E0000404/C0000887.png
    DDR                         train/image/007-1774-100.jpg, train/label/MA/007-1774-100.tif
    other folders               images/a.jpg, Hard Exudates/a.png

A folder whose name is in `ALIASES` holds masks of that lesion type. Letter case, numbering, separators and the words of
`MASK_WORDS` are ignored in the name. Where a folder is named with such a word ("Annotation_MA"), a folder named by the
same type alone ("MA") holds photographs. The photographs are the images in folders named as in `PHOTOGRAPH_FOLDERS`;
without such a folder, all images outside of the mask folders. A mask belongs to the photograph of the same file name,
with or without the lesion type at its end. Folders named as in `SPLIT_FOLDERS` define the splits.

Pixels above 0 are lesion. A photograph without a mask of a type has no lesion of that type. A mask without its
photograph is an error: otherwise a misspelt file name would remove lesions.
"""

import hashlib
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.datasets.base import AnnotatedCase, AnnotatedDataset, DatasetSpec, Mask, folders_below
from retina_xai.io.files import sha256_of
from retina_xai.io.images import SUFFIXES, read_image
from retina_xai.io.results import is_result, warn_of_results

ALIASES: Mapping[str, tuple[str, ...]] = {
    "microaneurysms": ("ma", "microaneurysm", "microaneurysms"),
    "haemorrhages": ("he", "haemorrhage", "haemorrhages", "hemorrhage", "hemorrhages", "hemohedge"),
    "hard_exudates": ("ex", "hardexudate", "hardexudates", "exudate", "exudates"),
    "soft_exudates": ("se", "softexudate", "softexudates", "cottonwoolspot", "cottonwoolspots"),
    "red_small_dots": ("redsmalldot", "redsmalldots"),
    "irma": ("irma",),
    "neovascularisation": ("nv", "neovascularisation", "neovascularization"),
}
"""Lesion type: the names of its folders and the endings of its masks. "hemohedge" is spelt so in FGADR."""

MASK_WORDS = frozenset(
    {"annotation", "annotations", "groundtruth", "groundtruths", "gt", "label", "labels", "mask", "masks"}
)
NOT_LESIONS = frozenset({"opticdisc", "opticdiscs", "opticcup", "vessels", "fovea", "macula", "fov", "fieldofview"})
"""Folders of masks that are ignored."""

PHOTOGRAPH_FOLDERS = frozenset({"image", "images", "originalimages", "photographs", "fundus", "fundusimages"})
SPLIT_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training", "trainset", "trainingset"),
    "valid": ("val", "valid", "validation", "validationset"),
    "test": ("test", "testing", "testset", "testingset"),
}
LEVELS = 5
"""Folders are searched down to this level."""

RULES = {"single": "a pixel is a lesion where the mask, as distributed, is above 0"}
TYPE_OF = {alias: lesion_type for lesion_type, aliases in ALIASES.items() for alias in aliases}
SPLIT_OF = {alias: split for split, aliases in SPLIT_FOLDERS.items() for alias in aliases}
PHOTOGRAPHS, OTHER, IGNORED, RESULTS = "photographs", "other", "ignored", "results"


@dataclass(frozen=True)
class MaskedCase(AnnotatedCase):
    """A photograph with the mask files of some of the data set's lesion types."""

    consensus_rules: ClassVar[Mapping[str, str]] = RULES
    lesion_types: tuple[str, ...]
    files: Mapping[str, Path]

    def masks(self, consensus: str, shape: tuple[int, int]) -> dict[str, Mask]:
        """Read the masks."""
        return {
            lesion_type: _read_mask(self.files[lesion_type], self.image, shape)
            if lesion_type in self.files
            else np.zeros(shape, dtype=bool)
            for lesion_type in self.lesion_types
        }

    def fingerprint(self) -> str:
        """SHA-256 over the lesion types and the contents of their masks."""
        parts = (f"{name} {sha256_of(self.files[name]) if name in self.files else ''}" for name in self.lesion_types)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def open_masks_folder(folder: Path, split: str = "all") -> AnnotatedDataset:
    """Match photographs and masks by their names, without reading them.

    Raises:
        UsageError: an unknown split.
        InputError: no photographs or no masks, a mask without its photograph, or two files where one is expected.
    """
    if split not in MASKS_FOLDER.splits:
        raise UsageError(f"split {split!r}: expected one of {', '.join(MASKS_FOLDER.splits)}")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds photographs and masks")
    files = _files_by_kind(folder)
    warn_of_results(files.get(RESULTS, ()))
    types = tuple(name for name in ALIASES if name in files)
    photographs = _by_name(path for path in _photographs(files) if split in ("all", _split_of(path, folder)))
    if not types or not photographs:
        missing = "photographs" if types else "masks"
        raise InputError(f"{folder}: no {missing} of the split {split!r}; expected {MASKS_FOLDER.layout}")
    masks = _matched({name: files[name] for name in types}, photographs, folder, split)
    cases = tuple(MaskedCase(name, path, types, masks.get(name, {})) for name, path in sorted(photographs.items()))
    return AnnotatedDataset(MASKS_FOLDER, f"{folder.resolve().name} (masks)", "", split, types, cases)


def is_masks_folder(folder: Path) -> bool:
    """Whether a folder holds masks of lesions, and outside of them a photograph that one of the masks belongs to."""
    files = _files_by_kind(folder)
    names = {path.stem for path in _photographs(files)}
    return any(_photograph_of(path.stem, kind, names) for kind in ALIASES for path in files.get(kind, ()))


MASKS_FOLDER = DatasetSpec(
    key="masks-folder",
    title="photographs with folders of lesion masks",
    source="see the publisher; IDRiD (segmentation part), e-ophtha, DDR and FGADR are distributed in this layout",
    layout="photographs in one sub-folder and masks in one sub-folder per lesion type, such as 'Hard Exudates' or EX",
    annotators="as distributed, one mask per lesion type",
    splits=("all", *SPLIT_FOLDERS),
    default_split="all",
    consensus_rules=RULES,
    open=open_masks_folder,
    detect=is_masks_folder,
)


def _files_by_kind(folder: Path) -> dict[str, list[Path]]:
    """Image files below a folder: by lesion type those of mask folders, and PHOTOGRAPHS, OTHER, IGNORED, RESULTS."""
    places = list(folders_below(folder, LEVELS))
    marked = {TYPE_OF.get(_word(place.name)) for place in places if MASK_WORDS & set(_words(place.name))}
    kinds = {folder: OTHER}
    files: dict[str, list[Path]] = {}
    for place in places:
        if place != folder:
            kinds[place] = _kind_of(place.name, marked) or kinds[place.parent]
        for path in _images_in(place):
            files.setdefault(RESULTS if is_result(path) else kinds[place], []).append(path)
    return files


def _kind_of(name: str, marked: Container[str | None]) -> str | None:
    """What a folder holds according to its name; None where the name does not say it."""
    word, has_mask_word = _word(name), bool(MASK_WORDS & set(_words(name)))
    if word in TYPE_OF:
        lesion_type = TYPE_OF[word]
        return lesion_type if has_mask_word or lesion_type not in marked else OTHER
    if word in NOT_LESIONS or (has_mask_word and not word):
        return IGNORED
    return PHOTOGRAPHS if word in PHOTOGRAPH_FOLDERS else None


def _photographs(files: Mapping[str, Sequence[Path]]) -> Sequence[Path]:
    return [*files.get(PHOTOGRAPHS, ())] or [*files.get(OTHER, ())]


def _images_in(place: Path) -> list[Path]:
    try:
        found = sorted(place.iterdir())
    except OSError:
        return []
    return [path for path in found if path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file()]


def _words(name: str) -> list[str]:
    """The words of a name in lower case, without its numbering: "1. Hard Exudates" gives "hard" and "exudates"."""
    return re.findall("[a-z]+", re.sub(r"^\s*\w{1,2}[.)]", "", name).lower())


def _word(name: str) -> str:
    """The words of a name in one, without those of `MASK_WORDS`."""
    return "".join(word for word in _words(name) if word not in MASK_WORDS)


def _split_of(path: Path, folder: Path) -> str | None:
    words = ("".join(_words(part)) for part in path.relative_to(folder).parent.parts)
    return next((SPLIT_OF[word] for word in words if word in SPLIT_OF), None)


def _by_name(photographs: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in photographs:
        if (other := found.setdefault(path.stem, path)) != path:
            raise InputError(f"{path}: also {other} has this name; give one split, or rename one of the two")
    return found


def _photograph_of(stem: str, lesion_type: str, photographs: Container[str]) -> str | None:
    """The name of the photograph that a mask belongs to: its own, or what comes before its lesion type."""
    if stem in photographs:
        return stem
    for separator in reversed(list(re.finditer(r"[ _.-]", stem))):
        name, ending = stem[: separator.start()], stem[separator.end() :]
        only_mask_words = bool(_words(ending)) and not _word(ending)
        if name in photographs and (only_mask_words or TYPE_OF.get(_word(ending)) == lesion_type):
            return name
    return None


def _matched(
    files: Mapping[str, Sequence[Path]], photographs: Container[str], folder: Path, split: str
) -> dict[str, dict[str, Path]]:
    """Masks by photograph and lesion type."""
    masks: dict[str, dict[str, Path]] = {}
    for lesion_type, path in ((name, path) for name, paths in files.items() for path in paths):
        own = _split_of(path, folder)
        name = _photograph_of(path.stem, lesion_type, photographs)
        if split not in ("all", own) and (own is not None or name is None):
            continue  # it belongs to another split
        if name is None:
            raise InputError(f"{path}: a mask without its photograph; add the photograph or remove the mask")
        if (other := masks.setdefault(name, {}).setdefault(lesion_type, path)) != path:
            raise InputError(f"{path}: also {other} is a mask of {lesion_type} of {name}; remove one of the two")
    return masks


def _read_mask(path: Path, image: Path, shape: tuple[int, int]) -> Mask:
    mask = read_image(path)
    kind, bits = mask.metadata["format"], mask.metadata["bits"]
    if kind == "JPEG" or bits > 8:
        raise InputError(
            f"{path}: a mask as {kind} of {bits} bits, in which 0 is not certain to stay 0; "
            "expected PNG or TIFF of at most 8 bits: export it as one of these"
        )
    height, width = mask.pixels.shape[:2]
    if (height, width) != shape:
        raise InputError(
            f"{path}: mask of {width}x{height}, its photograph {image} has {shape[1]}x{shape[0]}; give both at one size"
        )
    return np.asarray(mask.pixels.any(axis=2))
