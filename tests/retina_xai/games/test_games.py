"""The four games against closed forms, on networks simple enough to solve by hand."""

import itertools
import math

import numpy as np
import pytest
import torch
from helpers.networks import LinearLogit, alive, smooth_images
from torch import nn

from retina_xai.explainers.fgvis import FGVis
from retina_xai.games import GAMES, LAMBDAS, Outcome, Position, Settings, play


def position(images, mask, lam=0.0, stop=-torch.inf, target=0):
    count = len(images)
    return Position(
        images=images,
        references=torch.zeros_like(images),
        mask=mask,
        targets=torch.full((count,), target),
        lam=torch.full((count,), lam),
        stop=torch.full((count,), float(stop)),
    )


def one_step(game, lam, weight, mask=0.5, lr=0.1) -> Outcome:
    images = torch.ones(1, 1, 1, len(weight))
    model = LinearLogit(torch.tensor(weight)[None, None])
    start = torch.full_like(images, mask)
    return play(model, GAMES[game], position(images, start, lam), None, Settings(lr, 1))


@pytest.mark.parametrize("game", ["deletion", "repression"])
def test_one_step_of_a_removing_game_is_the_normalised_gradient_of_the_score_minus_lambda(game):
    weight, lam = [2.0, -1.0, 0.5], 0.07
    score = torch.tensor(weight).sum() * 0.5
    p = score.sigmoid()
    gradient = p * (1 - p) * torch.tensor(weight) - lam
    expected = 0.5 - 0.1 * gradient / gradient.abs().max()
    torch.testing.assert_close(one_step(game, lam, weight).mask.flatten(), expected)


@pytest.mark.parametrize("game", ["preservation", "generation"])
def test_one_step_of_a_keeping_game_is_the_normalised_gradient_of_the_cross_entropy_plus_lambda(game):
    weight, lam = [2.0, -1.0, 0.5], 0.07
    p = (torch.tensor(weight).sum() * 0.5).sigmoid()
    gradient = (p - 1) * torch.tensor(weight) + lam
    expected = 0.5 - 0.1 * gradient / gradient.abs().max()
    torch.testing.assert_close(one_step(game, lam, weight).mask.flatten(), expected)


def test_a_gradient_of_zero_does_not_change_the_mask_and_ends_the_game():
    outcome = play(
        LinearLogit(torch.zeros(1, 1, 3)),
        GAMES["deletion"],
        position(torch.ones(1, 1, 1, 3), torch.full((1, 1, 1, 3), 0.7)),
        None,
        Settings(0.1, 50),
    )
    assert outcome.mask.unique().tolist() == pytest.approx([0.7])
    assert outcome.iterations.item() == 0


def test_the_mask_stays_in_range_and_the_fixed_point_equals_the_full_run():
    images = torch.ones(1, 1, 1, 3)
    model, game = LinearLogit(torch.tensor([[[2.0, -1.0, 0.5]]])), GAMES["deletion"]
    start = position(images, torch.full_like(images, 0.95), lam=0.01)
    long = play(model, game, start, None, Settings(0.1, 400))
    assert long.mask.min() >= 0
    assert long.mask.max() <= 1
    assert long.iterations.item() < 400
    mask = start.mask
    for _ in range(400):
        step = play(model, game, position(images, mask, lam=0.01), None, Settings(0.1, 1))
        mask = step.mask
    assert torch.equal(mask, long.mask)


def test_a_score_stop_returns_the_mask_that_reached_it():
    images, stop = torch.ones(1, 1, 1, 3), 0.6
    model, game = LinearLogit(torch.tensor([[[1.0, 1.0, 1.0]]])), GAMES["deletion"]
    start = position(images, torch.ones_like(images), stop=stop)
    outcome = play(model, game, start, None, Settings(0.1, 500))
    steps = outcome.iterations.item()
    # each step takes 0.1 off every element, so p = sigmoid(3 - 0.3 * steps)
    expected = next(step for step in range(500) if torch.tensor(3 - 0.3 * step).sigmoid() < stop)
    assert steps == expected
    torch.testing.assert_close(outcome.score[0], torch.tensor(3 - 0.3 * steps).sigmoid())
    torch.testing.assert_close(outcome.mask.mean(), torch.tensor(1 - 0.1 * steps))
    assert outcome.converged.all()


def test_images_have_their_own_stops_and_leave_the_batch_one_after_the_other():
    images = torch.ones(3, 1, 1, 3)
    start = position(images, torch.ones_like(images))
    start = Position(
        start.images, start.references, start.mask, start.targets, start.lam, torch.tensor([0.9, 0.6, -torch.inf])
    )
    sizes = []

    class Counting(LinearLogit):
        def forward(self, images):
            sizes.append(len(images))
            return super().forward(images)

    outcome = play(Counting(torch.ones(1, 1, 3)), GAMES["deletion"], start, None, Settings(0.1, 20))
    assert outcome.iterations.tolist() == [3, 9, 10]
    assert sizes == [3] * 4 + [2] * 6 + [1]
    assert outcome.mask[2].max() == 0


