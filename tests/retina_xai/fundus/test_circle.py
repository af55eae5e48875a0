"""The least-squares circle of the field of view against that of skimage."""

import numpy as np
import pytest
from skimage.measure import CircleModel

from retina_xai.fundus.field_of_view import least_squares_circle


@pytest.mark.parametrize("noise", [0.0, 0.3, 20.0])
@pytest.mark.parametrize("count", [3, 20, 1500])
@pytest.mark.parametrize("arc", [0.5, 4.0, 2 * np.pi])
def test_it_is_that_of_skimage(noise, count, arc):
    random = np.random.default_rng(count)
    angles = random.uniform(0, arc, count)
    points = np.stack([250 + 180 * np.cos(angles), 200 + 180 * np.sin(angles)], axis=1)
    points = np.rint(points + noise * random.normal(size=points.shape))
    expected = CircleModel.from_estimate(points)
    assert least_squares_circle(points) == (*expected.center, expected.radius)


def test_points_of_a_circle_give_the_circle():
    angles = np.linspace(0, 3, 50)
    points = np.stack([30 + 12 * np.cos(angles), -7 + 12 * np.sin(angles)], axis=1)
    assert least_squares_circle(points) == pytest.approx((30, -7, 12))


@pytest.mark.parametrize("points", [[(1, 1)] * 5, [(0, 0), (1, 1), (2, 2), (5, 5)], [(0, 0), (3, 1)]])
def test_points_without_a_circle_have_none(points):
    assert least_squares_circle(np.array(points, float)) is None
    assert not CircleModel.from_estimate(np.array(points, float))
