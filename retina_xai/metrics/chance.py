"""The value that a random prediction of equal area and blob size reaches: the chance row of every sensitivity table.

A mask that covers everything has 100 % sensitivity, so a sensitivity must be compared with that of a random mask. The
random mask keeps the predicted blobs: each is turned by a random multiple of 90 degrees, mirrored at random, and moved
to a random place. (Turn, mirror, place) is drawn uniformly from all those in which no pixel of the blob leaves the
field of view, by rejection: a field pixel is drawn for the blob's first pixel, and the draw is repeated until the whole
blob fits and meets no blob that is placed already. Area, number, size and order of the blobs are kept exactly: blob i
stays blob i, and keeps its score in a chance FROC.

Large blobs are placed first, one by one; the many small ones in rounds, all at once, and where two meet the larger one
stays. A blob that finds no free place may overlap others (the counts then show the smaller area). A blob that fits
nowhere, such as a mask of the whole field, stays where it was; chance is then 100 % too. Coordinates are pixels of the
file: blobs may be single pixels, which a coarser grid would lose.
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
class _Board:
    """The field of view with the blobs that lie in it already; -1 is free."""

    shape: tuple[int, int]
    inside: BoolArray
    places: IntArray
    taken: npt.NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = np.full(self.inside.shape, -1, dtype=np.int32)

    def fits(self, rows: IntArray, columns: IntArray, *, overlap: bool) -> tuple[BoolArray, IntArray]:
        """Which pixels lie in the field (and are free, unless overlap is allowed), and their flat indices."""
        height, width = self.shape
        good = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        flat = np.where(good, rows * width + columns, 0)
        good &= self.inside[flat]
        if not overlap:
            good &= self.taken[flat] < 0
        return good, flat


def place_at_random(blobs: Blobs, field_of_view: BoolArray, rng: np.random.Generator) -> Blobs:
    """The same blobs in the same order at random places, turns and mirrorings in `field_of_view` (H, W).

    The field of view must hold all of them.
    """
    if blobs.count == 0:
        return blobs
    areas = np.bincount(blobs.owner, minlength=blobs.count)
    inside = field_of_view.ravel()
    board = _Board(blobs.shape, inside, np.flatnonzero(inside))
    moved = np.full(len(blobs.pixels), -1, dtype=np.int64)
    ends = np.cumsum(areas)
    by_size = np.argsort(-areas, kind="stable")
    large = by_size[areas[by_size] > LARGE * len(board.places)]
    for blob in large:
        span = slice(ends[blob] - areas[blob], ends[blob])
        moved[span] = _place_one(board, blobs.pixels[span], rng)
        board.taken[moved[span]] = blob
    _place_many(board, blobs, by_size[len(large) :], moved, rng)
    return Blobs(blobs.shape, moved, blobs.owner, blobs.count)


def _place_one(board: _Board, pixels: IntArray, rng: np.random.Generator) -> IntArray:
    """New flat pixels of one blob: probe a few of its pixels at many places, then all of them where those fit."""
    rows, columns = _relative(pixels, pixels[:1], board.shape[1])
    probes = np.linspace(0, len(pixels) - 1, min(PROBES, len(pixels))).astype(np.int64)
    # The extreme pixels leave the field first.
    probes = np.concatenate([probes, [f(v) for v in (rows, columns) for f in (np.argmin, np.argmax)]])
    for overlap in (False, True):
        turns = rng.integers(0, 8, TRIES)
        starts = rng.choice(board.places, TRIES)
        turned = _turn(rows[probes][None], columns[probes][None], turns[:, None])
        good, _ = board.fits(*_shift(turned, starts[:, None], board.shape[1]), overlap=overlap)
        for k in np.flatnonzero(good.all(axis=1)):
            moved = _shift(_turn(rows, columns, turns[k]), starts[k], board.shape[1])
            all_good, flat = board.fits(*moved, overlap=overlap)
            if all_good.all():
                return flat
    return pixels


def _place_many(board: _Board, blobs: Blobs, waiting: IntArray, moved: IntArray, rng: np.random.Generator) -> None:
    """Fill `moved` for the blobs in `waiting`, largest first, in rounds; overlap is allowed in the last rounds."""
    rank = np.full(blobs.count, -1, dtype=np.int64)
    rank[waiting] = np.arange(len(waiting))
    where = np.flatnonzero(rank[blobs.owner] >= 0)
    where = where[np.argsort(rank[blobs.owner[where]], kind="stable")]
    first = np.searchsorted(blobs.owner, np.arange(blobs.count))
    width = board.shape[1]
    rows, columns = _relative(blobs.pixels[where], blobs.pixels[first[blobs.owner[where]]], width)
    for turn in range(2 * ROUNDS):
        if not len(where):
            return
        overlap = turn >= ROUNDS
        owner = blobs.owner[where]
        # As many draws as blobs, looked up per pixel.
        turns = rng.integers(0, 8, blobs.count)[owner]
        starts = rng.choice(board.places, blobs.count)[owner]
        good, flat = board.fits(*_shift(_turn(rows, columns, turns), starts, width), overlap=overlap)
        placed = _all_of(good, owner, blobs.count)
        if not overlap:
            placed = _settle(board, flat, owner, placed)
        moved[where[placed[owner]]] = flat[placed[owner]]
        left = ~placed[owner]
        where, rows, columns = where[left], rows[left], columns[left]
    moved[where] = blobs.pixels[where]


def _settle(board: _Board, flat: IntArray, owner: IntArray, placed: BoolArray) -> BoolArray:
    """Lay the placed blobs down; where two meet, the earlier (larger) one stays and the other is taken up again."""
    mine = placed[owner]
    pixels, names = flat[mine], owner[mine]
    # Of repeated indices the last assignment holds.
    board.taken[pixels[::-1]] = names[::-1]
    holds = board.taken[pixels] == names
    whole = placed & _all_of(holds, names, len(placed))
    taken_up = holds & ~whole[names]
    board.taken[pixels[taken_up]] = -1
    return whole


def _all_of(good: BoolArray, owner: IntArray, count: int) -> BoolArray:
    """Per blob: it occurs in `owner` and none of its pixels is bad."""
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
