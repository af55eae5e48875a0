"""What an annotated data set is: photographs, and masks of lesions made from the annotations of experts.

A new data set is one file in this package, which defines

    a class derived from `AnnotatedCase`        how the annotations of one photograph become masks
    `open(folder, split) -> AnnotatedDataset`   lists the cases, reads no photograph
    `detect(folder) -> bool`                    whether the data set lies in a folder
    a `DatasetSpec`                             names these functions and describes the data set

and one entry in `registry.DATASETS`. `diaretdb1.py` and `masks_folder.py` are examples.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from retina_xai.errors import UsageError
from retina_xai.io.images import Photograph, read_image

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CaseTruth:
    """Masks (H, W) of one photograph by lesion type, in pixels of its file, under one consensus rule.

    `disputed` (H, W): a lesion of any type for at least one annotator, and of no type under the rule; None where the
    data set holds no opinions beside the masks.
    """

    name: str
    masks: Mapping[str, Mask]
    consensus: str
    disputed: Mask | None = None


@dataclass(frozen=True)
class AnnotatedCase(ABC):
    """One photograph with its annotations. `name` is unique in the data set and can be a file name.

    `consensus_rules` holds, by name, what each rule does with the annotations; the first is the default.
    """

    name: str
    image: Path
    consensus_rules: ClassVar[Mapping[str, str]]

    def photograph(self, sha256: str | None = None) -> Photograph:
        """Read the photograph; `sha256` is the hash of its file where it is known. Raises: InputError."""
        return read_image(self.image, sha256=sha256)

    def truth(self, consensus: str | None, shape: tuple[int, int]) -> CaseTruth:
        """Masks of `shape` (H, W), which is the photograph's, under a consensus rule; None is the default rule.

        Raises:
            UsageError: a rule that this data set does not have.
            InputError: an annotation is missing, damaged, or made for a photograph of another size.
        """
        rule = chosen_rule(self.consensus_rules, consensus)
        masks, marked = self.masks(rule, shape), self.marked(shape)
        disputed = None if marked is None else marked & ~np.logical_or.reduce(list(masks.values()))
        return CaseTruth(self.name, masks, rule, disputed)

    def marked(self, shape: tuple[int, int]) -> Mask | None:
        """Where at least one annotator marked a lesion of any type; None where this is not known."""
        return None

    @abstractmethod
    def masks(self, consensus: str, shape: tuple[int, int]) -> dict[str, Mask]:
        """One mask of `shape` for every lesion type of the data set; all False where there is no lesion of a type."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 that changes when the annotations change."""


@dataclass(frozen=True)
class AnnotatedDataset:
    """The cases of one split, in the order of their names.

    `title` and `version` ("" where the data set has none) are for tables and reports.
    """

    spec: "DatasetSpec"
    title: str
    version: str
    split: str
    lesion_types: tuple[str, ...]
    cases: tuple[AnnotatedCase, ...]

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[AnnotatedCase]:
        return iter(self.cases)

    @property
    def label(self) -> str:
        """Title and version."""
        return f"{self.title} v{self.version}" if self.version else self.title

    @property
    def consensus_rules(self) -> Mapping[str, str]:
        """The rules that the annotations of this version allow, with what each does; the first is the default."""
        return self.cases[0].consensus_rules

    def consensus(self, wanted: str | None = None) -> str:
        """The name of the rule that is wanted, or of the default rule.

        Raises:
            UsageError: a rule that this data set does not have.
        """
        return chosen_rule(self.consensus_rules, wanted, self.label)

    def facts(self) -> dict[str, str | int]:
        """What result.json says about the data set."""
        return {
            "name": self.spec.key,
            "title": self.title,
            "version": self.version,
            "split": self.split,
            "images": len(self),
        }


@dataclass(frozen=True)
class DatasetSpec:
    """An entry of the registry.

    key: its name on the command line. source: who published it. layout: what its folder holds. annotators: who marked
    the lesions. splits: names that `open` takes. default_split: what `evaluate` uses. consensus_rules: all rules of all
    versions, with what each does.
    """

    key: str
    title: str
    source: str
    layout: str
    annotators: str
    splits: tuple[str, ...]
    default_split: str
    consensus_rules: Mapping[str, str]
    open: Callable[[Path, str], AnnotatedDataset]
    detect: Callable[[Path], bool]


def chosen_rule(rules: Mapping[str, str], wanted: str | None, label: str = "") -> str:
    """`wanted` if it is one of the rules; the first rule where nothing is wanted.

    Raises:
        UsageError: another rule.
    """
    rule = next(iter(rules)) if wanted is None else wanted
    if rule not in rules:
        place = f" for {label}" if label else ""
        raise UsageError(f"consensus {rule!r}: expected one of {', '.join(rules)}{place}; choose one of these")
    return rule


def folders_below(folder: Path, depth: int) -> Iterator[Path]:
    """The folder and all folders down to `depth` levels below it, sorted by name; what cannot be listed is left out."""
    yield folder
    if depth:
        try:
            children = sorted(path for path in folder.iterdir() if path.is_dir())
        except OSError:
            return
        for child in children:
            yield from folders_below(child, depth - 1)
