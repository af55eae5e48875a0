"""The markings of an annotated data set as the truth of a comparison: lesions of all types together."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from retina_xai.errors import InputError
from retina_xai.evaluation.datasets.base import AnnotatedCase, Mask
from retina_xai.evaluation.datasets.registry import dataset_in
from retina_xai.io.names import shown_name


@dataclass(frozen=True)
class Markings:
    """The photographs of a data set by their paths, and a hash that changes when the annotations change."""

    cases: Mapping[Path, AnnotatedCase]
    fingerprint: str

    def mask_of(self, photograph: Path, shape: tuple[int, int]) -> Mask:
        """Where experts marked lesions of any type, by the default rule of the data set: (H, W) bool.

        Raises:
            InputError: the photograph is none of the data set, or its annotations are damaged.
        """
        case = self.cases.get(photograph)
        if case is None:
            raise InputError(f"{shown_name(photograph.name)}: is not in the annotated data set; leave it out")
        marked: Mask = np.logical_or.reduce(list(case.truth(None, shape).masks.values()))
        return marked


@lru_cache(maxsize=2)
def markings_in(folder: str, split: str) -> Markings:
    """The markings of the data set in a folder; `split` "" is its default.

    Raises:
        InputError: no data set that is known, or a damaged one.
    """
    spec = dataset_in(Path(folder))
    dataset = spec.open(Path(folder), split or spec.default_split)
    digest = hashlib.sha256()
    for case in dataset:
        digest.update(f"{case.name} {case.fingerprint()}\n".encode())
    return Markings({case.image: case for case in dataset}, digest.hexdigest())
