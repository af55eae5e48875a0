"""Markings of one annotator on one photograph: the XML of DiaretDB1 v2.1, read and drawn into masks.

A file holds a list of markings, each a region, a confidence (Low, Medium, High) and a type. Regions are in pixels of
the photograph; the centre of the first pixel is (0, 0):

    circleregion    centre, radius r                      (x - cx)^2 + (y - cy)^2 <= r^2
    ellipseregion   centre, radii rx and ry, angle a      the axis of rx is turned by a degrees from the x axis,
                                                          counter-clockwise as seen on the screen (y points down)
    polygonregion   vertices                              interior and outline

The outline belongs to the region in all three. A polygon's centroid holds a coords2d that is not a vertex.
Types other than the four lesion types (optic disc, IRMA, neovascularisation, the field) are known and left out.
Circles and ellipses are drawn by their inequalities, polygons by cv2.fillPoly. The data set's own toolkit draws in
Matlab; counts of regions may differ from it by one or two.

The official files do not state the size of the photograph. A file may state it (ours, for phantoms of other sizes):
<imgannotooldata width="750" height="576">.

The files are not trusted: defusedxml parses them, nothing external is fetched (the full files name a DTD on a server),
and entities are refused.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, parse

from retina_xai.errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # nosec B405 # the type only

CONFIDENCES = {"Low": 1, "Medium": 2, "High": 3}
MARKING_TYPES = {
    "Haemorrhages": "haemorrhages",
    "Hard_exudates": "hard_exudates",
    "Soft_exudates": "soft_exudates",
    "Red_small_dots": "red_small_dots",
    "Disc": None,
    "IRMA": None,
    "Neovascularisation": None,
    "Fundus_area": None,
}

T = TypeVar("T")
Mask = npt.NDArray[np.bool_]
Point = tuple[float, float]


@dataclass(frozen=True)
class CircleRegion:
    """Centre and radius in pixels."""

    centre: Point
    radius: float

    @property
    def points(self) -> tuple[Point, ...]:
        """Points that must lie in the photograph."""
        return (self.centre,)

    def draw(self, mask: Mask) -> None:
        """Set the region's pixels of `mask` (H, W)."""
        EllipseRegion(self.centre, (self.radius, self.radius), 0.0).draw(mask)


@dataclass(frozen=True)
class EllipseRegion:
    """Centre, radii along its own axes, and the angle of its x axis in degrees, counter-clockwise on the screen."""

    centre: Point
    radii: tuple[float, float]
    angle: float

    @property
    def points(self) -> tuple[Point, ...]:
        """Points that must lie in the photograph."""
        return (self.centre,)

    def draw(self, mask: Mask) -> None:
        """Set the region's pixels of `mask` (H, W)."""
        (cx, cy), reach = self.centre, max(self.radii)
        top, left = max(0, int(np.floor(cy - reach))), max(0, int(np.floor(cx - reach)))
        bottom, right = max(0, int(np.ceil(cy + reach)) + 1), max(0, int(np.ceil(cx + reach)) + 1)
        window = mask[top:bottom, left:right]
        y, x = np.ogrid[top : top + window.shape[0], left : left + window.shape[1]]
        cosine, sine = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        # y points down, so a counter-clockwise turn on screen has the axes (cos, -sin) and (sin, cos).
        along = (x - cx) * cosine - (y - cy) * sine
        across = (x - cx) * sine + (y - cy) * cosine
        # A radius of 0 is the line or point through the centre.
        rx, ry = (max(radius, 1e-9) for radius in self.radii)
        window |= (along / rx) ** 2 + (across / ry) ** 2 <= 1


