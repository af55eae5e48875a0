"""Random placement of predicted blobs: the chance row of every sensitivity table.

A mask of the whole image has 100 % sensitivity, so a sensitivity must be compared with that of a random mask of the
same area. The random mask consists of the predicted blobs, each turned by a random multiple of 90 degrees, mirrored at
random, and moved to a random place. (Turn, mirror, place) is drawn uniformly from all combinations in which the blob
lies in the field of view, by rejection sampling: draw a place for the blob's first pixel, and repeat until the whole
blob fits and overlaps no blob already placed. So number, sizes and total area of the blobs do not change. Neither does
their order: blob i remains blob i and keeps its score in a chance FROC.

Large blobs are placed first, one by one. The many small ones are placed in rounds, all at once; if two overlap, the
larger one stays. A blob for which no free place is found may overlap others (the counts then show a smaller area). A
blob that fits nowhere, such as a mask of the whole field of view, stays at its place; the sensitivity of chance is then
100 % too, which is correct. Placement is in file pixels, because a coarser grid would lose blobs of single pixels.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from retina_xai.metrics.overlap import Blobs

ROUNDS = 40
TRIES = 256
PROBES = 64
LARGE = 0.002  # of the field of view

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass
class _Occupancy:
    """The field of view and the blob at each of its pixels, `taken`; -1 is free."""

    shape: tuple[int, int]
    inside: BoolArray
    places: IntArray
    taken: npt.NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = np.full(self.inside.shape, -1, dtype=np.int32)

    def fits(self, rows: IntArray, columns: IntArray, *, overlap: bool) -> tuple[BoolArray, IntArray]:
        """Which pixels lie in the field of view (and are free, unless overlap is allowed), and their flat indices."""
        height, width = self.shape
        good = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        flat = np.where(good, rows * width + columns, 0)
        good &= self.inside[flat]
        if not overlap:
            good &= self.taken[flat] < 0
        return good, flat


def place_at_random(blobs: Blobs, field_of_view: BoolArray, rng: np.random.Generator) -> Blobs:
    """The same blobs in the same order, randomly turned, mirrored and moved within `field_of_view` (H, W).

    All blobs must lie in the field of view.
    """
    if blobs.count == 0:
        return blobs
    areas = np.bincount(blobs.owner, minlength=blobs.count)
    inside = field_of_view.ravel()
    occupancy = _Occupancy(blobs.shape, inside, np.flatnonzero(inside))
    placed = np.full(len(blobs.pixels), -1, dtype=np.int64)
    ends = np.cumsum(areas)
    by_size = np.argsort(-areas, kind="stable")
    large = by_size[areas[by_size] > LARGE * len(occupancy.places)]
    for blob in large:
        span = slice(ends[blob] - areas[blob], ends[blob])
        placed[span] = _place_one(occupancy, blobs.pixels[span], rng)
        occupancy.taken[placed[span]] = blob
    _place_many(occupancy, blobs, by_size[len(large) :], placed, rng)
    return Blobs(blobs.shape, placed, blobs.owner, blobs.count)


def _place_one(occupancy: _Occupancy, pixels: IntArray, rng: np.random.Generator) -> IntArray:
    """New flat pixels of one blob: test a few of its pixels at many places, and all of them where those fit."""
    rows, columns = _relative(pixels, pixels[:1], occupancy.shape[1])
    probes = np.linspace(0, len(pixels) - 1, min(PROBES, len(pixels))).astype(np.int64)
    # The outermost pixels are the first to leave the field of view.
    probes = np.concatenate([probes, [f(v) for v in (rows, columns) for f in (np.argmin, np.argmax)]])
    for overlap in (False, True):
        turns = rng.integers(0, 8, TRIES)
        starts = rng.choice(occupancy.places, TRIES)
        turned = _turn(rows[probes][None], columns[probes][None], turns[:, None])
        good, _ = occupancy.fits(*_shift(turned, starts[:, None], occupancy.shape[1]), overlap=overlap)
        for k in np.flatnonzero(good.all(axis=1)):
            moved = _shift(_turn(rows, columns, turns[k]), starts[k], occupancy.shape[1])
            all_good, flat = occupancy.fits(*moved, overlap=overlap)
            if all_good.all():
                return flat
    return pixels


def _place_many(
    occupancy: _Occupancy, blobs: Blobs, waiting: IntArray, placed: IntArray, rng: np.random.Generator
) -> None:
    """Fill `placed` for the blobs in `waiting`, largest first, in rounds; later rounds allow overlap."""
    rank = np.full(blobs.count, -1, dtype=np.int64)
    rank[waiting] = np.arange(len(waiting))
    where = np.flatnonzero(rank[blobs.owner] >= 0)
    where = where[np.argsort(rank[blobs.owner[where]], kind="stable")]
    first = np.searchsorted(blobs.owner, np.arange(blobs.count))
    width = occupancy.shape[1]
    rows, columns = _relative(blobs.pixels[where], blobs.pixels[first[blobs.owner[where]]], width)
    for turn in range(2 * ROUNDS):
        if not len(where):
            return
        overlap = turn >= ROUNDS
        owner = blobs.owner[where]
        # One draw per blob, looked up per pixel.
        turns = rng.integers(0, 8, blobs.count)[owner]
        starts = rng.choice(occupancy.places, blobs.count)[owner]
        good, flat = occupancy.fits(*_shift(_turn(rows, columns, turns), starts, width), overlap=overlap)
        fitting = _all_of(good, owner, blobs.count)
        if not overlap:
            fitting = _occupy(occupancy, flat, owner, fitting)
        placed[where[fitting[owner]]] = flat[fitting[owner]]
        left = ~fitting[owner]
        where, rows, columns = where[left], rows[left], columns[left]
    placed[where] = blobs.pixels[where]


def _occupy(occupancy: _Occupancy, flat: IntArray, owner: IntArray, fitting: BoolArray) -> BoolArray:
    """Enter the fitting blobs; if two overlap, only the earlier (larger) one. Returns which were entered, per blob."""
    candidates = fitting[owner]
    pixels, names = flat[candidates], owner[candidates]
    # NumPy keeps the last assignment to a repeated index, so the order is reversed.
    occupancy.taken[pixels[::-1]] = names[::-1]
    kept = occupancy.taken[pixels] == names
    entered = fitting & _all_of(kept, names, len(fitting))
    occupancy.taken[pixels[kept & ~entered[names]]] = -1
    return entered


def _all_of(good: BoolArray, owner: IntArray, count: int) -> BoolArray:
    """(count,) bool: the blob occurs in `owner`, and all of its pixels are good."""
    whole = np.zeros(count, dtype=bool)
    whole[owner] = True
    whole[owner[~good]] = False
    return whole


def _relative(pixels: IntArray, origin: IntArray, width: int) -> tuple[IntArray, IntArray]:
    rows, columns = np.divmod(pixels, width)
    first_rows, first_columns = np.divmod(origin, width)
    return rows - first_rows, columns - first_columns


def _turn(rows: IntArray, columns: IntArray, turns: IntArray) -> tuple[IntArray, IntArray]:
    """One of the eight symmetries of the square: transposed (4), rows mirrored (2), columns mirrored (1)."""
    swapped = (turns & 4) > 0
    new_rows = np.where(swapped, columns, rows)
    new_columns = np.where(swapped, rows, columns)
    return np.where(turns & 2, -new_rows, new_rows), np.where(turns & 1, -new_columns, new_columns)


def _shift(offsets: tuple[IntArray, IntArray], starts: IntArray, width: int) -> tuple[IntArray, IntArray]:
    rows, columns = np.divmod(starts, width)
    return offsets[0] + rows, offsets[1] + columns
