"""The map that is ranked, and the same map under the controls."""

from dataclasses import replace

import numpy as np
import torch
from helpers.tiny_network import tiny_network

from retina_xai.evaluation.comparison import maps
from retina_xai.evaluation.comparison.maps import ExplainedCase, dense_ranks, largest_tie
from retina_xai.evaluation.comparison.registry import METRICS
from retina_xai.explainers.occlusion import Occlusion
from retina_xai.explainers.random_map import RandomMap
from retina_xai.metrics.deletion import CurveSettings, removal_curve, removal_order


def occluded(seed=0):
    network = tiny_network()
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    explainer = Occlusion()
    return ExplainedCase(network, image, explainer, explainer(network.model, image, 0), seed=5)


def test_equal_evidence_is_ordered_by_the_signed_attribution():
    case = occluded()
    clipped = case.evidence == 0
    assert 0.05 < clipped.double().mean() < 1
    signed = case.explanation.attribution[0, 0]
    order = removal_order(case.ranking)
    assert (signed.flatten()[order].diff() <= 1e-6).all(), "occlusion's evidence is its attribution, clipped at 0"
    assert largest_tie(case.ranking) < largest_tie(dense_ranks(case.evidence, torch.zeros(32, 32)))


def test_the_order_of_unequal_evidence_is_kept():
    generator = torch.Generator().manual_seed(1)
    evidence, other = torch.rand(9, 7, generator=generator), torch.randn(9, 7, generator=generator)
    assert torch.equal(removal_order(dense_ranks(evidence, other)), removal_order(evidence))
    assert largest_tie(torch.tensor([[1.0, 1.0, 1.0, 2.0]])) == 0.75


def test_deletion_is_that_of_the_unclipped_ranking_and_its_control_that_of_the_evidence():
    case = occluded()
    for metric, of in (("deletion", case.ranking), ("deletion-clipped", case.evidence)):
        curve = removal_curve(case.network.model, case.image[0], of, 0, CurveSettings())
        assert METRICS[metric].measure(case) == curve.auc
    assert METRICS["deletion"].measure(case) != METRICS["deletion-clipped"].measure(case)
    assert METRICS["insertion"].measure(case) != METRICS["deletion"].measure(case)
    assert METRICS["deletion-blur"].measure(case) != METRICS["deletion"].measure(case)


def test_a_curve_of_the_same_order_is_computed_once(monkeypatch):
    case = occluded()
    random = RandomMap(seed=1)
    distinct = replace(case, explainer=random, explanation=random(case.network.model, case.image, 0), areas={})
    calls = []
    monkeypatch.setattr(maps, "removal_curve", lambda *given: calls.append(given) or removal_curve(*given))
    plain, clipped = (METRICS[key].measure(distinct) for key in ("deletion", "deletion-clipped"))
    assert plain == clipped
    assert len(calls) == 1
    assert METRICS["insertion"].measure(distinct) != plain
    assert METRICS["deletion-blur"].measure(distinct) != plain
    assert len(calls) == 3


def test_noise_scatters_the_evidence_and_leaves_zeros_alone():
    case = occluded()
    noisy = case.times_noise
    assert torch.equal(noisy == 0, case.evidence == 0)
    assert (noisy <= case.evidence).all()
    assert torch.equal(noisy, case.times_noise), "the same noise for every metric and method"


def test_the_noise_is_not_that_of_the_random_map():
    case = occluded()
    random = RandomMap(seed=case.seed)
    flat = replace(case, explainer=random, explanation=random(case.network.model, case.image, 0))
    assert not torch.equal(removal_order(flat.times_noise), removal_order(flat.evidence))


def test_the_blur_keeps_the_sum_and_removes_single_pixels():
    case = occluded()
    case.explanation.evidence[:] = 0
    case.explanation.evidence[0, 16, 16] = 1
    smooth = case.smoothed
    assert float(smooth.sum()) == np.float32(1.0) or abs(float(smooth.sum()) - 1) < 1e-5
    assert float(smooth.max()) == float(smooth[16, 16]) < 0.2