@dataclass(frozen=True)
class PolygonRegion:
    """Vertices in order; the last one is connected to the first."""

    vertices: tuple[Point, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        """Points that must lie in the photograph."""
        return self.vertices

    def draw(self, mask: Mask) -> None:
        """Set the region's pixels of `mask` (H, W)."""
        cv2.fillPoly(mask.view(np.uint8), [np.rint(np.array(self.vertices)).astype(np.int32)], (1,))


Region = CircleRegion | EllipseRegion | PolygonRegion


@dataclass(frozen=True)
class Marking:
    """One marked lesion: its type, the annotator's confidence 1-3, and the region."""

    lesion_type: str
    confidence: int
    region: Region


@dataclass(frozen=True)
class AnnotatorMarkings:
    """The lesions that one annotator marked, and (width, height) of the photograph where the file states it."""

    markings: tuple[Marking, ...]
    image_size: tuple[int, int] | None = None


def read_markings(path: Path) -> AnnotatorMarkings:
    """Read one XML file; markings that are not lesions are left out.

    Raises:
        InputError: the file is missing or damaged, or holds an unknown region, type, confidence or size.
    """
    try:
        root = parse(path).getroot()
    except FileNotFoundError as error:
        raise InputError(f"{path}: annotation file is missing; complete the groundtruth folder") from error
    except (ParseError, DefusedXmlException, OSError, ValueError) as error:
        # Messages of expat and defusedxml may have several lines.
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not readable as an annotation XML ({reason}); restore the original file") from error
    if root is None:
        return AnnotatorMarkings(())
    markings = (_marking(element, path) for element in root.iter("marking"))
    return AnnotatorMarkings(tuple(marking for marking in markings if marking is not None), _size(root, path))


def confidence_map(markings: Sequence[Marking], lesion_type: str, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """(H, W) uint8: the annotator's highest confidence in the type at each pixel, 0 where it is not marked."""
    highest = np.zeros(shape, dtype=np.uint8)
    for confidence in sorted(CONFIDENCES.values()):
        drawn = np.zeros(shape, dtype=bool)
        for marking in markings:
            if marking.lesion_type == lesion_type and marking.confidence == confidence:
                marking.region.draw(drawn)
        highest[drawn] = confidence
    return highest


def _marking(element: "Element", path: Path) -> Marking | None:
    known = _lookup(MARKING_TYPES, element.findtext("markingtype"), "markingtype", path)
    if known is None:
        return None
    confidence = _lookup(CONFIDENCES, element.findtext("confidencelevel"), "confidencelevel", path)
    regions = [child for child in element if child.tag.endswith("region")]
    if len(regions) != 1:
        raise InputError(f"{path}: a marking with {len(regions)} regions, expected one; restore the original file")
    return Marking(known, confidence, _lookup(REGION_READERS, regions[0].tag, "region", path)(regions[0], path))


def _circle(element: "Element", path: Path) -> Region:
    return CircleRegion(_point(element.find("centroid/coords2d"), path), _number(element.find("radius"), path))


def _ellipse(element: "Element", path: Path) -> Region:
    radii = {radius.get("direction"): _number(radius, path) for radius in element.findall("radius")}
    if set(radii) != {"x", "y"}:
        raise InputError(f"{path}: an ellipse without radii x and y; restore the original file")
    centre = _point(element.find("centroid/coords2d"), path)
    return EllipseRegion(centre, (radii["x"], radii["y"]), _number(element.find("angle"), path, signed=True))


def _polygon(element: "Element", path: Path) -> Region:
    # Direct children only: the centroid's coords2d is not a vertex.
    vertices = tuple(_point(vertex, path) for vertex in element.findall("coords2d"))
    if not vertices:
        raise InputError(f"{path}: a polygon without vertices; restore the original file")
    return PolygonRegion(vertices)


REGION_READERS: dict[str, Callable[["Element", Path], Region]] = {
    "circleregion": _circle,
    "ellipseregion": _ellipse,
    "polygonregion": _polygon,
}


def _size(root: "Element", path: Path) -> tuple[int, int] | None:
    stated = root.get("width", ""), root.get("height", "")
    if stated == ("", ""):
        return None
    if not all(re.fullmatch(r"[1-9][0-9]{0,5}", side) for side in stated):
        raise InputError(
            f"{path}: image size {stated[0]!r} x {stated[1]!r}, expected two whole numbers; restore the original file"
        )
    return int(stated[0]), int(stated[1])


def _lookup(known: dict[str, T], name: str | None, noun: str, path: Path) -> T:
    key = (name or "").strip()
    if key not in known:
        raise InputError(f"{path}: {noun} {key!r}, expected one of {', '.join(known)}; correct the file")
    return known[key]


def _point(element: "Element | None", path: Path) -> Point:
    numbers = (_text(element) or "").split(",")
    try:
        x, y = (float(number) for number in numbers)
        if not (np.isfinite(x) and np.isfinite(y)):
            raise ValueError
    except ValueError:
        raise InputError(f"{path}: point {_text(element)!r}, expected 'x,y'; restore the original file") from None
    return x, y


def _number(element: "Element | None", path: Path, *, signed: bool = False) -> float:
    try:
        number = float(_text(element) or "")
        if not np.isfinite(number) or (number < 0 and not signed) or abs(number) > 1e5:
            raise ValueError
    except ValueError:
        raise InputError(
            f"{path}: radius or angle {_text(element)!r}, expected a number; restore the original file"
        ) from None
    return number


def _text(element: "Element | None") -> str | None:
    return None if element is None or element.text is None else element.text.strip()
