"""The four games against closed forms, on networks simple enough to solve by hand."""

import itertools

import numpy as np
import pytest
import torch
from helpers.networks import TinyNet, alive, smooth_images
from torch import nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.explainers import FGVis
from retina_xai.games import GAMES, LAMBDAS, Blur, GaussianNoise, Outcome, Position, Settings, Zero, play
from retina_xai.games.references import reference_for
from retina_xai.models.inference import inference


class Linear(nn.Module):
    """Logits (s, 0) with s the weighted sum of the image plus an offset."""

    def __init__(self, weight: torch.Tensor, offset: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.offset = offset

    def forward(self, images):
        score = (images * self.weight).flatten(1).sum(dim=1) + self.offset
        return torch.stack([score, torch.zeros_like(score)], dim=1)


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
    model = Linear(torch.tensor(weight)[None, None])
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


def test_a_gradient_of_zero_leaves_the_mask_and_ends_the_game():
    outcome = play(
        Linear(torch.zeros(1, 1, 3)),
        GAMES["deletion"],
        position(torch.ones(1, 1, 1, 3), torch.full((1, 1, 1, 3), 0.7)),
        None,
        Settings(0.1, 50),
    )
    assert outcome.mask.unique().tolist() == pytest.approx([0.7])
    assert outcome.iterations.item() == 0


def test_the_mask_stays_in_range_and_the_fixed_point_equals_the_full_run():
    images = torch.ones(1, 1, 1, 3)
    model, game = Linear(torch.tensor([[[2.0, -1.0, 0.5]]])), GAMES["deletion"]
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


def test_a_score_stop_returns_the_mask_whose_explanation_met_it():
    images, stop = torch.ones(1, 1, 1, 3), 0.6
    model, game = Linear(torch.tensor([[[1.0, 1.0, 1.0]]])), GAMES["deletion"]
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

    class Counting(Linear):
        def forward(self, images):
            sizes.append(len(images))
            return super().forward(images)

    outcome = play(Counting(torch.ones(1, 1, 3)), GAMES["deletion"], start, None, Settings(0.1, 20))
    assert outcome.iterations.tolist() == [3, 9, 10]
    assert sizes == [3] * 4 + [2] * 6 + [1]
    assert outcome.mask[2].max() == 0


def test_evidence_is_the_channel_mean_of_what_the_game_points_at():
    mask = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(GAMES["preservation"].evidence(mask), mask.mean(1))
    torch.testing.assert_close(GAMES["generation"].evidence(mask), mask.mean(1))
    torch.testing.assert_close(GAMES["deletion"].evidence(mask), (1 - mask).mean(1))
    torch.testing.assert_close(GAMES["repression"].evidence(mask), (1 - mask).mean(1))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("preservation", 0.99, 1), ("deletion", 0.99, 1), ("generation", 0, 0.01), ("repression", 0, 0.01)],
)
def test_starts_are_uniform_and_follow_the_seed(name, low, high):
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


def test_a_search_without_success_says_so_and_carries_the_smallest_lambda():
    model = Linear(torch.zeros(1, 1, 1), offset=3.0)
    found = FGVis(lam=(1e-3, 1e-1), iterations=5, defended=False)(model, torch.rand(1, 3, 4, 4))
    assert not found.converged[0]
    assert found.lam[0] == pytest.approx(1e-3)


