"""The artefact guard over a folder that `localize` wrote: suspicious places, and the scores without them.

Places come from the stored evidence (`lesions.same_place`): its regions at several levels, from half the threshold of
the candidates, that are at most `SMALL` in radius. So a speck is seen where it is part of a large candidate, and where
it is a little too weak for one. A photograph is flagged at a place if one of its candidates covers the place. What is
deleted for the score without it is a disk at the place, with the median area of the regions that are centred there.
"""

import logging
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.spatial import cKDTree

from retina_xai.errors import InputError, UsageError
from retina_xai.lesions.candidates import binarise, label_regions
from retina_xai.lesions.same_place import (
    EyeRegions,
    SamePlace,
    SamePlaceSettings,
    Sensor,
    compared_eyes,
    same_places,
)
from retina_xai.lesions.shapes import Disk
from retina_xai.records import read_evidence, records_in

log = logging.getLogger(__name__)

ARTEFACTS_FILE = "artefacts.csv"
LEFT_OUT = "%r is left out of the search for artefacts (%s)"

EYE = re.compile(r".*?\d.*?[_\-. ](?:left|right|od|os|oi|le|re|l|r)(?=[_\-. ]|$)", re.IGNORECASE)
"""The part of a name that says the eye, as in 10_left, 0012_OI_f_1, 7-R.2; it begins with the patient's number."""

DAMAGED = (InputError, KeyError, TypeError, ValueError, IndexError, ArithmeticError)
"""What a record or its evidence that something else wrote can raise."""

LEVELS = (0.5, 1.0, 2.0, 4.0)
"""Of the evidence whose regions are compared, in thresholds of the candidates."""

SMALL = 8.0
"""Largest radius of a compared region, in pixels of the network. Specks of dust are smaller."""

APART = 0.25
"""Regions of a photograph that are closer, in pixels of the network, are one region at several levels."""

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
    eye, settings = eye or eye_of(), settings or SamePlaceSettings()
    records: dict[str, _Localized] = {}
    for path, record in records_in(folder, LEFT_OUT):
        with _leaving_out(path):
            records.setdefault(record["file"]["sha256"], _Localized.of(path, record, eye))
    by_sensor: dict[Sensor, list[str]] = defaultdict(list)
    for known in records.values():
        by_sensor[known.sensor].append(known.eye)
    compared = {sensor: compared_eyes(eyes, settings.max_eyes) for sensor, eyes in by_sensor.items()}
    regions: list[EyeRegions] = []
    for known in records.values():
        if known.eye in compared[known.sensor]:
            with _leaving_out(known.path):
                regions.append(_small_regions(known))
    places = same_places(regions, settings)
    flagged = []
    for known in records.values():
        with _leaving_out(known.path):
            if flags := _flags(known, [place for place in places if place.sensor == known.sensor]):
                flagged.append(FlaggedPhotograph(known.path, flags))
    return Artefacts(places, tuple(flagged))


@dataclass(frozen=True)
class _Localized:
    """A record, the eye and the sensor of its photograph."""

    path: Path
    record: Mapping[str, Any]
    eye: str
    sensor: Sensor

    @classmethod
    def of(cls, path: Path, record: Mapping[str, Any], eye: EyeOf) -> Self:
        """From a record; DAMAGED if something is absent."""
        file = record["file"]
        sensor = file["width"], file["height"], file.get("orientation", 1), file.get("camera", "")
        return cls(path, record, eye(Path(file["name"]).stem), sensor)

    def evidence(self) -> np.ndarray:
        """The stored evidence (H, W) of its candidates."""
        evidence = read_evidence(self.path.with_name(f"{self.path.stem}_evidence.png"))
        if evidence.shape != (self.sensor[1], self.sensor[0]):
            raise InputError(f"evidence of shape {evidence.shape}; localize again")
        return evidence


@contextmanager
def _leaving_out(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        log.warning(LEFT_OUT, str(path), error)


def _small_regions(known: _Localized) -> EyeRegions:
    """The small regions of the stored evidence, each once."""
    geometry, told = known.record["geometry"], known.record["binarisation"]
    step = geometry["side"] / geometry["size"]
    if not 0 < step < math.inf:
        raise InputError("a scale that is no finite number; localize again")
    centres, areas = np.empty((0, 2)), np.empty(0)
    if not known.record["lesions"]:  # no evidence, and for an ungradable photograph perhaps no file of it
        return EyeRegions(known.eye, known.sensor, centres, areas, step)
    evidence = known.evidence()
    for level in LEVELS:
        regions = label_regions(binarise(evidence, min(1.0, level * told["fraction_of_maximum"]), told["floor"]))
        new = regions.areas <= math.pi * (SMALL * step) ** 2
        if len(centres):
            new &= cKDTree(centres).query(regions.centroids)[0] > APART * step
        centres, areas = np.concatenate([centres, regions.centroids[new]]), np.append(areas, regions.areas[new])
    return EyeRegions(known.eye, known.sensor, centres, areas, step)


def _flags(known: _Localized, places: list[SamePlace]) -> tuple[Flag, ...]:
    """The places that a candidate covers: its box first, then the region of the stored evidence."""
    lesions, told = known.record["lesions"], known.record["binarisation"]
    near = [place for place in places if any(_in_box(place, one["box"]) for one in lesions)]
    if not near:
        return ()
    regions = label_regions(binarise(known.evidence(), told["fraction_of_maximum"], told["floor"]))
    flags = []
    for place in near:
        label = int(regions.labels[round(place.y), round(place.x)])
        if label:
            x, y = regions.centroids[label - 1]
            distances = [math.hypot(one["x"] - x, one["y"] - y) for one in lesions]
            flags.append(Flag(place, int(np.argmin(distances)) + 1))
    return tuple(flags)


def _in_box(place: SamePlace, box: list[int]) -> bool:
    left, top, right, bottom = box
    return left <= round(place.x) < right and top <= round(place.y) < bottom
