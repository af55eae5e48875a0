"""Concentration and position of evidence, against closed forms."""

import math

import pytest
import torch

from retina_xai.errors import InputError
from retina_xai.metrics.complexity import complexity, sparseness
from retina_xai.metrics.pointing import mass_accuracy, pointing_hit, rank_accuracy


def test_gini_index_and_entropy_of_known_maps():
    evidence = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    differences = (evidence.flatten()[:, None] - evidence.flatten()).abs().sum()
    assert sparseness(evidence) == pytest.approx(float(differences) / (2 * 4 * 10))
    shares = [0.1, 0.2, 0.3, 0.4]
    assert complexity(evidence) == pytest.approx(-sum(one * math.log(one) for one in shares))
    assert complexity(10 * evidence) == pytest.approx(complexity(evidence))
    assert math.isnan(sparseness(torch.zeros(3, 3)))
    assert math.isnan(complexity(torch.zeros(3, 3)))


def test_evidence_on_the_object():
    truth = torch.zeros(4, 4, dtype=torch.bool)
    truth[1:3, 1:3] = True
    evidence = torch.zeros(4, 4)
    evidence[1, 1], evidence[1, 2], evidence[0, 0], evidence[3, 3] = 4, 3, 2, 1
    assert pointing_hit(evidence, truth) == 1.0
    assert mass_accuracy(evidence, truth) == pytest.approx(0.7)
    assert rank_accuracy(evidence, truth) == pytest.approx(0.5)
    assert pointing_hit(evidence.flip(0, 1) * ~truth, truth) == 0.0


def test_ties_are_drawn_so_that_a_flat_map_scores_the_size_of_the_object():
    truth = torch.zeros(10, 10, dtype=torch.bool)
    truth[:, :3] = True
    hits = [pointing_hit(torch.ones(10, 10), truth, seed) for seed in range(200)]
    assert 0.2 < sum(hits) / 200 < 0.4
    assert mass_accuracy(torch.ones(10, 10), truth) == pytest.approx(0.3)


def test_without_an_object_or_evidence_it_is_undefined():
    none, some = torch.zeros(3, 3, dtype=torch.bool), torch.ones(3, 3, dtype=torch.bool)
    assert all(math.isnan(one(torch.ones(3, 3), none)) for one in (pointing_hit, mass_accuracy, rank_accuracy))
    assert math.isnan(mass_accuracy(torch.zeros(3, 3), some))
    with pytest.raises(InputError, match=r"the object has shape \(3, 3\), expected \(2, 2\)"):
        pointing_hit(torch.ones(2, 2), some)
