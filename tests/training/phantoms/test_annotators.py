"""Simulated annotators: the consensus covers the exact masks, single annotators make errors."""

from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from retina_xai.lesions.annotation import LESION_TYPES
from retina_xai.training.phantoms.annotators import MARKING_TYPES, annotate, annotation_file
from retina_xai.training.phantoms.phantom import Phantom, make_phantom

Inside = Callable[[np.ndarray, np.ndarray], np.ndarray]


@pytest.mark.parametrize("seed", range(6))
def test_three_of_four_cover_the_exact_masks(seed: int) -> None:
    phantom = make_phantom(seed, 576, 750, 4)
    votes = vote_maps(phantom, seed)
    for kind in LESION_TYPES:
        assert (votes[kind][phantom.masks[kind]] >= 3).all()


def test_markings_are_not_much_larger_than_the_lesions() -> None:
    phantom = make_phantom(3, 900, 1170, 2)
    votes = vote_maps(phantom, 3)
    for kind in LESION_TYPES:
        marked = (votes[kind] >= 3).sum()
        hulls = sum(int(np.prod(lesion.mask.shape)) for lesion in phantom.lesions if lesion.lesion_type == kind)
        assert marked <= 1.5 * hulls


def test_annotators_disagree() -> None:
    votes = [vote_maps(make_phantom(seed, 288, 375, 4), seed) for seed in range(4)]
    overlooked = sum(int((maps[kind] == 3).sum()) for maps in votes for kind in LESION_TYPES)
    unanimous = sum(int((maps[kind] == 4).sum()) for maps in votes for kind in LESION_TYPES)
    lonely = sum(int((maps[kind] == 1).sum()) for maps in votes for kind in LESION_TYPES)
    assert unanimous > overlooked > 0 and lonely > 0


def test_confidences_and_types_are_the_official_ones() -> None:
    sheets = annotate(make_phantom(2, 288, 375, 4), np.random.default_rng(0))
    roots = [ElementTree.fromstring(annotation_file(sheet, "_plain.xml", (64, 64))) for sheet in sheets]
    assert {element.text for root in roots for element in root.iter("confidencelevel")} == {"High", "Medium", "Low"}
    names = {element.text for root in roots for element in root.iter("markingtype")}
    assert names <= {*MARKING_TYPES.values(), "Disc", "Fundus_area"}


def test_healthy_eye_has_no_consensus() -> None:
    for seed in range(10):
        votes = vote_maps(make_phantom(seed, 288, 375, 0), seed)
        assert max(votes[kind].max() for kind in LESION_TYPES) < 3


def vote_maps(phantom: Phantom, seed: int) -> dict[str, np.ndarray]:
    """The number of annotators who mark each pixel, from the XML, by an independent reader."""
    kinds = {name: kind for kind, name in MARKING_TYPES.items()}
    votes = {kind: np.zeros(phantom.pixels.shape[:2], dtype=int) for kind in LESION_TYPES}
    for sheet in annotate(phantom, np.random.default_rng(seed)):
        drawn = {kind: np.zeros(phantom.pixels.shape[:2], dtype=bool) for kind in LESION_TYPES}
        for marking in ElementTree.fromstring(annotation_file(sheet, "_plain.xml", (64, 64))).iter("marking"):
            kind = kinds.get(marking.findtext("markingtype", ""))
            if kind is not None:
                draw(marking[0], drawn[kind])
        for kind in LESION_TYPES:
            votes[kind] += drawn[kind]
    return votes


def draw(region: ElementTree.Element, mask: np.ndarray) -> None:
    corners, inside = READERS[region.tag](region)
    left, top = np.maximum(0, np.floor(corners.min(axis=0)).astype(int))
    right, bottom = np.maximum(0, np.ceil(corners.max(axis=0)).astype(int)) + 1
    window = mask[top:bottom, left:right]
    y, x = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
    window |= inside(x, y)


def points_of(element: ElementTree.Element) -> np.ndarray:
    return np.array([[int(part) for part in (node.text or "").split(",")] for node in element.findall("coords2d")])


def ellipse(region: ElementTree.Element) -> tuple[np.ndarray, Inside]:
    centroid = region.find("centroid")
    assert centroid is not None
    (centre_x, centre_y) = points_of(centroid)[0]
    radii = [float(node.text or "") for node in region.findall("radius")]
    angle = np.radians(float(region.findtext("angle", "0")))

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        across, up = x - centre_x, centre_y - y  # on the screen y points up, in the file down
        along = across * np.cos(angle) + up * np.sin(angle)
        beside = up * np.cos(angle) - across * np.sin(angle)
        return np.asarray((along / radii[0]) ** 2 + (beside / radii[-1]) ** 2 <= 1.0)

    return np.array([centre_x, centre_y]) + max(radii) * np.array([[-1, -1], [1, 1]]), inside


def polygon(region: ElementTree.Element) -> tuple[np.ndarray, Inside]:
    """Convex: a point inside is on one side of all edges."""
    vertices = points_of(region)

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        sides = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in pairwise(vertices)]
        return np.asarray(np.all([side >= 0 for side in sides], axis=0) | np.all([side <= 0 for side in sides], axis=0))

    return vertices, inside


READERS: dict[str, Callable[[ElementTree.Element], tuple[np.ndarray, Inside]]] = {
    "circleregion": ellipse,
    "ellipseregion": ellipse,
    "polygonregion": polygon,
}
