"""DiaretDB1, the fundus photographs with lesions marked by four experts (Kauppi et al., BMVC 2007), as distributed.

Version 2.1: split lists `ddb1_v02_01_{train,test}[_plain].txt`, each line an image and its annotation files; the
annotator is the files' suffix 01-04 (the creator field names one person throughout). Where a file exists plain and
full, the plain one is read. Version 1: grey masks `ddb1_groundtruth/<type>/imageNNN.png` beside
`ddb1_fundusimages/` and `ddb1_fundusmask/`, in which a pixel is 21 * the sum of the four annotators' confidences
(Low 1, Medium 2, High 3), 252 at most.

Two consensus rules make one mask per lesion type of the four opinions, and they differ:

    votes    at least 3 of the 4 annotators marked the pixel, whatever their confidence (the text of FGVis)
    graded   grey >= 0.75 * 252, that is a sum of confidences of at least 9 of 12 (the data set's official scorer)

Where regions of one annotator overlap, the highest confidence counts (ours: the same expert is not asked twice).
Version 1 keeps only the sum, from which votes cannot be recovered, so it is read with the graded rule alone.
Images are opened one at a time.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.datasets.diaretdb1_markings import confidence_map, read_markings
from retina_xai.io.files import sha256_of
from retina_xai.io.images import Photograph, read_image
from retina_xai.lesions.annotation import LESION_TYPES
from retina_xai.lesions.candidates import label_regions
from retina_xai.metrics.overlap import ANY

ANNOTATORS = ("01", "02", "03", "04")
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

Mask = npt.NDArray[np.bool_]


def votes(confidences: npt.NDArray[np.uint8]) -> Mask:
    """(4, H, W) confidences 0-3 -> (H, W): marked by at least 3 annotators."""
    return np.asarray((confidences > 0).sum(axis=0) >= 3)


def graded(confidences: npt.NDArray[np.uint8]) -> Mask:
    """(4, H, W) confidences 0-3 -> (H, W): confidence-weighted grey value of at least 0.75 * 252."""
    return np.asarray(GREY_STEP * confidences.sum(axis=0, dtype=np.int64) >= GRADED_MINIMUM)


CONSENSUS: dict[str, Callable[[npt.NDArray[np.uint8]], Mask]] = {"votes": votes, "graded": graded}
CONSENSUS_TEXT = {
    "votes": "a pixel is a lesion where at least 3 of 4 annotators marked it",
    "graded": "a pixel is a lesion where 21 x the four annotators' confidences (Low 1, Medium 2, High 3) reach 189",
}


@dataclass(frozen=True)
class CaseTruth:
    """Consensus masks (H, W) of one photograph, one per lesion type, in the photograph's own pixels."""

    name: str
    masks: Mapping[str, Mask]
    consensus: str


@dataclass(frozen=True)
class Case:
    """One photograph and its annotation files: v2.1 in the order of `ANNOTATORS`, v1 in that of `LESION_TYPES`."""

    name: str
    image: Path
    annotations: tuple[Path, ...]
    version: str

    def photograph(self) -> Photograph:
        """Read the image. Raises: InputError."""
        return read_image(self.image)

    def truth(self, consensus: str, shape: tuple[int, int]) -> CaseTruth:
        """Masks of `shape` (H, W), the photograph's, under a rule of `CONSENSUS`.

        Raises:
            UsageError: an unknown rule, or votes for version 1.
            InputError: an annotation file is missing, broken, or made for an image of another size.
        """
        check_consensus(consensus, self.version)
        masks = READERS[self.version](self, consensus, shape)
        return CaseTruth(self.name, masks, consensus)

    def fingerprint(self) -> str:
        """SHA-256 over the annotation files' contents."""
        return hashlib.sha256("".join(sha256_of(path) for path in self.annotations).encode()).hexdigest()


@dataclass(frozen=True)
class Diaretdb1:
    """The cases of one split, in the order of their names."""

    folder: Path
    version: str
    split: str
    cases: tuple[Case, ...]

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)


def open_diaretdb1(folder: Path, split: str = "all") -> Diaretdb1:
    """Find the data set in `folder` or directly below it, and list the split's cases without reading them.

    "all" is the union of the lists that exist; version 1 without lists offers "all" only.

    Raises:
        UsageError: an unknown split.
        InputError: no data set or list there, or files that a list names are absent.
    """
    if split not in SPLITS:
        raise UsageError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds ddb1_v02_01")
    for candidate in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        if list(candidate.glob("ddb1_*_t*.txt")) or (candidate / "groundtruth").is_dir():
            return Diaretdb1(candidate, "2.1", split, tuple(_cases_v2(candidate, split)))
    truth = next((path for path in sorted(folder.rglob("ddb1_groundtruth")) if path.is_dir()), None)
    if truth is None:
        raise InputError(
            f"{folder}: no DiaretDB1 here (neither ddb1_v02_01 with its lists nor ddb1_groundtruth); give its folder"
        )
    return Diaretdb1(truth.parent, "1", split, tuple(_cases_v1(truth.parent, split)))


