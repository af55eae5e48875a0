r"""Shapes of lesions in pixels of the file: outlines along pixel edges, and disks that readers draw.

Coordinates are those of `retina_xai.fundus.geometry`: integers are pixel centres, the pixel (x, y) covers
[x - 0.5, x + 0.5] x [y - 0.5, y + 0.5]. The vertices of an outline along pixel edges lie at half-integers, and its area
is the number of its pixels. Area and centroid are those of Green's theorem,

    A = \oint x dy,    A c_x = \oint x^2 / 2 dy,    A c_y = - \oint y^2 / 2 dx,

summed over all rings. For outlines along pixel edges, all sums are exact in double precision, so the centroid is
exactly that of the pixels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from retina_xai.checks import check_numbers
from retina_xai.errors import InputError

MAX_POINTS = 1_000_000
"""Maximum number of points of an outline read from JSON."""

CORNERS = 64
"""Number of points of a disk's outline; its area is 0.2 % below that of the disk."""

Point = tuple[float, float]
Ring = tuple[Point, ...]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Outline:
    """Closed rings of points (x, y), the last point of a ring not repeated.

    Rings around holes run in the opposite direction to the others. A point is inside where an odd number of rings
    surrounds it.

    >>> pixel = Outline((((4.5, 1.5), (5.5, 1.5), (5.5, 2.5), (4.5, 2.5)),))
    >>> pixel.area, pixel.box, pixel.centroid
    (1.0, (4.5, 1.5, 5.5, 2.5), (5.0, 2.0))

    Raises:
        InputError: no ring, a ring of fewer than 3 points, or a coordinate that is not a finite number.
    """

    kind: ClassVar[str] = "outline"
    rings: tuple[Ring, ...]

    def __post_init__(self) -> None:
        """Check rings and coordinates."""
        if not self.rings:
            raise InputError("outline without a ring: expected at least one; draw it again")
        for ring in self.rings:
            if len(ring) < 3:
                raise InputError(f"outline with a ring of {len(ring)} points: expected at least 3; draw it again")
            if any(len(point) != 2 for point in ring):
                raise InputError("outline with a point that is not (x, y): draw it again")
            check_numbers("outline", (value for point in ring for value in point))

    @property
    def area(self) -> float:
        """In square pixels."""
        return abs(self._sums[0])

    @property
    def box(self) -> Box:
        """Bounding box: smallest and largest coordinates (x0, y0, x1, y1)."""
        points = np.concatenate([np.asarray(ring, float) for ring in self.rings])
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return left, top, right, bottom

    @property
    def centroid(self) -> Point:
        """Centre of mass (x, y); the middle of the box where the area is 0."""
        area, x, y = self._sums
        left, top, right, bottom = self.box
        return (x, y) if area else ((left + right) / 2, (top + bottom) / 2)

    @property
    def holes(self) -> tuple[Ring, ...]:
        """The rings around holes."""
        return tuple(ring for ring in self.rings if _signed_area(ring) * self._sums[0] < 0)

    @property
    def outline(self) -> "Outline":
        """The outline itself; all shapes have this property."""
        return self

    @property
    def size(self) -> int:
        """Number of points."""
        return sum(map(len, self.rings))

    def within(self, width: int, height: int) -> "Outline":
        """The same outline with points outside a picture moved onto its border."""
        return Outline(tuple(tuple(_within(point, width, height) for point in ring) for ring in self.rings))

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": self.kind, "rings": [[list(point) for point in ring] for ring in self.rings]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Outline":
        """The inverse of `to_json`.

        Raises:
            InputError: too many points, or not an outline.
        """
        points = sum(len(ring) for ring in values["rings"])
        if points > MAX_POINTS:
            raise InputError(f"outline of {points} points: expected at most {MAX_POINTS}; draw a simpler one")
        return cls(tuple(tuple((x, y) for x, y in ring) for ring in values["rings"]))

    @cached_property
    def _sums(self) -> tuple[float, float, float]:
        """Signed area and centroid; the centroid is NaN where the area is 0."""
        ends = [np.asarray(ring, float) for ring in self.rings]
        starts = [np.roll(ring, 1, axis=0) for ring in ends]
        (x0, y0), (x1, y1) = np.concatenate(starts).T, np.concatenate(ends).T
        along_y, along_x = (x0 + x1) @ (y1 - y0), (y0 + y1) @ (x1 - x0)
        if along_y == 0 or along_x == 0:
            return 0.0, math.nan, math.nan
        x = (x0**2 + x0 * x1 + x1**2) @ (y1 - y0) / (3 * along_y)
        y = (y0**2 + y0 * y1 + y1**2) @ (x1 - x0) / (3 * along_x)
        return float(along_y / 2), float(x), float(y)


@dataclass(frozen=True)
class Disk:
    """A circle that a reader drew: centre and radius.

    Raises:
        InputError: a value that is not a finite number, or a radius that is not above 0.
    """

    kind: ClassVar[str] = "disk"
    x: float
    y: float
    radius: float

    def __post_init__(self) -> None:
        """Check coordinates and radius."""
        check_numbers("disk", (self.x, self.y, self.radius))
        if self.radius <= 0:
            raise InputError(f"disk of radius {self.radius:g}: expected more than 0 pixels; draw it again")

    @property
    def area(self) -> float:
        """In square pixels."""
        return math.pi * self.radius**2

    @property
    def box(self) -> Box:
        """Bounding box: smallest and largest coordinates (x0, y0, x1, y1)."""
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius

    @property
    def centroid(self) -> Point:
        """The centre."""
        return self.x, self.y

    @property
    def outline(self) -> Outline:
        """`CORNERS` points of the circle, the first at the right, then clockwise on the screen."""
        angles = [math.tau * corner / CORNERS for corner in range(CORNERS)]
        return Outline(
            (tuple((self.x + self.radius * math.cos(a), self.y + self.radius * math.sin(a)) for a in angles),)
        )

    @property
    def size(self) -> int:
        """Number of points."""
        return 1

    def within(self, width: int, height: int) -> "Disk":
        """The same disk with its centre moved into a picture; the circle may extend beyond the border."""
        return Disk(*_within((self.x, self.y), width, height), self.radius)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": self.kind, "x": self.x, "y": self.y, "radius": self.radius}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Disk":
        """The inverse of `to_json`.

        Raises:
            InputError: not a disk.
        """
        return cls(values["x"], values["y"], values["radius"])


SHAPES: dict[str, type[Outline] | type[Disk]] = {shape.kind: shape for shape in (Outline, Disk)}
"""Shape classes by their `kind` in JSON."""


def _within(point: Point, width: int, height: int) -> Point:
    """The nearest point of a picture, which covers [-0.5, width - 0.5] x [-0.5, height - 0.5]."""
    return min(max(point[0], -0.5), width - 0.5), min(max(point[1], -0.5), height - 0.5)


def _signed_area(ring: Ring) -> float:
    points = np.asarray(ring, float)
    former = np.roll(points, 1, axis=0)
    return float((former[:, 0] + points[:, 0]) @ (points[:, 1] - former[:, 1])) / 2
