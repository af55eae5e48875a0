"""Rows of a large array in bands, for work whose temporary arrays would not fit into memory at full size."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

BAND_PIXELS = 1_000_000


class RowSource(Protocol):
    """What gives the rows of a map (H, W) for a slice: an array, or an object that computes them when asked."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W)."""

    def __getitem__(self, rows: slice, /) -> np.ndarray[Any, Any]:
        """The rows of a slice with start and stop, (stop - start, W)."""


def row_bands(height: int, width: int) -> Iterator[slice]:
    """Slices that cover `height` rows in order, each of about `BAND_PIXELS` pixels and at least one row.

    >>> list(row_bands(5, 500_000))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, BAND_PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def whole(rows: RowSource) -> np.ndarray:
    """All rows of a source with at least one, as one array."""
    first: np.ndarray | None = None
    for band in row_bands(rows.shape[0], rows.shape[1]):
        values = rows[band]
        if first is None:
            first = np.empty(rows.shape, values.dtype)
        first[band] = values
    if first is None:
        raise ValueError(f"shape {rows.shape}: expected at least one row")
    return first
