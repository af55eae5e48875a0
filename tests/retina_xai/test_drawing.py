"""Overlays and contours: where nothing is, the photograph is untouched."""

import numpy as np

from retina_xai import drawing
from retina_xai.lesions.annotation import ANNOTATION_TYPES

GREY = np.full((60, 80, 3), 90, np.uint8)


def test_without_evidence_the_photograph_is_untouched():
    assert np.array_equal(drawing.overlay(GREY, np.zeros((60, 80))), GREY)


def test_evidence_is_drawn_where_it_is_and_stronger_is_more_opaque():
    evidence = np.zeros((60, 80))
    evidence[10, 20], evidence[30, 40], evidence[50, 60] = 0.8, 0.2, 0.001
    picture = drawing.overlay(GREY, evidence).astype(int)
    changed = np.abs(picture - 90).sum(axis=2)
    assert set(zip(*np.nonzero(changed), strict=True)) == {(10, 20), (30, 40)}
    expected = (1 - drawing.OPACITY) * 90 + drawing.OPACITY * drawing.heatmap(evidence)[10, 20]
    assert np.abs(picture[10, 20] - expected).max() <= 1


def test_every_annotation_type_has_its_colour():
    assert set(drawing.LESION_COLOURS) == set(ANNOTATION_TYPES)
    for name, colour in drawing.LESION_COLOURS.items():
        mask = np.zeros((60, 80), bool)
        mask[20:40, 30:50] = True
        picture = drawing.contours(GREY, {name: mask})
        assert tuple(picture[20, 40]) == colour
        assert np.array_equal(picture[30, 40], GREY[30, 40])
