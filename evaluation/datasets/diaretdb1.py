"""DiaretDB1, fundus photographs with lesions marked by four experts (Kauppi et al., BMVC 2007), as distributed.

Version 2.1: split lists `ddb1_v02_01_{train,test}[_plain].txt`; each line is an image and its annotation files. The
annotator is the suffix 01-04 of the file name; the creator field names one person in all files. Where a file exists
both plain and full, the plain one is read. The photographs have 1500x1152 pixels, which the files do not state; a file
for a photograph of another size must state it (`diaretdb1_markings`).

Version 1: grey masks `ddb1_groundtruth/<type>/imageNNN.png` beside `ddb1_fundusimages/` and `ddb1_fundusmask/`. A pixel
is 21 * the sum of the four annotators' confidences (Low 1, Medium 2, High 3), at most 252.

Three consensus rules make one mask per lesion type of the four opinions, and their masks differ:

    votes    at least 3 of the 4 annotators marked the pixel, with any confidence (the text of FGVis)
    graded   grey >= 0.75 * 252: a sum of confidences of at least 9 of 12 (the official scorer of the data set)
    two      at least 2 of the 4 annotators marked the pixel, with any confidence (ours; no figures to compare with)

Where regions of one annotator overlap, the highest confidence counts (ours). Version 1 holds only sums of confidences,
from which votes cannot be computed, so only the graded rule is offered for it. Images are opened one at a time.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.datasets.base import AnnotatedCase, AnnotatedDataset, DatasetSpec, Mask, folders_below
from retina_xai.io.files import sha256_of
from retina_xai.io.images import read_image
from retina_xai.lesions.annotation import LESION_TYPES

if TYPE_CHECKING:
    from retina_xai.evaluation.datasets.diaretdb1_markings import AnnotatorMarkings

ANNOTATORS = ("01", "02", "03", "04")
OFFICIAL_SIZE = (1500, 1152)
GREY_STEP = 21
GRADED_MINIMUM = 0.75 * 252
SPLITS: Mapping[str, tuple[str, ...]] = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
V1_FOLDERS = {
    "haemorrhages": "hemorrhages",
    "hard_exudates": "hardexudates",
    "soft_exudates": "softexudates",
    "red_small_dots": "redsmalldots",
}
V1_LISTS = {"train": ("trainset.txt",), "test": ("testset.txt",)}


def votes(confidences: npt.NDArray[np.uint8], least: int = 3) -> Mask:
    """(4, H, W) confidences 0-3 -> (H, W): marked by at least so many annotators."""
    return np.asarray((confidences > 0).sum(axis=0) >= least)


def graded(confidences: npt.NDArray[np.uint8]) -> Mask:
    """(4, H, W) confidences 0-3 -> (H, W): confidence-weighted grey value of at least 0.75 * 252."""
    return np.asarray(GREY_STEP * confidences.sum(axis=0, dtype=np.int64) >= GRADED_MINIMUM)


CONSENSUS: dict[str, Callable[[npt.NDArray[np.uint8]], Mask]] = {
    "votes": votes,
    "graded": graded,
    "two": partial(votes, least=2),
}
CONSENSUS_TEXT = {
    "votes": "a pixel is a lesion where at least 3 of 4 annotators marked it",
    "graded": "a pixel is a lesion where 21 x the four annotators' confidences (Low 1, Medium 2, High 3) reach 189",
    "two": "a pixel is a lesion where at least 2 of 4 annotators marked it",
}


@dataclass(frozen=True)
class MarkedCase(AnnotatedCase):
    """A photograph of version 2.1 with the XML files of the four annotators, in the order of `ANNOTATORS`."""

    consensus_rules: ClassVar[Mapping[str, str]] = CONSENSUS_TEXT
    annotations: tuple[Path, ...]

    def masks(self, consensus: str, shape: tuple[int, int]) -> dict[str, Mask]:
        """Draw the four annotators' markings and apply the rule."""
        return {name: CONSENSUS[consensus](drawn) for name, drawn in self._confidences(shape).items()}

    def marked(self, shape: tuple[int, int]) -> Mask:
        """The union of all markings."""
        return np.asarray(np.logical_or.reduce([drawn.any(axis=0) for drawn in self._confidences(shape).values()]))

    def _confidences(self, shape: tuple[int, int]) -> dict[str, npt.NDArray[np.uint8]]:
        """(4, H, W) confidences 0-3 by lesion type."""
        from retina_xai.evaluation.datasets.diaretdb1_markings import confidence_map, read_markings

        opinions = [read_markings(path) for path in self.annotations]
        for path, opinion in zip(self.annotations, opinions, strict=True):
            _check_fits(path, opinion, self.image, shape)
        return {
            lesion_type: np.stack([confidence_map(one.markings, lesion_type, shape) for one in opinions])
            for lesion_type in LESION_TYPES
        }

    def fingerprint(self) -> str:
        """SHA-256 over the contents of the annotation files."""
        return _fingerprint(self.annotations)


