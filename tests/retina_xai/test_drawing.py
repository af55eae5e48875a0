"""Overlays and contours; pixels without evidence are unchanged."""

import numpy as np
import pytest

from retina_xai import drawing
from retina_xai.lesions.annotation import ANNOTATION_TYPES, LESION_TYPES

GREY = np.full((60, 80, 3), 90, np.uint8)


def test_without_evidence_the_photograph_is_unchanged():
    assert np.array_equal(drawing.overlay(GREY, np.zeros((60, 80))), GREY)


def test_evidence_is_drawn_at_its_pixels_and_opacity_grows_with_it():
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


@pytest.mark.parametrize("highest", [255, 128, 40, 5])
def test_the_heat_table_over_the_photograph_gives_the_overlay(highest):
    values = np.minimum(np.arange(256), highest).reshape(16, 16)
    evidence = (values / 255).astype(np.float32)
    pixels = np.full((16, 16, 3), (120, 60, 30), np.uint8)
    assert np.array_equal(drawing.grey_values(evidence), values)
    colours = drawing.heat_table(evidence)[values].astype(float)
    opacity = drawing.OPACITY * colours[..., 3:] / 255
    picture = (1 - opacity) * pixels + opacity * colours[..., :3]
    assert np.abs(picture - drawing.overlay(pixels, evidence)).max() <= 1


def test_without_evidence_the_heat_table_is_transparent():
    assert not drawing.heat_table(np.zeros((4, 4), np.float32))[0].any()


def test_casings_are_dark_below_light_colours_and_light_below_dark_ones():
    assert drawing.casing_of((255, 255, 255)) == drawing.casing_of(drawing.SELECTED_COLOUR) == drawing.DARK_CASING
    assert drawing.casing_of((0, 0, 0)) == drawing.casing_of((51, 105, 229)) == drawing.LIGHT_CASING


def test_lesion_types_of_other_data_sets_have_a_colour():
    assert drawing.lesion_colour("microaneurysms") == drawing.LESION_COLOURS["red_small_dots"]
    assert drawing.lesion_colour("drusen") == drawing.LESION_COLOURS["unspecified"]
    assert len({drawing.lesion_colour(name) for name in (*LESION_TYPES, "irma", "neovascularisation")}) == 6