def check_consensus(consensus: str, version: str = "2.1") -> None:
    """Raise UsageError for a rule that is not known or that the data set's version cannot serve."""
    if consensus not in CONSENSUS:
        raise UsageError(f"consensus {consensus!r}: expected one of {', '.join(CONSENSUS)}")
    if version == "1" and consensus != "graded":
        raise UsageError("DiaretDB1 v1 holds summed confidences, no votes; use the consensus 'graded' or version 2.1")


def count_lesions(
    dataset: Diaretdb1, consensus: str = "votes", progress: Callable[[int, int], None] | None = None
) -> pd.DataFrame:
    """Per lesion type: images that hold it, 8-connected regions and pixels; "any" counts the union of the types.

    `progress` is called with the number of images done and in all. Raises: as `Case.photograph`, `Case.truth`.
    """
    check_consensus(consensus, dataset.version)
    table = pd.DataFrame(0, index=[*LESION_TYPES, ANY], columns=["images", "regions", "pixels"])
    table.index.name = "lesion type"
    for done, case in enumerate(dataset, start=1):
        height, width = case.photograph().pixels.shape[:2]
        masks = dict(case.truth(consensus, (height, width)).masks)
        masks[ANY] = np.logical_or.reduce(list(masks.values()))
        for name, mask in masks.items():
            table.loc[name] += [int(mask.any()), label_regions(mask).count, int(mask.sum())]
        if progress:
            progress(done, len(dataset))
    return table


def _masks_v2(case: Case, consensus: str, shape: tuple[int, int]) -> dict[str, Mask]:
    opinions = [read_markings(path) for path in case.annotations]
    for path, markings in zip(case.annotations, opinions, strict=True):
        outside = [p for m in markings for p in m.region.points if not (0 <= p[0] < shape[1] and 0 <= p[1] < shape[0])]
        if outside:
            raise InputError(
                f"{path}: a marking at {outside[0][0]:g},{outside[0][1]:g} lies outside of its image {case.image.name} "
                f"({shape[1]}x{shape[0]}); give the image at the size that was annotated"
            )
    return {
        lesion_type: CONSENSUS[consensus](np.stack([confidence_map(m, lesion_type, shape) for m in opinions]))
        for lesion_type in LESION_TYPES
    }


def _masks_v1(case: Case, consensus: str, shape: tuple[int, int]) -> dict[str, Mask]:
    masks = {}
    for lesion_type, path in zip(LESION_TYPES, case.annotations, strict=True):
        grey = read_image(path).pixels[..., 0]
        if grey.shape != shape:
            raise InputError(
                f"{path}: mask of {grey.shape[1]}x{grey.shape[0]}, its image {case.image.name} has "
                f"{shape[1]}x{shape[0]}; give both at one size"
            )
        masks[lesion_type] = np.asarray(grey >= GRADED_MINIMUM)
    return masks


READERS: dict[str, Callable[[Case, str, tuple[int, int]], dict[str, Mask]]] = {"2.1": _masks_v2, "1": _masks_v1}


def _cases_v2(folder: Path, split: str) -> list[Case]:
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
    return cases


def _case_v2(folder: Path, entries: Sequence[str], source: Path) -> Case:
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
    return Case(Path(image).stem, folder / image, tuple(found[name] for name in ANNOTATORS), "2.1")


def _cases_v1(folder: Path, split: str) -> list[Case]:
    images = {path.stem: path for path in sorted((folder / "ddb1_fundusimages").glob("image*.png"))}
    listed = _listed_v1(folder, split)
    if listed is None and split != "all":
        raise InputError(f"{folder}: version 1 without {V1_LISTS[split][0]}; use the split 'all' or add the list")
    names = sorted(images) if listed is None else listed
    _check_present([images.get(name, folder / "ddb1_fundusimages" / f"{name}.png") for name in names], "images")
    if not names:
        raise InputError(f"{folder}: no image in ddb1_fundusimages; complete the data set")
    cases = [
        Case(name, images[name], tuple(_mask_v1(folder, lesion_type, name) for lesion_type in LESION_TYPES), "1")
        for name in names
    ]
    _check_present([path for case in cases for path in case.annotations], "ground truth masks")
    return cases


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