@dataclass(frozen=True)
class SummedCase(AnnotatedCase):
    """A photograph of version 1 with one grey mask per lesion type, in the order of `LESION_TYPES`."""

    consensus_rules: ClassVar[Mapping[str, str]] = {"graded": CONSENSUS_TEXT["graded"]}
    annotations: tuple[Path, ...]

    def masks(self, consensus: str, shape: tuple[int, int]) -> dict[str, Mask]:
        """Read the grey masks and cut them at the official limit."""
        return {name: np.asarray(grey >= GRADED_MINIMUM) for name, grey in self._sums(shape).items()}

    def marked(self, shape: tuple[int, int]) -> Mask:
        """The union of the grey masks."""
        return np.asarray(np.logical_or.reduce([grey > 0 for grey in self._sums(shape).values()]))

    def _sums(self, shape: tuple[int, int]) -> dict[str, npt.NDArray[np.uint8]]:
        """The grey masks (H, W) by lesion type."""
        sums = {}
        for lesion_type, path in zip(LESION_TYPES, self.annotations, strict=True):
            grey = read_image(path).pixels[..., 0]
            if grey.shape != shape:
                raise InputError(
                    f"{path}: mask of {grey.shape[1]}x{grey.shape[0]}, its image {self.image.name} has "
                    f"{shape[1]}x{shape[0]}; give both at one size"
                )
            sums[lesion_type] = grey
        return sums

    def fingerprint(self) -> str:
        """SHA-256 over the contents of the masks."""
        return _fingerprint(self.annotations)


def open_diaretdb1(folder: Path, split: str = "all") -> AnnotatedDataset:
    """Find the data set in `folder` or directly below it, and list the cases of the split without reading them.

    "all" is the union of the lists that exist; version 1 without lists has the split "all" only.

    Raises:
        UsageError: an unknown split.
        InputError: no data set or list there, or files that a list names are absent.
    """
    if split not in SPLITS:
        raise UsageError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds ddb1_v02_01")
    version_2, version_1 = _find_v2(folder), _find_v1(folder)
    if version_2 is not None:
        return AnnotatedDataset(DIARETDB1, TITLE, "2.1", split, LESION_TYPES, _cases_v2(version_2, split))
    if version_1 is not None:
        return AnnotatedDataset(DIARETDB1, TITLE, "1", split, LESION_TYPES, _cases_v1(version_1, split))
    raise InputError(
        f"{folder}: no DiaretDB1 here (neither ddb1_v02_01 with its lists nor ddb1_groundtruth); give its folder"
    )


def is_diaretdb1(folder: Path) -> bool:
    """Whether the data set lies in a folder or directly below it."""
    return _find_v2(folder) is not None or _find_v1(folder) is not None


TITLE = "DiaretDB1"
DIARETDB1 = DatasetSpec(
    key="diaretdb1",
    title=TITLE,
    source="Kauppi et al., The DIARETDB1 diabetic retinopathy database and evaluation protocol, BMVC 2007",
    layout="ddb1_v02_01 with its lists and XML files, or ddb1_groundtruth of version 1",
    annotators="four experts, each on their own",
    splits=tuple(SPLITS),
    default_split="test",
    consensus_rules=CONSENSUS_TEXT,
    open=open_diaretdb1,
    detect=is_diaretdb1,
)


def _find_v2(folder: Path) -> Path | None:
    return next((place for place in folders_below(folder, 1) if any(place.glob("ddb1_*_t*.txt"))), None)


def _find_v1(folder: Path) -> Path | None:
    return next((place.parent for place in folders_below(folder, 4) if place.name == "ddb1_groundtruth"), None)


