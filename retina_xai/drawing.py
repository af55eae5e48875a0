"""Overlays of evidence on photographs, and contours of lesions. The colours of lesion types are defined only here.

Hues are those of the figures of FGVis: hard exudates green, soft exudates blue, haemorrhages orange, red small dots
red. Any two of the four colours have a CIEDE2000 distance above 20 in normal vision, protanopia, deuteranopia and
tritanopia (simulated after Machado, Oliveira and Fernandes, IEEE TVCG 2009). Evidence is divided by its maximum and
drawn from blue-green over cyan to white. These hues do not occur in the retina, and none is as dark as a haemorrhage or
as yellow as an exudate. The opacity grows with the evidence. Pixels without evidence are unchanged.
"""

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from retina_xai.lesions.annotation import EQUIVALENT_TYPES, UNSPECIFIED
from retina_xai.lesions.candidates import peak_of
from retina_xai.lesions.thresholds import FLOOR, FRACTION
from retina_xai.row_bands import RowSource, row_bands

Colour = tuple[int, int, int]

LESION_COLOURS: dict[str, Colour] = {
    "haemorrhages": (252, 168, 49),
    "hard_exudates": (73, 219, 187),
    "soft_exudates": (51, 105, 229),
    "red_small_dots": (200, 37, 4),
    UNSPECIFIED: (255, 255, 255),
}
"""RGB by annotation type (`lesions.annotation.ANNOTATION_TYPES`)."""

FURTHER_COLOURS: dict[str, Colour] = {
    "irma": (0, 200, 255),
    "neovascularisation": (255, 0, 255),
}
"""RGB of lesion types of other data sets."""

CANDIDATE_COLOUR: Colour = (255, 255, 255)
SELECTED_COLOUR: Colour = (255, 243, 79)
DISC_COLOUR: Colour = (197, 170, 255)
"""Of the optic disc that a reader marked."""

DARK_CASING, LIGHT_CASING = (0, 0, 0, 204), (255, 255, 255, 230)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
OPACITY = 0.85
GREY_VALUES = 256
EVIDENCE_COLOURS = LinearSegmentedColormap.from_list("evidence", ["#0c8599", "#3bc9db", "#c5f6fa", "#ffffff"])


def heatmap(evidence: np.ndarray) -> np.ndarray:
    """Evidence (H, W) as colours (H, W, 3) uint8, normalised by its maximum; all zero gives the lowest colour."""
    return _colours(evidence, float(evidence.max()))


def _colours(evidence: np.ndarray, peak: float) -> np.ndarray:
    colours = EVIDENCE_COLOURS(evidence / peak if peak > 0 else evidence)
    return np.asarray(np.rint(colours[..., :3] * 255), np.uint8)


def overlay(pixels: np.ndarray, evidence: RowSource) -> np.ndarray:
    """Evidence (H, W) in [0, 1] over a photograph (H, W, 3) uint8, the same shape and type.

    Only pixels selected by `lesions.candidates.binarise` are drawn. The opacity is proportional to the square root of
    the evidence, so that weak evidence is visible.
    """
    picture = np.empty_like(pixels)
    for rows, band in zip(row_bands(*pixels.shape[:2]), overlay_bands(pixels, evidence), strict=True):
        picture[rows] = band
    return picture


def overlay_bands(pixels: np.ndarray, evidence: RowSource) -> Iterator[np.ndarray]:
    """`overlay` in the bands of `row_bands`, for pictures that are too large for memory."""
    peak = peak_of(evidence)
    for rows in row_bands(*pixels.shape[:2]):
        band = evidence[rows]
        shown = (band >= FRACTION * peak) & (band > FLOOR)
        if not shown.any():
            yield pixels[rows]
            continue
        opacity = np.where(shown, OPACITY * np.sqrt(band / peak), 0)[..., None]
        yield np.asarray(np.rint((1 - opacity) * pixels[rows] + opacity * _colours(band, float(peak))), np.uint8)


def grey_values(evidence: np.ndarray) -> np.ndarray:
    """Evidence (H, W) in [0, 1] as an 8-bit picture (H, W) uint8, 255 = 1.0."""
    return np.asarray(np.rint(evidence * (GREY_VALUES - 1)), np.uint8)


def heat_table(evidence: np.ndarray) -> np.ndarray:
    """The colours of `overlay` for the grey values of `grey_values`: RGBA (256, 4) uint8.

    Blended over the photograph with the opacity OPACITY, they reproduce `overlay`.
    """
    values = (np.arange(GREY_VALUES) / (GREY_VALUES - 1)).astype(evidence.dtype)
    peak = float(evidence.max())
    share = np.minimum(values / peak, 1) if peak > 0 else values
    shown = (values >= FRACTION * peak) & (values > FLOOR)
    colours = EVIDENCE_COLOURS(share)
    colours[:, 3] = np.sqrt(share)
    return np.asarray(np.rint(np.where(shown[:, None], colours, 0) * 255), np.uint8)


def casing_of(colour: Colour) -> tuple[int, int, int, int]:
    """RGBA of the wider line drawn below a line of this colour: dark for light colours, light for dark ones."""
    linear = np.asarray(colour) / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)  # sRGB, IEC 61966-2-1
    return DARK_CASING if float(linear @ LUMINANCE) > 0.3 else LIGHT_CASING


def contours(pixels: np.ndarray, masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """A copy of a photograph (H, W, 3) uint8 with the outlines of (H, W) bool masks in their lesion type's colour."""
    picture = pixels.copy()
    for lesion_type, mask in masks.items():
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, lesion_colour(lesion_type), line_width(pixels))
    return picture


def lesion_colour(lesion_type: str) -> Colour:
    """RGB colour 0-255 of a lesion type of any data set; an unknown type has the colour of the unspecified one."""
    name = EQUIVALENT_TYPES.get(lesion_type, lesion_type)
    return (LESION_COLOURS | FURTHER_COLOURS).get(name, LESION_COLOURS[UNSPECIFIED])


def line_width(pixels: np.ndarray) -> int:
    """A line width, in pixels, that is visible at the size of this picture."""
    return max(1, round(int(max(pixels.shape[:2])) / 750))