@pytest.mark.parametrize("lam", [[1e-3, 1e-1], np.array([1e-3, 1e-1]), torch.tensor([1e-3, 1e-1])])
def test_lambdas_come_in_any_sequence(lam):
    model = Linear(torch.zeros(1, 1, 1), offset=3.0)
    explain = FGVis(lam=lam, iterations=2, defended=False)
    assert explain(model, torch.rand(1, 3, 4, 4)).lam[0] == pytest.approx(1e-3)
    assert explain.settings()["lam"] == pytest.approx([1e-3, 1e-1])


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("batch_size", [None, 2, 3])
def test_a_batch_equals_its_images_one_by_one(game, batch_size):
    images = smooth_images(3, 24).double()
    model = TinyNet().double().eval()
    settings = {"game": game, "lam": 1e-3, "lr": 0.1, "iterations": 12, "seed": 5}
    batch = FGVis(**settings, batch_size=batch_size)(model, images)
    for row, image in enumerate(images.split(1)):
        single = FGVis(**settings)(model, image)
        torch.testing.assert_close(batch.mask[row], single.mask[0])
        torch.testing.assert_close(batch.score_after[row], single.score_after[0])
        assert batch.iterations[row] == single.iterations[0]


def test_same_seed_same_result_and_the_explanation_is_what_the_mask_leaves():
    images, model = smooth_images(2, 24), TinyNet().eval()
    explain = FGVis(lam=1e-4, iterations=8, reference="noise", seed=3)
    first, again = explain(model, images), explain(model, images)
    assert torch.equal(first.mask, again.mask)
    reference = reference_for("noise", images, 3)
    torch.testing.assert_close(first.explained, first.mask * images + (1 - first.mask) * reference)
    with torch.no_grad():
        after = model(first.explained).softmax(1).gather(1, first.target[:, None])[:, 0]
    torch.testing.assert_close(first.score_after, after)
    assert first.evidence.shape == (2, 24, 24)


def test_an_explicit_start_is_where_the_game_starts():
    images, model = smooth_images(1, 24), TinyNet().eval()
    start = torch.full((1, 1, 24, 24), 0.25)
    result = FGVis(lam=1e-4, iterations=0)(model, images, start=start)
    assert torch.equal(result.mask, start.expand_as(images))


def test_targets_are_the_most_likely_classes_unless_given():
    images, model = smooth_images(3, 24), TinyNet().eval()
    with torch.no_grad():
        likely = model(images).argmax(1)
    explain = FGVis(lam=1e-4, iterations=1)
    assert torch.equal(explain(model, images).target, likely)
    assert explain(model, images, targets=2).target.tolist() == [2, 2, 2]
    for several in ([0, 1, 4], torch.tensor([0, 1, 4])):
        assert explain(model, images, targets=several).target.tolist() == [0, 1, 4]


def test_the_two_score_stops_end_at_the_higher_one():
    images, model = torch.ones(1, 3, 2, 2), Linear(torch.full((3, 2, 2), 0.25))
    settings = {"lam": 0.0, "lr": 0.01, "iterations": 500, "defended": False}
    before = model(images).softmax(1)[0, 0].item()
    for stops, threshold in (
        ({"stop_score": 0.7}, 0.7),
        ({"stop_ratio": 0.8}, 0.8 * before),
        ({"stop_score": 0.7, "stop_ratio": 0.8}, max(0.7, 0.8 * before)),
    ):
        result = FGVis(**settings, **stops)(model, images, targets=0)
        assert result.converged[0]
        assert threshold - 0.01 < result.score_after[0] < threshold


@pytest.mark.parametrize(
    "reference", ["zero", "noise", "blur", Zero(), GaussianNoise(32), Blur(5), torch.zeros(3, 1, 1)]
)
def test_every_reference_has_the_shape_of_the_images_and_no_gradient(reference):
    images = smooth_images(2, 24)
    values = reference_for(reference, images, 0)
    assert values.shape == images.shape
    assert not values.requires_grad


