"""Integrated gradients against closed forms."""

import pytest
import torch
from torch import nn

from retina_xai.errors import UsageError
from retina_xai.explainers.integrated_gradients import IntegratedGradients


class Quadratic(nn.Module):
    """S_0 = sum over pixels of w x^2, S_1 = 0: the attribution of each value is w x^2, its share of the score."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, images):
        score = (self.weights * images.square()).flatten(1).sum(dim=1)
        return torch.stack([score, torch.zeros_like(score)], dim=1)


@pytest.fixture
def case():
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randn(3, 6, 5, generator=generator, dtype=torch.float64) for _ in range(2)]
    return Quadratic(draw[0]), draw[1][None]


def test_the_attribution_of_a_quadratic_score_is_each_values_own_term(case):
    model, image = case
    terms = model.weights.detach() * image[0].square()
    result = IntegratedGradients(points=3)(model, image, 0)
    found = result.attribution[0]
    assert found == pytest.approx(terms, abs=1e-6)  # Captum keeps the weights of its quadrature in float32
    assert float(found.sum()) == pytest.approx(float(model(image).detach()[0, 0]), abs=1e-6)
    summed = terms.abs().sum(dim=0)
    assert result.evidence[0].numpy() == pytest.approx((summed / summed.max()).numpy(), abs=1e-6)


def test_more_points_at_once_change_rounding_only(case):
    model, image = case
    one, many = (IntegratedGradients(points=8, batch=batch)(model, image, 0).evidence for batch in (1, 8))
    assert one.numpy() == pytest.approx(many.numpy(), abs=1e-6)


def test_a_class_whose_score_is_constant_has_no_evidence(case):
    model, image = case
    assert float(IntegratedGradients()(model, image, 1).evidence.max()) == 0


@pytest.mark.parametrize("wrong", [{"points": 0}, {"batch": 0}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="give at least 1 "):
        IntegratedGradients(**wrong)
