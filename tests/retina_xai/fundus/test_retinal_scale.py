"""Sizes on the retina: measured where the file has a spacing, estimated from the field of view, or not at all."""

import math

import numpy as np
import pytest
from helpers.arrays import photograph_of

from retina_xai.fundus.field_of_view import field_of_view
from retina_xai.fundus.retinal_scale import DISC_SHARE, RetinalScale, retinal_scale
from retina_xai.io.images import Photograph


def test_a_spacing_gives_millimetres(phantom_photograph):
    photograph = Photograph(phantom_photograph.pixels, "p", "", {"pixel_spacing_mm": [0.02, 0.01]})
    scale = retinal_scale(photograph)
    assert (scale.unit, scale.estimated) == ("mm", False)
    assert scale.area(500) == 0.1
    assert scale.diameter(500) == pytest.approx(2 * math.sqrt(0.1 / math.pi), rel=1e-5)
    assert scale.size((10, 20, 40, 60)) == (0.3, 0.8)


def test_a_disk_of_a_seventh_of_the_field_is_one_disc_whatever_the_resolution(phantom_photograph):
    for factor in (1, 2):
        pixels = phantom_photograph.pixels.repeat(factor, 0).repeat(factor, 1)
        radius = field_of_view(pixels).radius
        scale = retinal_scale(photograph_of(pixels, "p"))
        assert (scale.unit, scale.estimated) == ("DD", True)
        disc = math.pi * (DISC_SHARE * radius) ** 2
        assert (scale.area(disc), scale.diameter(disc)) == (1, 1)
        assert scale.size((0, 0, 2 * radius, DISC_SHARE * radius)) == (7, 0.5)


def test_an_estimate_has_two_digits():
    assert RetinalScale("DD", 1 / 30, 1 / 30).diameter(100) == 0.38


def test_without_spacing_and_field_of_view_there_is_no_scale():
    grey = np.random.default_rng(0).integers(90, 160, (200, 200, 3), np.uint8)
    assert retinal_scale(photograph_of(grey, "p")) is None
