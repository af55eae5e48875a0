"""Outlines of masks, with and without holes: exact area, box and centroid, and the inverse."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from retina_xai.errors import UsageError
from retina_xai.lesions.outlines import mask_of, outline_of
from retina_xai.lesions.shapes import Disk, Outline

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)).filter(np.any)


@given(MASKS)
def test_an_outline_has_area_box_and_centroid_of_its_pixels(mask):
    outline = outline_of(mask)
    rows, columns = np.nonzero(mask)
    assert outline.area == mask.sum()
    assert outline.box == (columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5)
    assert outline.centroid == (columns.sum() / len(columns), rows.sum() / len(rows))


@given(MASKS)
def test_a_filled_outline_is_the_mask(mask):
    assert np.array_equal(mask_of(outline_of(mask), *mask.shape), mask)


@given(MASKS)
def test_every_vertex_is_a_corner_on_a_pixel_edge(mask):
    for ring in outline_of(mask).rings:
        assert all(value % 1 == 0.5 for point in ring for value in point)
        sides = [(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise((*ring, ring[0]))]
        assert all((dx == 0) != (dy == 0) for dx, dy in sides)
        assert all((a[0] == 0) != (b[0] == 0) for a, b in pairwise((*sides, sides[0])))


@given(MASKS, st.integers(-5, 5), st.integers(-5, 5))
def test_the_position_of_the_mask_is_added(mask, left, top):
    moved = [[(x + left, y + top) for x, y in ring] for ring in outline_of(mask).rings]
    assert [list(ring) for ring in outline_of(mask, left, top).rings] == moved


def test_a_rectangle_has_its_four_corners():
    mask = np.zeros((20, 20), bool)
    mask[5:9, 3:10] = True
    (ring,) = outline_of(mask).rings
    assert sorted(ring) == [(2.5, 4.5), (2.5, 8.5), (9.5, 4.5), (9.5, 8.5)]


def test_every_hole_is_a_ring():
    mask = np.ones((5, 5), bool)
    mask[1, 1] = mask[3, 3] = False
    outline = outline_of(mask)
    assert len(outline.rings) == 3
    assert sorted(min(ring) for ring in outline.holes) == [(0.5, 0.5), (2.5, 2.5)]
    assert outline_of(np.ones((5, 5), bool)).holes == ()


def test_pixels_that_touch_by_a_corner_are_one_ring():
    (ring,) = outline_of(np.eye(2, dtype=bool)).rings
    assert ring.count((0.5, 0.5)) == 2


def test_an_empty_mask_is_refused():
    with pytest.raises(UsageError, match=r"mask of shape \(2, 3\) without a pixel: expected at least one"):
        outline_of(np.zeros((2, 3), bool))


@given(st.lists(st.tuples(st.floats(-3, 12), st.floats(-3, 9)), min_size=3, max_size=6))
def test_any_polygon_is_filled_by_the_even_odd_rule(corners):
    """Against the crossing number of a ray, pixel by pixel."""
    assume(all(y % 1 for _, y in corners))
    expected = np.zeros((7, 10), bool)
    for row, column in np.ndindex(expected.shape):
        for (x0, y0), (x1, y1) in pairwise((*corners, corners[0])):
            if (y0 > row) != (y1 > row):
                crossing = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
                assume(abs(crossing - column) > 1e-9)
                expected[row, column] ^= crossing < column
    assert np.array_equal(mask_of(Outline((tuple(corners),)), 7, 10), expected)


def test_the_outline_of_a_disk_fills_the_disk_except_at_its_border():
    rows, columns = np.indices((40, 60))
    inside = np.hypot(columns - 30, rows - 20) < 15
    assert (mask_of(Disk(30.0, 20.0, 15.0).outline, 40, 60) != inside).sum() <= 12
