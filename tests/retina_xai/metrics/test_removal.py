"""Log-odds without areas: closed forms of a linear network, batches, refusals."""

import numpy as np
import pytest
import torch
from torch import nn

from retina_xai.errors import InputError, ModelError
from retina_xai.metrics import removal
from retina_xai.metrics.removal import class_log_odds, log_odds_without


class LinearScores(nn.Module):
    """Logits (0, w x) of two classes."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images):
        positive = (images * self.weight).sum(dim=(1, 2, 3))
        return torch.stack([torch.zeros_like(positive), positive], dim=1)


@pytest.fixture
def linear():
    generator = torch.Generator().manual_seed(0)
    weight, image, reference = (torch.randn(3, 6, 8, generator=generator) for _ in range(3))
    return LinearScores(weight), image, reference


def test_log_odds_are_those_of_the_softmax_and_do_not_saturate():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(1)).double()
    p = logits.softmax(dim=1)[:, 2]
    torch.testing.assert_close(class_log_odds(logits, 2), (p / (1 - p)).log())
    assert class_log_odds(torch.tensor([[0.0, 80.0]]), 1).item() == 80
    with pytest.raises(ModelError, match="returns one logit per image"):
        class_log_odds(torch.zeros(2, 1), 0)


def test_a_linear_network_loses_what_the_removed_pixels_contributed(linear):
    model, image, reference = linear
    shares = torch.rand(11, 6, 8, generator=torch.Generator().manual_seed(2))
    found = log_odds_without(model, image, shares, 1, reference)
    change = (model.weight * (reference - image)).detach()
    expected = (model.weight * image).sum() + (shares[:, None] * change).sum(dim=(1, 2, 3))
    np.testing.assert_allclose(found, expected.detach(), rtol=1e-4)
    ends = log_odds_without(model, image, [torch.zeros(6, 8), torch.ones(6, 8)], 1)
    np.testing.assert_allclose(ends, [(model.weight * image).sum().item(), 0], atol=1e-5)


def test_the_batches_do_not_change_the_result(linear, monkeypatch):
    model, image, _ = linear
    shares = list(torch.rand(7, 6, 8, generator=torch.Generator().manual_seed(3)))
    whole = log_odds_without(model, image, shares, 1)
    monkeypatch.setattr(removal, "batch_for", lambda image, requested: 2)
    np.testing.assert_allclose(log_odds_without(model, image, shares, 1), whole, rtol=1e-6)
    assert len(log_odds_without(model, image, [], 1)) == 0


def test_shares_of_another_shape_are_refused(linear):
    model, image, _ = linear
    with pytest.raises(InputError, match=r"removed shares of \(5, 8\), expected \(6, 8\) as the image"):
        log_odds_without(model, image, [torch.zeros(5, 8)], 1)
