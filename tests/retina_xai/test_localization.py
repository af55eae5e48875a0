"""From a photograph to lesions in file pixels."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.arrays import photograph_of
from torch import nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.explainers.explainer import Explanation
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.grad_cam import GradCAM
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.explainers.retina import RetinaFGVis
from retina_xai.games.references import GaussianNoise
from retina_xai.localization import localize, predict, summary
from retina_xai.models.checkpoint import load_classifier
from retina_xai.verdict import UNGRADABLE


class OneSpot:
    """An explainer whose evidence is one network pixel."""

    def __init__(self, row, column):
        self.place = row, column

    def __call__(self, model, images, targets=None, *, on_step=None):
        evidence = torch.zeros(1, *images.shape[-2:])
        evidence[0][self.place] = 1.0
        one = torch.ones(1)
        figures = (one.long(), one, one, one.long(), one, one.bool())
        return Explanation(evidence, evidence[None], *figures, {"method": "spot"})

    def settings(self):
        return {"method": "spot"}


def test_evidence_is_at_the_position_of_its_network_pixel_in_the_photograph(phantom_photograph, weights):
    classifier = load_classifier(weights)
    result = localize(phantom_photograph, classifier, OneSpot(40, 60))
    assert result.evidence.shape == phantom_photograph.pixels.shape[:2]
    (lesion,) = result.lesions
    expected = result.fundus.geometry.points_to_file(np.array([[60, 40]]))[0]
    assert lesion.shape.centroid == pytest.approx(tuple(expected), abs=0.75)


def test_evidence_outside_the_field_of_view_is_removed(phantom_photograph, weights):
    result = localize(phantom_photograph, load_classifier(weights), OneSpot(0, 0))
    assert result.evidence.max() == 0
    assert result.lesions == ()


def test_the_game_of_the_paper_runs_on_a_photograph(phantom_photograph, weights):
    classifier = load_classifier(weights)
    game = FGVis(game="deletion", lam=1e-10, lr=0.25, iterations=30, stop_score=0.1)
    result = localize(phantom_photograph, classifier, game)
    assert result.verdict.score == pytest.approx(predict(phantom_photograph, classifier).score)
    assert result.explanation.target.item() == 1
    figures = summary(result.explanation)
    assert figures["score_after"] < figures["score_before"] == pytest.approx(result.verdict.score, abs=1e-6)
    assert not result.evidence[~result.field_of_view].any()
    assert len(result.lesions) > 0


def test_the_methods_are_those_of_the_paper():
    assert fundus_explainer("fgvis") == FGVis(game="deletion", lam=1e-10, lr=0.25, iterations=500, stop_score=0.1)
    assert not fundus_explainer("fgvis-undefended").defended
    with pytest.raises(
        UsageError,
        match="unknown method 'magic': choose one of fgvis, fgvis-undefended, retina, ",
    ):
        fundus_explainer("magic")


def test_an_ungradable_photograph_is_never_called_free_of_disease(weights):
    classifier = load_classifier(weights)
    black = photograph_of(np.zeros((300, 300, 3), np.uint8), "black.png")
    result = localize(black, classifier)
    assert result.verdict.decision == UNGRADABLE
    assert result.explanation is None
    assert summary(None) is None
    assert localize(black, classifier, Saliency(), ungradable=True).explanation is not None


@pytest.mark.parametrize("work", [predict, localize])
def test_without_a_valid_score_there_is_no_decision(phantom_photograph, weights, work, monkeypatch):
    classifier = load_classifier(weights)
    monkeypatch.setattr(type(classifier), "scores", lambda *_: torch.tensor([math.nan]))
    name = phantom_photograph.name
    with pytest.raises(InputError, match=f"{name}: no decision, score nan: expected .* 0 to 1; check the weights"):
        work(phantom_photograph, classifier)


class TwoSpots(OneSpot):
    """Two spots, the second with 5 % of the evidence of the first; `fraction` is the candidate fraction."""

    def __init__(self, fraction=None):
        super().__init__(40, 60)
        self.fraction = fraction

    def __call__(self, model, images, targets=None, *, on_step=None):
        found = super().__call__(model, images, targets)
        found.evidence[0, 70, 60] = 0.05
        return found if self.fraction is None else replace(found, candidate_fraction=self.fraction)


@pytest.mark.parametrize(("fraction", "count"), [(None, 2), (0.07, 1)])
def test_candidates_begin_at_4_percent_or_at_the_fraction_of_the_method(phantom_photograph, weights, fraction, count):
    result = localize(phantom_photograph, load_classifier(weights), TwoSpots(fraction))
    assert len(result.lesions) == count
    assert (result.evidence[result.evidence < 0.06] > 0.02).any()


def test_saliency_is_the_gradient_of_the_logit():
    weight = torch.randn(2, 3, 5, 5)

    class Linear(nn.Module):
        def forward(self, images):
            return torch.einsum("nchw,kchw->nk", images, weight)

    result = Saliency()(Linear(), torch.randn(1, 3, 5, 5), targets=1)
    expected = weight[1].abs().amax(0)
    torch.testing.assert_close(result.evidence[0], expected / expected.max())


def test_grad_cam_is_the_weighted_sum_of_the_last_maps():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    images = torch.randn(1, 3, 20, 24)
    maps = model[1](model[0](images)).detach()
    # the gradient of a logit with respect to a map is its head weight over the number of pixels, everywhere
    expected = torch.relu(torch.einsum("k,nkhw->nhw", model[4].weight[2].detach(), maps))[:, None]
    expected = nn.functional.interpolate(expected, size=(20, 24), mode="bilinear", align_corners=False)[0, 0]
    for layer in (None, "1"):
        result = GradCAM(layer)(model, images, targets=2)
        torch.testing.assert_close(result.evidence[0], expected / expected.max(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ModelError, match="no layer 'nine' in Sequential"):
        GradCAM("nine")(model, images)
    with pytest.raises(ModelError, match="has no final feature map"):
        GradCAM()(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), torch.zeros(1, 3, 2, 2))


def test_grad_cam_refuses_a_network_with_token_layers_after_its_last_map():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.norm, self.head = nn.Conv2d(3, 4, 2, 2), nn.LayerNorm(4), nn.Linear(4, 3)

        def forward(self, images):
            return self.head(self.norm(self.patches(images).flatten(2).mT).mean(dim=1))

    images = torch.randn(1, 3, 8, 8)
    with pytest.raises(ModelError, match="has no final feature map"):
        GradCAM()(Tokens(), images)
    assert GradCAM(layer="patches")(Tokens(), images).evidence.shape == (1, 8, 8)


def test_the_retina_protocol_is_invariant_to_flips_if_the_network_is():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    images = torch.randn(1, 3, 32, 32)
    explain = RetinaFGVis(FGVis(lam=1e-6, lr=0.1, iterations=5))
    with torch.no_grad():
        model[0].weight.copy_((model[0].weight + model[0].weight.flip(3)) / 2)
    # this network is invariant to horizontal flips, so is the explanation (up to the noise of the start mask)
    evidence, mirrored = explain(model, images, 0).evidence, explain(model, images.flip(3), 0).evidence.flip(2)
    assert (evidence - mirrored).abs().max() < 0.05
    assert evidence.max() > 0.1


class KnownGame(FGVis):
    """Deletes one known pixel in the image as it is, another in each of its flips, half of it in all channels."""

    def __call__(self, model, images, targets=None, *, start=None, on_step=None):
        deleted = torch.zeros_like(images)
        deleted[..., 0, 1] = 0.5
        deleted[images[:, 0, 0, 0] == 4, :, 2, 3] = 0.5
        known = torch.ones(len(images))
        score = 0.8 * known
        figures = (known.long(), score, score, known.long(), known, known.bool())
        return Explanation(deleted.mean(1), deleted, *figures, {}, 1 - deleted, images)


def test_the_retina_protocol_is_the_power_mean_over_flips_of_the_capped_change_times_the_score():
    images = torch.full((1, 3, 6, 8), 4.0)
    images[..., 2, 3] = torch.tensor([0.2, 0.4, 3.0])
    images[0, 0, 0, 7] = images[0, 0, 5, 0] = images[0, 0, 5, 7] = 3.0
    explain = RetinaFGVis(KnownGame(), smoothing=0, magnifications=(1.0,))
    evidence = explain(nn.Identity(), images, 0).evidence[0]
    expected = torch.zeros(6, 8)
    # The first pixel changes by the cap of 1 in each of the four games, half deleted: at another place in each flip.
    expected[0, 1] = expected[0, 6] = expected[5, 1] = expected[5, 6] = (0.5**0.5 / 4) ** 2
    expected[2, 3] = ((0.5 * (0.2 + 0.4 + 1) / 3) ** 0.5 / 4) ** 2
    torch.testing.assert_close(evidence, 0.8 * expected / (0.8 * expected + explain.half_change))


def test_the_retina_protocol_takes_the_change_against_the_reference_of_its_game():
    images = torch.full((1, 3, 6, 8), 4.0)
    images[..., 2, 3] = torch.tensor([0.2, 0.4, 0.3])
    images[0, 0, 0, 7] = images[0, 0, 5, 0] = images[0, 0, 5, 7] = 3.0
    game = KnownGame(reference="noise", seed=3)
    explain = RetinaFGVis(game, smoothing=0, magnifications=(1.0,), half_change=0)
    evidence = explain(nn.Identity(), images, 0).evidence[0]
    change = (images - GaussianNoise()(images, 3))[0, :, 2, 3].abs().mean()
    ratio = (change / 1.0).item()  # the other pixel changes by the cap of 1, in each of four games instead of one
    assert evidence[2, 3] / evidence[0, 1] == pytest.approx(ratio, rel=1e-4)


def test_the_retina_protocol_has_no_evidence_if_the_game_ends_at_once():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    images = torch.randn(1, 3, 32, 32)
    result = RetinaFGVis(FGVis(lam=1e-10, stop_score=1.0))(model, images, 0)
    assert result.iterations.item() == 0
    assert result.evidence.abs().max() == 0


def test_the_retina_protocol_ignores_pixels_that_equal_the_reference():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    images = torch.randn(1, 3, 32, 32)
    images[..., :16] = 0
    game = FGVis(lam=0.0, lr=0.1, iterations=5)
    evidence = RetinaFGVis(game, smoothing=0, magnifications=(1.0,))(model, images, 0).evidence
    assert evidence[..., :16].max() == 0
    assert evidence[..., 16:].max() > 0
    spread = RetinaFGVis(game, smoothing=2 / 32)(model, images, 0).evidence
    assert spread[..., 15].max() > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RetinaFGVis(FGVis(game="generation")), "plays deletion, not generation"),
        (lambda: RetinaFGVis(smoothing=1.0), "smoothing 1.0: give a share"),
        (lambda: RetinaFGVis(fraction=7.0), "fraction 7.0: give a share of the maximum from 0 to 1"),
    ],
)
def test_the_retina_protocol_refuses_invalid_settings(make, message):
    with pytest.raises(UsageError, match=message):
        make()
