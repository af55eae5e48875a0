"""Shapes: closed forms of area, box and centroid; the border of the picture; unfit shapes are refused."""

import math

import pytest

from retina_xai.errors import InputError
from retina_xai.lesions.shapes import Disk, Outline

TRIANGLE = Outline((((10.0, 20.0), (30.0, 20.0), (30.0, 60.0)),))


def test_a_triangle_in_closed_form():
    assert TRIANGLE.area == 400
    assert TRIANGLE.box == (10, 20, 30, 60)
    assert TRIANGLE.centroid == pytest.approx((70 / 3, 100 / 3))


def test_the_direction_of_a_ring_does_not_matter():
    turned = Outline((TRIANGLE.rings[0][::-1],))
    assert (turned.area, turned.centroid, turned.holes) == (TRIANGLE.area, TRIANGLE.centroid, ())


def test_the_area_of_a_hole_is_subtracted():
    outer = ((-0.5, -0.5), (3.5, -0.5), (3.5, 1.5), (-0.5, 1.5))
    hole = ((0.5, 0.5), (0.5, 1.5), (1.5, 1.5), (1.5, 0.5))
    assert Outline((outer, hole)).area == 7
    assert Outline((outer, hole)).holes == (hole,)
    assert Outline((outer, hole)).centroid == ((8 * 1.5 - 1) / 7, (8 * 0.5 - 1) / 7)


def test_a_line_has_no_area_and_its_middle_as_centroid():
    line = Outline((((1.0, 1.0), (5.0, 5.0), (9.0, 9.0)),))
    assert (line.area, line.centroid) == (0, (5, 5))


def test_a_disk_and_its_outline():
    disk = Disk(3.0, 4.0, 2.0)
    assert (disk.area, disk.box, disk.centroid) == (math.pi * 4, (1, 2, 5, 6), (3, 4))
    (ring,) = disk.outline.rings
    assert [math.dist((3, 4), point) for point in ring] == pytest.approx([2] * 64)
    assert disk.outline.area == pytest.approx(64 / 2 * 4 * math.sin(math.tau / 64))
    assert disk.outline.centroid == pytest.approx((3, 4))


def test_points_beyond_the_border_are_moved_onto_it():
    assert Outline((((-3.0, 1.0), (9.0, 1.0), (9.0, 8.0)),)).within(5, 4).rings == (((-0.5, 1), (4.5, 1), (4.5, 3.5)),)
    assert Disk(-3.0, 9.0, 2.0).within(5, 4) == Disk(-0.5, 3.5, 2.0)
    assert TRIANGLE.within(400, 320) == TRIANGLE


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Disk(1, 2, 0), "disk of radius 0: expected more than 0 pixels"),
        (lambda: Disk(math.inf, 2, 1), "disk with a coordinate that is not a finite number"),
        (lambda: Outline(()), "outline without a ring: expected at least one"),
        (lambda: Outline((((0, 0), (1, 1)),)), "outline with a ring of 2 points: expected at least 3"),
        (lambda: Outline((((0, 0), (1, 1), (1, math.nan)),)), "outline with a coordinate that is not a finite number"),
        (lambda: Outline((((0, 0), (1, 1), (1,)),)), "point that is not"),
    ],
)
def test_unfit_shapes_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