def test_evidence_is_the_channel_mean_of_the_kept_or_removed_part():
    mask = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(GAMES["preservation"].evidence(mask), mask.mean(1))
    torch.testing.assert_close(GAMES["generation"].evidence(mask), mask.mean(1))
    torch.testing.assert_close(GAMES["deletion"].evidence(mask), (1 - mask).mean(1))
    torch.testing.assert_close(GAMES["repression"].evidence(mask), (1 - mask).mean(1))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("preservation", 0.99, 1), ("deletion", 0.99, 1), ("generation", 0, 0.01), ("repression", 0, 0.01)],
)
def test_start_masks_are_uniform_and_depend_on_the_seed(name, low, high):
    like = torch.zeros(1)
    first, again, other = (GAMES[name].start_mask((4, 3, 50, 50), seed, like) for seed in (0, 0, 1))
    assert low <= first.min() < low + 0.001
    assert high - 0.001 < first.max() <= high
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_thirteen_lambdas_are_those_of_the_paper():
    assert len(LAMBDAS) == 13
    assert LAMBDAS[0] == pytest.approx(1e-4)
    assert LAMBDAS[-1] == pytest.approx(1e-10)
    ratios = [later / earlier for earlier, later in itertools.pairwise(LAMBDAS)]
    assert ratios == pytest.approx([10**-0.5] * 12)


def test_the_line_search_takes_the_first_lambda_that_succeeds():
    images = smooth_images(8, 64)
    model, images = alive("rdr", images), images[:3]
    lams = (1e-1, 1e-3, 1e-5, 1e-7)
    found = FGVis(lam=lams, lr=0.2, iterations=30)(model, images)
    for row, image in enumerate(images.split(1)):
        single = [FGVis(lam=lam, lr=0.2, iterations=30)(model, image) for lam in lams]
        first = next((one for one in single if one.converged[0]), single[-1])
        assert found.lam[row] == first.lam[0]
        assert found.converged[row] == first.converged[0]
        assert torch.equal(found.mask[row], first.mask[0])
    assert found.converged.any()
    assert len(found.lam.unique()) > 1


class SumAboveOne(nn.Module):
    """Logits (relu(sum of the image) - 1, 0)."""

    def forward(self, images):
        score = torch.relu(images.flatten(1).sum(dim=1)) - 1
        return torch.stack([score, torch.zeros_like(score)], dim=1)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_the_images_of_a_batch_have_separate_line_searches(batch_size):
    # A pixel x is deleted where p (1 - p) x > lambda, p the sigmoid of 4 x - 1: bright images need a small lambda.
    values = torch.tensor([0.5, 1.0, 2.0, 1.0, 0.4]).double()
    images = values[:, None, None, None].expand(5, 1, 2, 2)
    found = FGVis(lam=(0.001, 0.5, 0.03, 0.07), iterations=20, batch_size=batch_size)(SumAboveOne(), images, 0)
    assert found.lam.tolist() == [0.07, 0.03, 0.001, 0.03, 0.07]
    assert found.converged.all()
    assert found.mask.max() == 0
    assert found.score_after.tolist() == pytest.approx([1 / (1 + math.e)] * 5)
    none = FGVis(lam=(0.5, 0.07), iterations=20, batch_size=batch_size)(SumAboveOne(), images, 0)
    assert none.converged.tolist() == [True, False, False, False, True]
    assert none.lam.tolist() == [0.07] * 5


def test_a_search_without_success_keeps_the_smallest_lambda_and_is_not_converged():
    model = LinearLogit(torch.zeros(1, 1, 1), offset=3.0)
    found = FGVis(lam=(1e-3, 1e-1), iterations=5, defended=False)(model, torch.rand(1, 3, 4, 4))
    assert not found.converged[0]
    assert found.lam[0] == pytest.approx(1e-3)


@pytest.mark.parametrize("lam", [[1e-3, 1e-1], np.array([1e-3, 1e-1]), torch.tensor([1e-3, 1e-1])])
def test_lambdas_may_be_any_sequence(lam):
    model = LinearLogit(torch.zeros(1, 1, 1), offset=3.0)
    explain = FGVis(lam=lam, iterations=2, defended=False)
    assert explain(model, torch.rand(1, 3, 4, 4)).lam[0] == pytest.approx(1e-3)
    assert explain.settings()["lam"] == pytest.approx([1e-3, 1e-1])
