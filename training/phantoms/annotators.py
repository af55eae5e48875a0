"""Annotations of a phantom by four simulated experts, in the XML format of DiaretDB1 version 2.1.

Each annotator marks a lesion (hard exudates: a cluster) by a circle, ellipse or polygon around its exact mask, with a
random margin and a shift smaller than the margin, integer coordinates and a confidence. At most one of the four misses
a lesion, so the consensus of three of four covers every lesion. As in the real files, some markings are not lesions
(the disc, rarely the field of view), and some are made by one annotator only.

Format: a region's centroid comes before its vertices. An ellipse has two radii, "x" and "y", and an angle in degrees,
counter-clockwise on the screen. Every marking has a representative point inside its region.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from retina_xai.training.phantoms.phantom import Phantom

ANNOTATORS = ("01", "02", "03", "04")
MARKING_TYPES: dict[str, str] = {
    "haemorrhages": "Haemorrhages",
    "hard_exudates": "Hard_exudates",
    "soft_exudates": "Soft_exudates",
    "red_small_dots": "Red_small_dots",
}
CONFIDENCES = ("High", "Medium", "Low")
DOCTYPES: dict[str, str] = {
    ".xml": '<!DOCTYPE imgannotool SYSTEM "http://www.it.lut.fi/project/imageret/imgannotool/downloads/'
    'imgannotool_dataformat_v_0_1.dtd">',
    "_plain.xml": "<!DOCTYPE imgannotool>",
}
MISSED_SHARE = 0.25  # share of the lesions that one of the four annotators misses
FALSE_MARKING_SHARE = 0.3  # share of the annotators with one marking that is not a lesion


@dataclass(frozen=True)
class _Outline:
    """The vertices (K, 2) of a lesion's convex hull, pixel corners included."""

    hull: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        return np.asarray((self.hull.min(axis=0) + self.hull.max(axis=0)) / 2.0)

    @property
    def reach(self) -> float:
        """Radius of the circle around the centre that contains the hull."""
        return float(np.hypot(*(self.hull - self.centre).T).max())


def annotate(phantom: Phantom, rng: np.random.Generator) -> list[list[str]]:
    """One list of <marking> elements per annotator."""
    annotations: list[list[str]] = [[] for _ in ANNOTATORS]
    for lesion in phantom.lesions:
        if not lesion.mask.any():
            continue
        outline = _outline(lesion.mask, lesion.left, lesion.top)
        missed_by = int(rng.integers(len(ANNOTATORS))) if rng.random() < MISSED_SHARE else -1
        for annotator, markings in enumerate(annotations):
            if annotator != missed_by:
                markings.append(_mark(outline, MARKING_TYPES[lesion.lesion_type], rng))
    for markings in annotations:
        if rng.random() < FALSE_MARKING_SHARE:
            markings.append(_false_marking(phantom, rng))
        rng.shuffle(markings)
    _add_anatomy(annotations, phantom, rng)
    return annotations


def annotation_file(markings: list[str], suffix: str, size: tuple[int, int]) -> str:
    """The whole XML file of one annotator; `suffix` is a key of DOCTYPES, `size` the photograph's (height, width).

    The official files do not state the size, because all photographs have 1500x1152 pixels; phantoms may have others.
    """
    header = (
        "<header>\n<creator>Phantom</creator>\n"
        '<software version="1">retina-xai</software>\n'
        "<affiliation>none: simulated annotator of a procedural photograph</affiliation>\n"
        "<copyrightnotice>Apache-2.0</copyrightnotice>\n</header>"
    )
    body = "".join(f"{marking}\n" for marking in markings)
    return (
        f'<?xml version="1.0" standalone="no"?>\n{DOCTYPES[suffix]}\n'
        f'<imgannotooldata width="{size[1]}" height="{size[0]}">\n{header}\n'
        f"<markinglist>\n{body}</markinglist>\n</imgannotooldata>\n"
    )


def _outline(mask: np.ndarray, left: int, top: int) -> _Outline:
    rows, columns = np.nonzero(mask)
    corners = [(columns + left + dx, rows + top + dy) for dx in (-0.5, 0.5) for dy in (-0.5, 0.5)]
    points = np.concatenate([np.stack(corner, axis=1) for corner in corners]).astype(np.float32)
    return _Outline(cv2.convexHull(points)[:, 0, :].astype(np.float64))


