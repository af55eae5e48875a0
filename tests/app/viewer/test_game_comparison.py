"""Games for the page of ImageNet games: each is the method with its settings, and its curve starts at game 0."""

import pytest
from helpers.tiny_network import photographs, tiny_network

from retina_xai.app.viewer.game_comparison import GameComparison, play_games
from retina_xai.app.viewer.jobs import Job
from retina_xai.explainers.explainer import Plan
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games.line_search import LAMBDAS
from retina_xai.io.images import read_image

SETTINGS = {"game": "generation", "lam": 1e-6, "lr": 0.2, "iterations": 6}
DEFENCE = {True: "one-sided", False: "none"}


@pytest.fixture
def network():
    return tiny_network()


@pytest.fixture
def image(network, tmp_path):
    return network.input_of(read_image(photographs(tmp_path, ("a",))[0]))


def test_each_game_is_played_for_the_class_with_or_without_the_defence(network, image):
    target = int(network.logits(image).argmin())
    played = play_games(image, network, GameComparison(**SETTINGS, target=target), Job(lambda _: None))
    assert [one.defended for one in played] == [True, False]
    for one in played:
        single = FGVis(**SETTINGS, scale="q99", defence=DEFENCE[one.defended])(network.model, image, target)
        steps = int(single.iterations)
        assert [(game, step) for game, step, _ in one.curve] == [(0, step) for step in range(steps + 1)]
        assert one.curve[-1][2] == pytest.approx(float(single.score_after))
        assert (one.target, one.converged, one.lam) == (target, bool(single.converged), pytest.approx(1e-6))
    assert played[0].curve[-1][2] != pytest.approx(played[1].curve[-1][2], rel=1e-3)


def test_one_game_and_the_most_likely_class(network, image):
    (one,) = play_games(image, network, GameComparison(**SETTINGS, defences=(False,)), Job(lambda _: None))
    assert not one.defended
    assert one.target == int(network.logits(image).argmax())


def test_the_plan_counts_all_games():
    assert GameComparison(lam=None, iterations=9).plan() == Plan(2 * len(LAMBDAS), 9)
    assert GameComparison(lam=1e-6, iterations=9, defences=(True,)).plan() == Plan(1, 9)
