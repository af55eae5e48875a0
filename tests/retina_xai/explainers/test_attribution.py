"""The signed values of each method before scaling, against closed forms."""

import pytest
import torch
from helpers.linear_score import LinearScore, weights
from helpers.networks import LinearLogit, TinyNet, smooth_images
from torch import nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import concatenate, rows
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.grad_cam import GradCAM
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.integrated_gradients import IntegratedGradients
from retina_xai.explainers.lime import LIME
from retina_xai.explainers.occlusion import Occlusion
from retina_xai.explainers.random_map import RandomMap
from retina_xai.explainers.retina import RetinaFGVis
from retina_xai.explainers.rise import RISE

IMAGES = torch.randn(2, 3, 8, 6, generator=torch.Generator().manual_seed(0)).double()
WEIGHT = torch.randn(3, 8, 6, generator=torch.Generator().manual_seed(1)).double()


def positive_share(values):
    """Positive part of one map, divided by its maximum."""
    return values.clamp(min=0) / values.max()


def test_gradients_of_a_linear_score():
    model = LinearLogit(WEIGHT)
    saliency, integral = (
        explain(model, IMAGES, target=0).attribution for explain in (Saliency(), IntegratedGradients())
    )
    assert torch.equal(saliency, WEIGHT.expand_as(IMAGES))
    torch.testing.assert_close(integral, WEIGHT * IMAGES, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(Saliency()(model, IMAGES, target=1).attribution, torch.zeros_like(IMAGES))


def test_grad_cam_keeps_the_size_and_sign_of_the_feature_map():
    convolution = nn.Conv2d(3, 4, 3, stride=2)
    head = nn.Linear(4, 2)
    model = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).double().eval()
    result = GradCAM()(model, IMAGES, target=1)
    maps = torch.einsum("k,nkij->nij", head.weight[1], convolution(IMAGES)) / 6
    torch.testing.assert_close(result.attribution, maps[:, None].detach())
    assert result.attribution.min() < 0


def test_occlusion_and_lime_have_negative_values_for_what_lowers_the_score():
    signed = weights(12, 12) - 0.004
    occluded = Occlusion(window=0.25, stride=0.25)(LinearScore(signed), torch.ones(1, 1, 12, 12).double(), target=0)
    squares = signed.reshape(4, 3, 4, 3).sum(dim=(1, 3)).repeat_interleave(3, 0).repeat_interleave(3, 1)
    torch.testing.assert_close(occluded.attribution[0, 0], squares, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(occluded.evidence[0], positive_share(occluded.attribution[0, 0]))
    fitted = LIME(samples=200, segments=9)(LinearScore(signed), torch.ones(1, 1, 12, 12).double(), target=1)
    assert fitted.attribution.min() < 0
    torch.testing.assert_close(fitted.evidence[0], positive_share(fitted.attribution[0, 0]))


def test_the_attribution_of_rise_is_a_mean_score():
    weight, images = weights(12, 12), torch.ones(1, 3, 12, 12).double()
    explain = RISE(masks=20, cells=3)
    result = explain(LinearScore(weight), images, target=0)
    masks = torch.cat(list(explain.draw((12, 12), 20)))[:, 0].double()
    scores = 0.1 + (masks * weight).sum(dim=(1, 2))
    expected = (scores[:, None, None] * masks).sum(dim=0) / masks.sum(dim=0)
    torch.testing.assert_close(result.attribution[0, 0], expected)
    torch.testing.assert_close(result.evidence[0], (expected - expected.min()) / (expected.max() - expected.min()))


def test_the_random_map_is_its_own_attribution():
    result = RandomMap(seed=3)(LinearLogit(WEIGHT), IMAGES)
    noise = result.attribution[:, 0]
    torch.testing.assert_close(result.evidence, noise / noise.amax(dim=(1, 2), keepdim=True))


@pytest.mark.parametrize("game", ["preservation", "generation", "deletion", "repression"])
def test_the_attribution_of_a_game_is_the_part_of_the_mask_that_is_evidence(game):
    result = FGVis(game=game, lam=1e-4, iterations=5)(TinyNet().eval(), smooth_images(2, 24))
    kept = result.mask if result.polarity == "keeps" else 1 - result.mask
    assert torch.equal(result.attribution, kept)
    torch.testing.assert_close(result.evidence, result.attribution.mean(dim=1))


def test_the_evidence_of_the_retina_protocol_rises_with_its_attribution_times_the_score():
    explain = RetinaFGVis(FGVis(lam=1e-6, lr=0.25, iterations=8))
    result = explain(TinyNet().eval(), smooth_images(2, 24))
    change = result.attribution[:, 0] * result.score_before[:, None, None]
    assert result.attribution.shape == (2, 1, 24, 24)
    torch.testing.assert_close(result.evidence, change / (change + explain.half_change))


def test_attributions_are_joined_and_selected_with_the_rest():
    made = Saliency()(LinearLogit(WEIGHT), IMAGES)
    both = concatenate([made, made])
    assert torch.equal(both.attribution, torch.cat([made.attribution, made.attribution]))
    assert torch.equal(rows(both, slice(1, 3)).attribution, both.attribution[1:3])


@pytest.mark.parametrize("explain", [Saliency(), FGVis(lam=1e-4, iterations=2)])
def test_target_is_another_name_of_targets(explain):
    model, images = TinyNet().eval(), smooth_images(2, 24)
    for target in (2, [2, 3], torch.tensor([2, 3])):
        named = explain(model, images, target=target)
        assert torch.equal(named.target, torch.as_tensor(target).expand(2))
        assert torch.equal(named.evidence, explain(model, images, targets=target).evidence)
    with pytest.raises(UsageError, match="both targets and target were given, which are two names of one argument"):
        explain(model, images, 2, target=2)
