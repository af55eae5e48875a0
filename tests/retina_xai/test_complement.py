"""The score of the evidence alone, against a network with a closed form."""

import torch
from helpers.linear_score import FLOOR, LinearScore, weights

from retina_xai.complement import score_of_evidence
from retina_xai.explainers import FGVis, Saliency


def test_it_is_the_score_of_the_deleted_part():
    weight = weights(6, 5)
    model = LinearScore(weight)
    images = torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    explained = FGVis(lam=1e-10, lr=0.3, iterations=4, defended=False)(model, images, 0)
    expected = FLOOR + (((1 - explained.mask) * images).mean(dim=1) * weight).sum(dim=(1, 2))
    assert torch.allclose(score_of_evidence(model, images, explained), expected)
    assert torch.allclose(explained.score_before + FLOOR, explained.score_after + expected)


def test_without_a_mask_it_is_undefined():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2), torch.nn.ReLU())
    images = torch.rand(2, 3, 2, 2)
    assert score_of_evidence(model, images, Saliency()(model, images)).isnan().all()
