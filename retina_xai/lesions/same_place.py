"""Artefact guard: regions of evidence at the same place of the sensor in photographs of different eyes.

A lesion belongs to one eye; dust on the sensor or in the optics is at the same pixels in every photograph. So
regions of different eyes that share a place in file pixels are suspicious ("same place in 7 of 61: dust?").
Photographs are compared within one sensor: the same size and orientation of the file, and the same camera where the
record names one.

    place         the median centre of regions of at least `min_eyes` eyes, each within `tolerance` of it
    tolerance     in pixels of the network. Evidence is known on the network's grid, which falls on a fixed point of the
                  sensor at another phase in each photograph, because the square around the field of view differs. So a
                  centre is known to about one pixel of the network (15 candidates at three dust specks of DiaretDB1
                  are at most 0.72 of it from their median).
    by_chance     how many places with at least so many eyes appear if the regions of each photograph are shifted
                  together, at random, by up to `shift` tolerances: mean over `repetitions`. Shifts of this size keep
                  where regions are dense, such as the macula, and destroy exact coincidence.

The work grows with the square of the number of regions. So of more than `max_eyes` eyes of one sensor that many are
compared, those with the smallest hash of their name; a speck of dust is in their photographs as in all others.

A place is reported if `by_chance` is at most `max_by_chance`. The two eyes of a patient are different eyes; two
photographs of one eye are not, because a lesion may be at the same place in both.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from retina_xai.errors import UsageError

Sensor = tuple[int | str, ...]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SamePlaceSettings:
    """Settings of the guard; see the module docstring. `shift` is in tolerances, `max_eyes` per sensor.

    Raises:
        UsageError: a value outside its range.
    """

    tolerance: float = 1.0
    min_eyes: int = 3
    max_by_chance: float = 0.05
    shift: float = 16.0
    repetitions: int = 1000
    seed: int = 0
    max_eyes: int = 300

    def __post_init__(self) -> None:
        """Check all values."""
        if self.tolerance <= 0 or self.shift < 4 or self.repetitions < 1 or not 2 <= self.min_eyes <= self.max_eyes:
            raise UsageError(
                f"tolerance {self.tolerance:g}, shift {self.shift:g}, min_eyes {self.min_eyes}, repetitions "
                f"{self.repetitions}, max_eyes {self.max_eyes}: expected above 0, at least 4 tolerances, 2 eyes, 1 "
                "repetition and min_eyes"
            )


@dataclass(frozen=True, eq=False)
class EyeRegions:
    """The regions of evidence of one photograph: `centres` (K, 2) as x, y and `areas` (K,) in file pixels.

    `eye` is equal for photographs of one eye, `sensor` for those of one sensor. `step`: file pixels per network pixel.
    """

    eye: str
    sensor: Sensor
    centres: FloatArray
    areas: FloatArray
    step: float


@dataclass(frozen=True)
class SamePlace:
    """One place (x, y) in file pixels: `eyes` of the `of` eyes of the sensor have a region there.

    `radius` is that of a disk with the median area of these regions. `members` are (photograph, region) indices.
    """

    sensor: Sensor
    x: float
    y: float
    radius: float
    eyes: int
    of: int
    by_chance: float
    members: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        return f"same place in {self.eyes} of {self.of} eyes: ({self.x:.0f}, {self.y:.0f}), dust?"


def compared_eyes(eyes: Iterable[str], count: int) -> set[str]:
    """At most `count` of the eyes of a sensor; a choice that further eyes hardly change."""
    names = set(eyes)
    if len(names) <= count:
        return names
    return set(sorted(names, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())[:count])


def same_places(photographs: Sequence[EyeRegions], settings: SamePlaceSettings | None = None) -> tuple[SamePlace, ...]:
    """The suspicious places of all sensors, most eyes first; see the module docstring."""
    settings = settings or SamePlaceSettings()
    by_sensor: dict[Sensor, list[int]] = defaultdict(list)
    for index, one in enumerate(photographs):
        by_sensor[one.sensor].append(index)
    found: list[SamePlace] = []
    for group in by_sensor.values():
        names = compared_eyes((photographs[index].eye for index in group), settings.max_eyes)
        some = [index for index in group if photographs[index].eye in names]
        found += _of_sensor(photographs, some, settings)
    return tuple(sorted(found, key=lambda place: -place.eyes))


def _of_sensor(photographs: Sequence[EyeRegions], group: Sequence[int], settings: SamePlaceSettings) -> list[SamePlace]:
    names = sorted({photographs[index].eye for index in group})
    if len(names) < settings.min_eyes:
        return []
    counts = [len(photographs[index].centres) for index in group]
    centres = np.concatenate([photographs[index].centres for index in group]).reshape(-1, 2)
    areas = np.concatenate([photographs[index].areas for index in group])
    owner = np.repeat(np.arange(len(group)), counts)
    number = np.concatenate([np.arange(count) for count in counts])
    eye = np.array([names.index(photographs[index].eye) for index in group])[owner]
    tolerance = settings.tolerance * float(np.median([photographs[index].step for index in group]))
    clusters = _clusters(centres, eye, tolerance, settings.min_eyes)
    if not clusters:
        return []
    chance = _chance(centres, (owner, eye), tolerance, settings)
    places = []
    for members in clusters:
        eyes = len(np.unique(eye[members]))
        x, y = np.median(centres[members], axis=0).tolist()
        radius = float(np.sqrt(np.median(areas[members]) / np.pi))
        by_chance = float((chance >= eyes).sum() / settings.repetitions)
        own = tuple((int(group[owner[one]]), int(number[one])) for one in members)
        places.append(SamePlace(photographs[group[0]].sensor, x, y, radius, eyes, len(names), by_chance, own))
    return [place for place in places if place.by_chance <= settings.max_by_chance]


def _chance(
    centres: FloatArray, belongs: tuple[IntArray, IntArray], tolerance: float, settings: SamePlaceSettings
) -> IntArray:
    """The number of eyes of each cluster in all repetitions with shifted photographs."""
    owner, eye = belongs
    rng = np.random.default_rng(settings.seed)
    sizes: list[int] = []
    for _ in range(settings.repetitions):
        angle = rng.uniform(0, 2 * np.pi, owner.max() + 1)
        far = settings.shift * tolerance * np.sqrt(rng.random(owner.max() + 1))
        shifts = np.stack([far * np.cos(angle), far * np.sin(angle)], axis=1)
        moved = _clusters(centres + shifts[owner], eye, tolerance, settings.min_eyes)
        sizes += [len(np.unique(eye[members])) for members in moved]
    return np.array(sizes, dtype=np.int64)


def _clusters(centres: FloatArray, eye: IntArray, tolerance: float, min_eyes: int) -> list[IntArray]:
    """Disjoint sets of regions within the tolerance of their place, of at least `min_eyes` eyes; largest first."""
    if len(centres) == 0:
        return []
    tree = cKDTree(centres)
    seeds = np.flatnonzero(tree.query_ball_point(centres, tolerance, return_length=True) > 1)
    if len(seeds) == 0:
        return []
    middles = np.array([np.median(centres[near], axis=0) for near in tree.query_ball_point(centres[seeds], tolerance)])
    around = [np.array(members, dtype=np.int64) for members in tree.query_ball_point(middles, tolerance)]
    around.sort(key=lambda members: -len(np.unique(eye[members])))
    free, clusters = np.ones(len(centres), dtype=bool), []
    for members in around:
        left = members[free[members]]
        if len(np.unique(eye[left])) >= min_eyes:
            free[left] = False
            clusters.append(left)
    return clusters
