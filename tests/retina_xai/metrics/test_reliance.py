"""Reliance: closed forms of a linear network, and margins that allow no share."""

import math

import pytest
import torch
from torch import nn

from retina_xai.metrics.reliance import Margins, reliance


class SumOfPixels(nn.Module):
    """Logits (0, b + sum of all pixels)."""

    def __init__(self, bias):
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def forward(self, images):
        positive = images.sum(dim=(1, 2, 3)) + self.bias
        return torch.stack([torch.zeros_like(positive), positive], dim=1)


@pytest.mark.parametrize("bias", [0.0, -7.0, 30.0])
def test_an_area_of_a_linear_network_removes_and_keeps_its_own_contribution(bias):
    image = torch.rand(1, 6, 8, generator=torch.Generator().manual_seed(0))
    area = torch.zeros(6, 8)
    area[2:4, 3:7] = 1
    margins, (half, whole, none) = reliance(
        SumOfPixels(bias), image, [area, torch.ones(6, 8), torch.zeros(6, 8)], target=1
    )
    share = float((image[0] * area).sum() / image.sum())
    assert (half.removed, half.kept) == pytest.approx((share, share), abs=1e-4)
    assert (whole.removed, whole.kept) == pytest.approx((1, 1), abs=1e-5)
    assert (none.removed, none.kept) == pytest.approx((0, 0), abs=1e-5)
    assert margins.reference == pytest.approx(bias, abs=1e-6)
    assert half.without == pytest.approx(margins.image - float((image[0] * area).sum()), abs=1e-4)


def test_the_reference_is_what_removed_pixels_become():
    image, reference = torch.full((1, 4, 4), 2.0), torch.full((1, 4, 4), 0.5)
    margins, (one,) = reliance(SumOfPixels(0), image, [torch.eye(4)], target=1, reference=reference)
    assert (margins.image, margins.reference) == pytest.approx((32, 8))
    assert one.without == pytest.approx(32 - 4 * 1.5)
    assert one.removed == pytest.approx(0.25)


@pytest.mark.parametrize("reference", [3.0, 5.0, math.nan])
def test_without_a_positive_margin_the_shares_are_undefined(reference):
    one = Margins(3.0, reference).of(1.0, 2.0)
    assert (one.without, one.alone) == (1.0, 2.0)
    assert math.isnan(one.removed)
    assert math.isnan(one.kept)
