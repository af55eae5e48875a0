"""The artefact guard over a folder that `localize` wrote: suspicious places, and the scores without them.

Places come from the records (`lesions.same_place`). A photograph is flagged at a place if one of its candidates covers
the place, also where the candidate reaches farther: dust can be one part of a large candidate. What is deleted for the
score without it is a disk at the place, with the median area of the candidates that are centred there.
"""

import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retina_xai.errors import InputError, UsageError
from retina_xai.lesions.candidates import binarise, label_regions
from retina_xai.lesions.same_place import EyeCandidates, SamePlace, SamePlaceSettings, same_places
from retina_xai.lesions.shapes import Disk
from retina_xai.records import read_evidence, records_in

log = logging.getLogger(__name__)

ARTEFACTS_FILE = "artefacts.csv"
LEFT_OUT = "%r is left out of the search for artefacts (%s)"

EYE = re.compile(r".*?\d.*?[_\-. ](?:left|right|od|os|oi|le|re|l|r)(?=[_\-. ]|$)", re.IGNORECASE)
"""The part of a name that says the eye, as in 10_left, 0012_OI_f_1, 7-R.2; it begins with the patient's number."""

DAMAGED = (InputError, KeyError, TypeError, ValueError, IndexError, ArithmeticError)
"""What a record or its evidence that something else wrote can raise."""

EyeOf = Callable[[str], str]


@dataclass(frozen=True)
class Flag:
    """A candidate, `lesion` (1 is the first of the record), that covers a suspicious place."""

    place: SamePlace
    lesion: int


@dataclass(frozen=True)
class FlaggedPhotograph:
    """A record with candidates at suspicious places."""

    record: Path
    flags: tuple[Flag, ...]

    @property
    def disks(self) -> tuple[Disk, ...]:
        """What is deleted for the score without them."""
        return tuple(Disk(flag.place.x, flag.place.y, flag.place.radius) for flag in self.flags)


@dataclass(frozen=True)
class Artefacts:
    """The suspicious places of a folder, and the photographs that are flagged at them."""

    places: tuple[SamePlace, ...] = ()
    photographs: tuple[FlaggedPhotograph, ...] = ()


def eye_of(pattern: str | None = None) -> EyeOf:
    """A function from the name of a photograph, without suffix, to its eye.

    Args:
        pattern: a regular expression whose first group is the eye, such as `(\\d+_[LR])`; default: `EYE`. A name that
            does not match is an eye of its own.

    Raises:
        UsageError: no regular expression with a group.
    """
    try:
        wanted = EYE if pattern is None else re.compile(pattern)
    except re.error as error:
        raise UsageError(f"eye pattern {pattern!r}: {error}; give a regular expression, such as '(.+_[LR])'") from error
    if pattern is not None and wanted.groups < 1:
        raise UsageError(f"eye pattern {pattern!r} has no group: put the part that names the eye in brackets")

    def eye(name: str) -> str:
        match = wanted.match(name)
        found = match and match[0 if pattern is None else 1]
        return found.lower() if found else name

    return eye


def find_artefacts(folder: Path, eye: EyeOf | None = None, settings: SamePlaceSettings | None = None) -> Artefacts:
    """The suspicious places among all records of a folder; copies of a photograph count once.

    Records and evidence that cannot be read are left out with a warning.
    """
    eye = eye or eye_of()
    records: dict[str, tuple[Path, dict[str, Any]]] = {}
    candidates: dict[str, EyeCandidates] = {}
    for path, record in records_in(folder, LEFT_OUT):
        try:
            sha256 = record["file"]["sha256"]
            candidates.setdefault(sha256, _candidates(record, eye))
            records.setdefault(sha256, (path, record))
        except DAMAGED as error:
            log.warning(LEFT_OUT, str(path), error)
    places = same_places(list(candidates.values()), settings)
    flagged = []
    for known, (path, record) in zip(candidates.values(), records.values(), strict=True):
        try:
            flags = _flags(path, record, [place for place in places if place.sensor == known.sensor])
        except DAMAGED as error:
            log.warning(LEFT_OUT, str(path), error)
            continue
        if flags:
            flagged.append(FlaggedPhotograph(path, flags))
    return Artefacts(places, tuple(flagged))


def _candidates(record: Mapping[str, Any], eye: EyeOf) -> EyeCandidates:
    file, geometry, lesions = record["file"], record["geometry"], record["lesions"]
    centres = np.array([(one["x"], one["y"]) for one in lesions], dtype=np.float64).reshape(-1, 2)
    areas = np.array([one["area"] for one in lesions], dtype=np.float64)
    step = geometry["side"] / geometry["size"]
    if not (np.isfinite(centres).all() and np.isfinite(areas).all() and (areas > 0).all() and 0 < step < math.inf):
        raise InputError("a place, area or scale that is no finite number; localize again")
    sensor = file["width"], file["height"], file.get("orientation", 1), file.get("camera", "")
    return EyeCandidates(eye(Path(file["name"]).stem), sensor, centres, areas, step)


def _flags(path: Path, record: Mapping[str, Any], places: list[SamePlace]) -> tuple[Flag, ...]:
    """The places that a candidate covers: its box first, then the region of the stored evidence."""
    near = [place for place in places if any(_in_box(place, one["box"]) for one in record["lesions"])]
    if not near:
        return ()
    evidence = read_evidence(path.with_name(f"{path.stem}_evidence.png"))
    told = record["binarisation"]
    regions = label_regions(binarise(evidence, told["fraction_of_maximum"], told["floor"]))
    flags = []
    for place in near:
        label = int(regions.labels[round(place.y), round(place.x)])
        if label:
            x, y = regions.centroids[label - 1]
            distances = [math.hypot(one["x"] - x, one["y"] - y) for one in record["lesions"]]
            flags.append(Flag(place, int(np.argmin(distances)) + 1))
    return tuple(flags)


def _in_box(place: SamePlace, box: list[int]) -> bool:
    left, top, right, bottom = box
    return left <= round(place.x) < right and top <= round(place.y) < bottom