def _check_fits(path: Path, opinion: "AnnotatorMarkings", image: Path, shape: tuple[int, int]) -> None:
    """Raise InputError where the markings were made for another size than `shape`, or lie outside of it."""
    height, width = shape
    marked_width, marked_height = opinion.image_size or OFFICIAL_SIZE
    if (marked_width, marked_height) != (width, height):
        raise InputError(
            f"{path}: markings for {marked_width}x{marked_height}, its image {image.name} has {width}x{height}; "
            "give the image at the size that was annotated"
        )
    points = [point for marking in opinion.markings for point in marking.region.points]
    outside = [(x, y) for x, y in points if not (0 <= x < width and 0 <= y < height)]
    if outside:
        raise InputError(
            f"{path}: a marking at {outside[0][0]:g},{outside[0][1]:g} lies outside of its image {image.name} "
            f"({width}x{height}); restore the original file"
        )


def _fingerprint(files: Sequence[Path]) -> str:
    return hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest()


def _cases_v2(folder: Path, split: str) -> tuple[AnnotatedCase, ...]:
    lines: dict[str, tuple[list[str], Path]] = {}
    for part in SPLITS[split]:
        # Sorted by length: the full list comes first, and the plain one replaces its lines.
        for path in sorted(folder.glob(f"ddb1_*_{part}*.txt"), key=lambda found: len(found.name)):
            for line in _list(path).splitlines():
                if line.split():
                    lines[line.split()[0]] = (line.split(), path)
    if not lines:
        raise InputError(
            f"{folder}: no list ddb1_v02_01_{split}.txt for the split {split!r}; add it or use another split"
        )
    cases = [_case_v2(folder, entries, path) for _, (entries, path) in sorted(lines.items())]
    _check_present([case.image for case in cases], f"images of the split {split!r}")
    _check_present([path for case in cases for path in case.annotations], f"annotation files of the split {split!r}")
    return tuple(cases)


def _case_v2(folder: Path, entries: Sequence[str], source: Path) -> MarkedCase:
    image, *files = entries
    for entry in entries:
        if Path(entry).is_absolute() or ".." in Path(entry).parts:
            raise InputError(f"{source}: path {entry!r} leaves the data set; restore the original list")
    found: dict[str, Path] = {}
    for entry in files:
        match = re.fullmatch(r"(.+)_(\d\d)(_plain)?\.xml", entry)
        if match:
            plain, full = (folder / f"{match[1]}_{match[2]}{kind}.xml" for kind in ("_plain", ""))
            found[match[2]] = full if full.exists() and not plain.exists() else plain
    if tuple(sorted(found)) != ANNOTATORS:
        raise InputError(
            f"{source}: {image} has annotators {', '.join(sorted(found)) or 'none'}, expected {', '.join(ANNOTATORS)}; "
            "restore the original list"
        )
    return MarkedCase(Path(image).stem, folder / image, tuple(found[name] for name in ANNOTATORS))


def _cases_v1(folder: Path, split: str) -> tuple[AnnotatedCase, ...]:
    images = {path.stem: path for path in sorted((folder / "ddb1_fundusimages").glob("image*.png"))}
    listed = _listed_v1(folder, split)
    if listed is None and split != "all":
        raise InputError(f"{folder}: version 1 without {V1_LISTS[split][0]}; use the split 'all' or add the list")
    names = sorted(images) if listed is None else listed
    _check_present([images.get(name, folder / "ddb1_fundusimages" / f"{name}.png") for name in names], "images")
    if not names:
        raise InputError(f"{folder}: no image in ddb1_fundusimages; complete the data set")
    cases = [
        SummedCase(name, images[name], tuple(_mask_v1(folder, lesion_type, name) for lesion_type in LESION_TYPES))
        for name in names
    ]
    _check_present([path for case in cases for path in case.annotations], "ground truth masks")
    return tuple(cases)


def _mask_v1(folder: Path, lesion_type: str, name: str) -> Path:
    return folder / "ddb1_groundtruth" / V1_FOLDERS[lesion_type] / f"{name}.png"


def _listed_v1(folder: Path, split: str) -> list[str] | None:
    """Image names of the lists that exist in or beside the data set, None without any."""
    lists = [
        path for part in SPLITS[split] for name in V1_LISTS[part] for path in sorted(folder.parent.rglob(name))[:1]
    ]
    if not lists:
        return None
    text = "\n".join(map(_list, lists))
    return sorted(set(re.findall(r"\bimage\d{3}\b", text)))


def _list(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as a list of images; restore the original file") from error


def _check_present(paths: Sequence[Path], noun: str) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{missing[0]}: missing, with {len(missing)} of {len(paths)} {noun}; complete it or use another split"
        )
