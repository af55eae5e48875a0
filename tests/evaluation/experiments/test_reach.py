"""Games toward a class: looks of the engine, judged ends, and rates."""

import math

import pytest
import torch
from helpers.networks import TinyNet, smooth_images
from helpers.tiny_network import tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.adversarial_evidence import AdversarialEvidence
from retina_xai.evaluation.experiments.reach import Reach, class_of_start, plain_games, rate, reach, reach_each
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games.defence import DEFENCES
from retina_xai.games.game import GAMES
from retina_xai.metrics.intervals import wilson


@pytest.fixture(scope="module")
def model():
    return TinyNet().eval()


def least_likely(model, images):
    with torch.no_grad():
        return model(images).argmin(dim=1)


@pytest.mark.parametrize("scale", ["max", "q99"])
@pytest.mark.parametrize("defence", DEFENCES)
def test_a_game_that_reaches_nothing_is_the_game_of_fgvis(model, defence, scale):
    images = smooth_images(1, 24)
    targets = least_likely(model, images)
    rules = {"lr": 0.001, "iterations": 8, "scale": scale, "strict_steps": 4, "slack": 1e-3}
    long = FGVis("generation", lam=1e-10, defence=defence, **rules)(model, images, targets)
    looked = reach(model, images, targets, Reach(**rules, judged_every=3), defence)
    assert not long.converged.any()
    assert torch.equal(looked.mask, long.mask)
    assert torch.equal(looked.score, long.score_after)
    assert looked.iterations.tolist() == [8]


def test_a_game_ends_at_the_first_look_at_which_its_class_is_the_most_likely(model):
    images, targets = smooth_images(1, 24).repeat(5, 1, 1, 1), torch.arange(5)
    result = reach(model, images, targets, Reach(iterations=20, judged_every=2), "none")
    with torch.no_grad():
        seen = model(result.mask * images).argmax(dim=1)
    assert torch.equal(result.converged, seen == targets)
    assert result.converged.any()
    assert not result.converged.all()
    for row in result.converged.nonzero()[:, 0].tolist():
        steps = int(result.iterations[row])
        assert steps % 2 == 0
        assert steps >= 2, "no look is before the first step"
        if steps > 2:
            earlier = Reach(iterations=steps - 2, judged_every=steps)
            assert not reach(model, images[row : row + 1], targets[row : row + 1], earlier, "none").converged


@pytest.mark.parametrize("defence", ["fgvis", "staged", "none"])
def test_several_classes_of_one_image_are_its_games_one_by_one(defence):
    network = tiny_network()
    image, classes = smooth_images(1, 32), torch.tensor([3, 0, 4])
    settings = Reach(iterations=6, judged_every=1, strict_steps=2)
    each = reach_each(network, image, classes, settings, defence)
    for row in range(3):
        alone = reach(network.model, image, classes[row : row + 1], settings, defence)
        assert torch.equal(each.mask[row], alone.mask[0])
        assert each.iterations[row] == alone.iterations[0]
        assert plain_games(each)[row] == plain_games(alone)[0]


def test_the_class_of_the_start_is_that_of_the_first_step():
    network, image = tiny_network(), smooth_images(1, 32)
    start = GAMES["generation"].start_mask(image.shape, 3, image)
    assert class_of_start(network, image, 3) == int(network.logits(start * image).argmax())


def test_rates_and_their_intervals():
    games = [{"reached": True, "steps": 10 + number} for number in range(3)] + [{"reached": False, "steps": 60}]
    figures = rate(games)
    assert (figures[""], figures["n"], figures["median_steps"]) == (0.75, 4, 11)
    assert (figures["low"], figures["high"]) == (wilson(3, 4).low, wilson(3, 4).high)
    nothing = rate(games[3:])
    assert nothing[""] == 0
    assert math.isnan(nothing["median_steps"])
    assert math.isnan(rate([])[""])


def test_senseless_settings_are_refused():
    with pytest.raises(UsageError, match="lr 0, lam 1e-10, iterations 100"):
        Reach(lr=0)
    with pytest.raises(UsageError, match=r"scale 'p50', strict_steps 40, slack 1e-05: give max or q99"):
        Reach(scale="p50")
    with pytest.raises(UsageError, match="slack -1: give"):
        Reach(slack=-1)
    with pytest.raises(UsageError, match="lr -1"):
        AdversarialEvidence(lr=-1)
    for wrong in ((), ("magic",), ("none", "none")):
        with pytest.raises(UsageError, match="give each once, of fgvis, reference, staged, none"):
            AdversarialEvidence(defences=wrong)