def test_references_are_what_their_names_say():
    images = smooth_images(2, 64)
    assert reference_for("zero", images, 0).abs().max() == 0
    noise = reference_for(GaussianNoise(32), images, 0)
    assert noise.std() == pytest.approx(32 / 58, rel=0.05)
    assert torch.equal(noise[0], noise[1])
    flat = torch.full((1, 3, 64, 64), 0.3)
    torch.testing.assert_close(reference_for(Blur(5), flat, 0), flat)
    dot = torch.zeros(1, 1, 65, 65)
    dot[..., 32, 32] = 1
    spread = reference_for(Blur(4), dot, 0)
    rows = torch.arange(65.0) - 32
    assert (spread[0, 0].sum(1) * rows**2).sum().sqrt() == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"game": "chess"}, "unknown game 'chess': choose one of preservation, generation, deletion, repression"),
        ({"lam": -1.0}, "lam -1.0: give one number of at least 0"),
        ({"lam": ()}, "give one number of at least 0, or several"),
        ({"lr": 0.0}, "give a positive rate"),
        ({"stop_score": 1.5}, "give numbers above 0 and up to 1"),
        ({"game": "generation", "stop_score": 0.5}, "ends deletion and repression only, not generation"),
        ({"batch_size": 0}, "batch_size 0: give at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        FGVis(**settings)


@pytest.mark.parametrize(
    ("images", "keywords", "error", "message"),
    [
        (torch.zeros(3, 8, 8), {}, InputError, r"shape \(3, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8).long(), {}, InputError, "give floats"),
        (torch.full((1, 3, 8, 8), torch.nan), {}, InputError, "NaN or infinity"),
        (torch.zeros(1, 3, 8, 8), {"targets": 9}, UsageError, "classes 0 to 4"),
        (torch.zeros(2, 3, 8, 8), {"targets": torch.tensor([0, 1, 2])}, UsageError, "3 targets for 2 images"),
        (torch.zeros(1, 3, 8, 8), {"start": torch.zeros(1, 3, 9, 8)}, UsageError, "start mask has shape"),
        (torch.zeros(1, 3, 8, 8), {"start": torch.full((1, 3, 8, 8), 2.0)}, UsageError, r"leaves \[0, 1\]"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(images, keywords, error, message):
    with pytest.raises(error, match=message):
        FGVis(lam=1e-4, iterations=1)(TinyNet().eval(), images, **keywords)


@pytest.mark.parametrize("reference", ["white", torch.zeros(1, 3, 9, 9)])
def test_references_that_do_not_fit_are_refused(reference):
    with pytest.raises(UsageError, match=r"unknown reference 'white'|reference has shape \(1, 3, 9, 9\)"):
        FGVis(lam=1e-4, iterations=1, reference=reference)(TinyNet().eval(), torch.zeros(1, 3, 8, 8))


def test_a_model_that_returns_no_finite_logits_is_refused():
    class Broken(nn.Module):
        def forward(self, images):
            return torch.relu(images).mean() * torch.nan + torch.zeros(len(images), 2)

    class Odd(nn.Module):
        def forward(self, images):
            return torch.relu(images)

    with pytest.raises(ModelError, match="NaN or infinity for the original images"):
        FGVis(lam=1e-4)(Broken(), torch.ones(1, 3, 8, 8))
    with pytest.raises(ModelError, match=r"returned \(1, 3, 8, 8\) for 1 images"):
        FGVis(lam=1e-4)(Odd(), torch.ones(1, 3, 8, 8))


def test_progress_is_reported_and_an_exception_cancels():
    seen = []

    def cancel_at_three(step, scores):
        seen.append((step, scores.shape))
        if step == 3:
            raise InterruptedError

    model = TinyNet()
    with pytest.raises(InterruptedError):
        FGVis(lam=1e-4, iterations=9)(model, smooth_images(1, 24), on_step=cancel_at_three)
    assert seen == [(step, (1,)) for step in range(4)]
    assert model.training


def test_inference_restores_every_module_on_its_own():
    model = TinyNet().train()
    model.norm.eval()
    model.head.weight.requires_grad_(False)
    with pytest.raises(RuntimeError), inference(model):
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())
        raise RuntimeError
    assert model.training
    assert not model.norm.training
    assert model.drop.training
    assert not model.head.weight.requires_grad
    assert model.first.weight.requires_grad
