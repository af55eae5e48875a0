"""How large a pixel is on the retina: in millimetres where the file says it, otherwise in estimated disc diameters.

The estimate takes the optic disc for a seventh of the diameter of the field of view. A normal disc is about 1.8 mm high
(Quigley et al., Archives of Ophthalmology 1990: 1.88 x 1.77 mm), and a field of 45 degrees shows about 13 mm of the
retina (0.29 mm per degree). It is rough: discs differ between eyes, and a camera of 30 or 60 degrees shows another
share. On nine photographs of three data sets (IDRiD, DiaretDB1, Mexico; three of each) the disc measured by eye was
0.12 to 0.20 of the field, in the mean 0.15. So no estimate is given in millimetres, and two digits are shown.
"""

import math
from dataclasses import dataclass

from retina_xai.fundus.field_of_view import FieldOfView, field_of_view
from retina_xai.io.images import Photograph

DISC_SHARE = 1 / 7
"""Diameter of the optic disc as a share of that of the field of view."""

MILLIMETRES, DISC_DIAMETERS = "mm", "DD"


@dataclass(frozen=True)
class RetinalScale:
    """Size of a pixel of the file, down and across, in `unit` ("mm" or "DD").

    `marked`: the disc diameter is that of a disc that a reader marked, not an estimated one.

    >>> RetinalScale("mm", 0.01, 0.01).area(400)
    0.04
    """

    unit: str
    down: float
    across: float
    marked: bool = False

    @property
    def estimated(self) -> bool:
        """Whether it rests on the assumption about the disc."""
        return self.unit == DISC_DIAMETERS and not self.marked

    def area(self, pixels: float) -> float:
        """An area in square millimetres, or in disc areas."""
        square = pixels * self.down * self.across
        return self.rounded(square / (math.pi / 4) if self.unit == DISC_DIAMETERS else square)

    def diameter(self, pixels: float) -> float:
        """Diameter of the disk with an area of so many pixels, in the unit."""
        return self.rounded(2 * math.sqrt(pixels * self.down * self.across / math.pi))

    def size(self, box: tuple[float, float, float, float]) -> tuple[float, float]:
        """Width and height of a box (left, top, right, bottom) in pixels, in the unit."""
        left, top, right, bottom = box
        return self.rounded((right - left) * self.across), self.rounded((bottom - top) * self.down)

    def rounded(self, value: float) -> float:
        """To the digits that mean something: six of millimetres, two of disc diameters."""
        return float(f"{value:.{2 if self.unit == DISC_DIAMETERS else 6}g}")


def marked_scale(scale: RetinalScale | None, diameter: float) -> RetinalScale:
    """The scale of a photograph on which a reader marked an optic disc of `diameter` pixels.

    Millimetres of the file stay: they need no assumption about the disc.

    >>> marked_scale(RetinalScale("DD", 0.01, 0.01), 50).size((0, 0, 25, 50))
    (0.5, 1.0)
    >>> marked_scale(RetinalScale("mm", 0.01, 0.01), 50).unit
    'mm'
    """
    if scale is not None and scale.unit == MILLIMETRES:
        return scale
    return RetinalScale(DISC_DIAMETERS, 1 / diameter, 1 / diameter, marked=True)


def retinal_scale(photograph: Photograph, aperture: FieldOfView | None = None) -> RetinalScale | None:
    """The scale of a photograph; None where it has no pixel spacing and no field of view was found.

    Args:
        aperture: its field of view, if that is known already.
    """
    if spacing := photograph.metadata.get("pixel_spacing_mm"):
        return RetinalScale(MILLIMETRES, *spacing)
    view = aperture or field_of_view(photograph.pixels)
    if not view.found:
        return None
    pixel = 1 / (DISC_SHARE * 2 * view.radius)
    return RetinalScale(DISC_DIAMETERS, pixel, pixel)
