"""The class image of scores whose maximum is known."""

import pytest
import torch
from helpers.networks import LinearLogit, smooth_images
from torch import nn

from retina_xai.errors import UsageError
from retina_xai.explainers.class_model import START, ClassModel

WEIGHT = torch.randn(3, 8, 6, generator=torch.Generator().manual_seed(1)).double()
IMAGES = torch.zeros(2, 3, 8, 6).double()


def test_without_a_norm_a_linear_score_is_climbed_straight():
    result = ClassModel(lam=0, lr=0.1, iterations=7, seed=4)(LinearLogit(WEIGHT), IMAGES, 0)
    start = START * torch.randn(3, 8, 6, generator=torch.Generator().manual_seed(4))
    expected = start + 0.7 * WEIGHT / WEIGHT.square().mean().sqrt()
    torch.testing.assert_close(result.attribution, expected.expand(2, -1, -1, -1))
    largest = expected.abs().amax(dim=0)
    torch.testing.assert_close(result.evidence[1], largest / largest.max())
    assert result.iterations.tolist() == [7, 7]
    assert result.converged.tolist() == [True, True]


def test_the_norm_ends_the_climb_where_the_objective_is_largest():
    lr = 0.01
    result = ClassModel(lam=0.5, lr=lr, iterations=400)(LinearLogit(WEIGHT), IMAGES[:1], 0)
    error = result.attribution[0] - WEIGHT  # w x - x^2 / 2 is largest at x = w
    assert error.square().mean().sqrt() < lr


def test_a_class_without_a_gradient_has_no_image():
    result = ClassModel(iterations=3)(LinearLogit(WEIGHT), IMAGES, torch.tensor([0, 1]))
    assert result.converged.tolist() == [True, False]
    assert result.attribution[1].abs().max() == 0
    assert result.evidence[1].max() == 0


def test_the_score_of_the_class_image_is_higher_and_the_photograph_does_not_matter():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    model, images = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 5)).eval(), smooth_images(2, 24)
    result = ClassModel()(model, images, 3)
    assert torch.equal(result.attribution[0], result.attribution[1])
    with torch.no_grad():
        before, after = model(images)[:, 3].max(), model(result.attribution)[0, 3]
    assert after > before


@pytest.mark.parametrize("wrong", [{"lam": -1.0}, {"lr": 0.0}, {"lr": float("nan")}, {"iterations": 0}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="give a weight of at least 0, a positive step and at least 1 iteration"):
        ClassModel(**wrong)
