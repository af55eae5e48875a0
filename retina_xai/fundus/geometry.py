"""Position of a square crop in its file, and transforms of points and maps between both.

Coordinate convention of the whole package: x to the right, y downwards, both in file pixels. Integer coordinates are
pixel centres: the pixel (x, y) covers [x - 0.5, x + 0.5] x [y - 0.5, y + 0.5], and a picture covers
[-0.5, W - 0.5] x [-0.5, H - 0.5]. Outlines of lesions run along pixel edges, so their vertices have half-integer
coordinates and their area is the number of their pixels.

One exception: the corner (left, top) of the crop is measured from the edges of the file. There pixel j covers
[j, j + 1), so edge coordinates are 0.5 larger than centre coordinates. For network pixel i

    x_file = left + (i + 0.5) * side / size - 0.5

Maps are piecewise linear between pixel centres. On a finer grid a map is sampled at the new centres; on a coarser grid
it is averaged over each new pixel, so that no pixel above zero is lost. Both preserve linear ramps exactly, and both
are applied to rows and columns separately.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from retina_xai.errors import InputError
from retina_xai.row_bands import row_bands, whole


@dataclass(frozen=True, eq=False)
class FileRows:
    """A map whose rows are resampled (`half`, in double precision) and whose columns are resampled on demand."""

    half: np.ndarray
    columns: sparse.csr_matrix

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.half), int(self.columns.shape[0])

    def __getitem__(self, rows: slice) -> np.ndarray:
        """These rows, float32."""
        return np.ascontiguousarray((self.columns @ self.half[rows].T).T, dtype=np.float32)


@dataclass(frozen=True)
class Geometry:
    """A square of the file, `side` pixels wide, resized to `size` x `size`; it may extend beyond the file.

    `file_shape` is (H, W); `left` and `top` are edge coordinates (pixel j spans [j, j + 1)).

    >>> geometry = Geometry((100, 200), left=50.0, top=0.0, side=100.0, size=50)
    >>> geometry.points_to_file(np.array([[0, 0]])).tolist()
    [[50.5, 0.5]]
    """

    file_shape: tuple[int, int]
    left: float
    top: float
    side: float
    size: int

    def points_to_file(self, points: np.ndarray) -> np.ndarray:
        """(K, 2) x, y of network pixels to x, y of the file; pixel centres are at integers in both."""
        file: np.ndarray = (np.asarray(points, dtype=float) + 0.5) * (self.side / self.size) + self._corner - 0.5
        return file

    def points_from_file(self, points: np.ndarray) -> np.ndarray:
        """(K, 2) x, y of the file to x, y of network pixels: the exact inverse of `points_to_file`."""
        own: np.ndarray = (np.asarray(points, dtype=float) + 0.5 - self._corner) * (self.size / self.side) - 0.5
        return own

    def map_to_file(self, array: np.ndarray, order: int = 1) -> np.ndarray:
        """A map (size, size) in the file's pixels: (H, W) float32, zero outside of the crop.

        `order` 0 takes the nearest value (masks), 1 interpolates linearly.
        """
        return whole(self.rows_in_file(array, order))

    def rows_in_file(self, array: np.ndarray, order: int = 1) -> "FileRows":
        """`map_to_file`, computed only for the rows that are asked for."""
        self._check(array, (self.size, self.size))
        step = self.size / self.side
        rows = _resampler(self.size, self.file_shape[0], -self.top * step, step, order)
        columns = _resampler(self.size, self.file_shape[1], -self.left * step, step, order)
        return FileRows(np.asarray(rows @ np.asarray(array, dtype=float)), columns)

    def map_from_file(self, array: np.ndarray, order: int = 1) -> np.ndarray:
        """A map (H, W) of the file in the network's pixels: (size, size) float32, zero outside of the file."""
        self._check(array, self.file_shape)
        step = self.side / self.size
        rows = _resampler(self.file_shape[0], self.size, self.top, step, order)
        columns = _resampler(self.file_shape[1], self.size, self.left, step, order)
        half = np.empty((self.size, self.file_shape[1]))
        for band in row_bands(*self.file_shape[::-1]):  # bands of columns
            half[:, band] = rows @ np.asarray(array[:, band], dtype=float)
        return whole(FileRows(half, columns))

    def patch_from_file(self, patch: np.ndarray, left: int, top: int) -> np.ndarray:
        """`map_from_file` of a map that is zero except for `patch` (h, w), whose first pixel is (left, top).

        It needs memory and time for the patch alone.

        Raises:
            InputError: the patch is not inside the file.
        """
        (height, width), (rows_in_file, columns_in_file) = patch.shape, self.file_shape
        if left < 0 or top < 0 or top + height > rows_in_file or left + width > columns_in_file:
            raise InputError(
                f"a patch of {height} x {width} at ({left}, {top}) in a file of {self.file_shape}: cut it at the border"
            )
        step = self.side / self.size
        rows = _resampler(rows_in_file, self.size, self.top, step, order=1)[:, top : top + height]
        columns = _resampler(columns_in_file, self.size, self.left, step, order=1)[:, left : left + width]
        half = np.zeros((self.size, width))
        for band in row_bands(height, width):
            half += rows[:, band] @ np.asarray(patch[band], dtype=float)
        return np.ascontiguousarray((columns @ half.T).T, dtype=np.float32)

    @property
    def _corner(self) -> np.ndarray:
        return np.array([self.left, self.top])

    @staticmethod
    def _check(array: np.ndarray, shape: tuple[int, int]) -> None:
        if array.shape != shape:
            raise InputError(f"got a map of shape {array.shape}, expected {shape}; use the geometry of its own image")


def _resampler(source: int, target: int, start: float, step: float, order: int) -> sparse.csr_matrix:
    """(target, source) weights; target pixel t spans [start + t * step, start + (t + 1) * step) of the source.

    Rows whose centre lies outside of the source are zero, all others sum to 1.
    """
    low = start + np.arange(target) * step
    centre = low + step / 2
    inside = (centre >= 0) & (centre < source)
    if order == 0:
        columns = np.floor(centre)[:, None]
        weights = np.ones((target, 1))
    elif step <= 1:
        position = np.clip(centre - 0.5, 0, source - 1)
        columns = np.floor(position)[:, None] + np.arange(2)
        weights = np.maximum(0, 1 - np.abs(position[:, None] - columns))
    else:
        columns = np.floor(low - 0.5)[:, None] + np.arange(int(np.ceil(step)) + 2)
        place = columns + 0.5
        weights = _hat_integral((low + step)[:, None] - place) - _hat_integral(low[:, None] - place)
    weights = np.where((columns >= 0) & (columns < source) & inside[:, None], np.maximum(weights, 0), 0)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    rows = np.repeat(np.arange(target), columns.shape[1])
    columns = np.clip(columns, 0, source - 1).astype(int)
    return sparse.csr_matrix((weights.ravel(), (rows, columns.ravel())), shape=(target, source))


def _hat_integral(x: np.ndarray) -> np.ndarray:
    """Integral of the hat max(0, 1 - |t|) from minus infinity to x."""
    x = np.clip(x, -1, 1)
    integral: np.ndarray = 0.5 + x - np.sign(x) * x**2 / 2
    return integral
