"""SmoothGrad against closed forms."""

import pytest
import torch
from helpers.networks import LinearLogit
from torch import nn

from retina_xai.errors import UsageError
from retina_xai.explainers.smooth_grad import SmoothGrad

WEIGHT = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(0)).double()
IMAGES = torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(1)).double()


class Cubic(nn.Module):
    """S_0 = sum of x^3 / 3, S_1 = 0; the gradient is x^2, and its mean over noise x^2 + sigma^2."""

    def forward(self, images):
        score = images.pow(3).flatten(1).sum(dim=1) / 3
        return torch.stack([score, torch.zeros_like(score)], dim=1)


def test_noise_does_not_change_the_gradient_of_a_linear_score():
    result = SmoothGrad(samples=3)(LinearLogit(WEIGHT), IMAGES, 0)
    torch.testing.assert_close(result.attribution, WEIGHT.expand_as(IMAGES))


def test_the_mean_over_noise_of_a_cubic_score():
    result = SmoothGrad(samples=20000, noise=0.1, batch=1000)(Cubic(), IMAGES, 0)
    sigma = 0.1 * (IMAGES.amax(dim=(1, 2, 3)) - IMAGES.amin(dim=(1, 2, 3)))[:, None, None, None]
    torch.testing.assert_close(result.attribution, IMAGES.square() + sigma**2, atol=0.1, rtol=0)
    assert (result.attribution - IMAGES.square()).mean().item() == pytest.approx(sigma.square().mean().item(), rel=0.1)


def test_copies_at_once_and_other_images_do_not_change_the_noise():
    model = Cubic()
    one, many = (SmoothGrad(samples=7, batch=batch)(model, IMAGES, 0).attribution for batch in (1, 4))
    torch.testing.assert_close(one, many)
    torch.testing.assert_close(SmoothGrad(samples=7)(model, IMAGES[1:], 0).attribution, one[1:])


def test_without_noise_it_is_the_gradient():
    result = SmoothGrad(samples=2, noise=0)(Cubic(), IMAGES, 0)
    torch.testing.assert_close(result.attribution, IMAGES.square())


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"noise": -0.1}, {"noise": float("nan")}, {"batch": 0}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="give at least 1"):
        SmoothGrad(**wrong)