def _mark(outline: _Outline, name: str, rng: np.random.Generator) -> str:
    """One annotator's marking of one lesion; its region contains the whole lesion."""
    margin = 2.0 + rng.uniform(0.1, 0.35) * outline.reach
    shift = rng.uniform(-0.4, 0.4, 2) * margin / np.sqrt(2.0)
    shapes: tuple[Callable[[_Outline, np.ndarray, float], str], ...] = (_circle, _ellipse, _polygon)
    shares = (0.7, 0.15, 0.15) if outline.reach < 15.0 else (0.25, 0.35, 0.4)
    shape = shapes[int(rng.choice(3, p=shares))]
    confidence = str(rng.choice(CONFIDENCES, p=(0.7, 0.22, 0.08)))
    return _marking(shape(outline, shift, margin), outline.centre, confidence, name)


def _marking(region: str, point: np.ndarray, confidence: str, name: str) -> str:
    return (
        f"<marking>{region}<representativepoint>{_point(point)}</representativepoint>"
        f"<confidencelevel>{confidence}</confidencelevel><markingtype>{name}</markingtype></marking>"
    )


def _point(point: np.ndarray) -> str:
    x, y = (int(value) for value in np.rint(point))
    return f"<coords2d>{x},{y}</coords2d>"


def _centroid(point: np.ndarray) -> str:
    return f"<centroid>{_point(point)}</centroid>"


def _circle(outline: _Outline, shift: np.ndarray, margin: float) -> str:
    radius = int(np.ceil(outline.reach + margin))
    centroid = _centroid(outline.centre + shift)
    return f'<circleregion>{centroid}<radius direction="x">{radius}</radius></circleregion>'


def _ellipse(outline: _Outline, shift: np.ndarray, margin: float) -> str:
    """The smallest ellipse with the aspect ratio of the principal axes that contains the hull, plus the margin."""
    offsets = outline.hull - outline.centre
    values, vectors = np.linalg.eigh(offsets.T @ offsets)
    along, across = offsets @ vectors[:, 1], offsets @ vectors[:, 0]
    ratio = float(np.clip(np.sqrt(values[0] / values[1]), 0.3, 1.0)) if values[1] > 0.0 else 1.0
    major = float(np.hypot(along, across / ratio).max())
    radii = np.ceil(np.array([major, ratio * major]) + margin).astype(int)
    # y points downwards, so an angle that is counter-clockwise on the screen has the opposite sign
    angle = round(float(-np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))) % 180.0)
    return (
        f'<ellipseregion>{_centroid(outline.centre + shift)}<radius direction="x">{radii[0]}</radius>'
        f'<radius direction="y">{radii[1]}</radius><angle>{angle}</angle></ellipseregion>'
    )


def _polygon(outline: _Outline, shift: np.ndarray, margin: float) -> str:
    """The hull enlarged by the margin as a closed polygon: the first vertex is repeated at the end."""
    angles = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
    ring = 1.06 * margin * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = (outline.hull[:, None, :] + ring + shift).reshape(-1, 2).astype(np.float32)
    wide = cv2.convexHull(points)[:, 0, :]
    vertices = cv2.approxPolyDP(wide[:, None, :], 0.1 * margin, True)[:, 0, :]
    vertices = np.vstack([vertices, vertices[:1]])
    return f"<polygonregion>{_centroid(outline.centre + shift)}{''.join(map(_point, vertices))}</polygonregion>"


def _false_marking(phantom: Phantom, rng: np.random.Generator) -> str:
    """A marking of low confidence at a random place of the retina."""
    x, y, radius = phantom.field
    place = np.array([x, y]) + rng.uniform(-0.5, 0.5, 2) * radius
    size = int(np.ceil(rng.uniform(0.006, 0.02) * radius))
    region = f'<circleregion>{_centroid(place)}<radius direction="x">{size}</radius></circleregion>'
    name = str(rng.choice(list(MARKING_TYPES.values())))
    return _marking(region, place, "Low", name)


def _add_anatomy(annotations: list[list[str]], phantom: Phantom, rng: np.random.Generator) -> None:
    """Add markings that are not lesions: the disc (by half of the annotators) and, rarely, the field of view."""
    circles = [("Disc", phantom.disc, 0.5), ("Fundus_area", phantom.field, 0.05)]
    for markings in annotations:
        for name, (x, y, radius), share in circles:
            if rng.random() < share:
                centre = np.array([x, y])
                size = f'<radius direction="x">{int(np.ceil(radius))}</radius>'
                region = f"<circleregion>{_centroid(centre)}{size}</circleregion>"
                markings.append(_marking(region, centre, "High", name))
