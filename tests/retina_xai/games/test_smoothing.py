"""Gaussian smoothing against torchvision's, and against the Gaussian itself."""

import math

import pytest
import torch
from torchvision.transforms.v2.functional import gaussian_blur as torchvision_blur

from retina_xai.games.smoothing import gaussian_blur


@pytest.mark.parametrize(("radius", "sigma"), [(0, 0.3), (1, 0.5), (4, 1.25), (8, 2.5), (15, 10)])
@pytest.mark.parametrize("shape", [(1, 1, 40, 17), (3, 3, 16, 16)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_bit_equal_to_that_of_torchvision(radius, sigma, shape, dtype):
    images = torch.rand(shape, generator=torch.Generator().manual_seed(radius), dtype=dtype)
    expected = torchvision_blur(images, [2 * radius + 1] * 2, [sigma] * 2)
    assert torch.equal(gaussian_blur(images, radius, sigma), expected)


def test_a_point_becomes_a_gaussian():
    image = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    image[0, 0, 20, 20] = 1
    blurred = gaussian_blur(image, radius=12, sigma=2.0)
    assert float(blurred.sum()) == pytest.approx(1)
    for y, x in ((20, 20), (22, 20), (20, 17), (23, 24)):
        expected = math.exp(-((y - 20) ** 2 + (x - 20) ** 2) / 8) / (8 * math.pi)
        assert float(blurred[0, 0, y, x]) == pytest.approx(expected, rel=1e-5)
