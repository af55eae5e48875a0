"""The interface of FGVis: batches, seeds, start masks, targets, stops, and unfit arguments."""

import pytest
import torch
from helpers.networks import LinearLogit, TinyNet, smooth_images
from torch import nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.explainers.fgvis import START_SEEDS, FGVis
from retina_xai.games import GAMES
from retina_xai.games.references import Blur, reference_for


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


@pytest.mark.parametrize("batch_size", [None, 2, 3])
def test_every_image_of_a_batch_has_its_own_reference_start_and_target(batch_size):
    images, model = smooth_images(3, 24).double(), TinyNet().double().eval()
    start = torch.rand(3, 1, 24, 24, generator=torch.Generator().manual_seed(0)).double()
    targets = torch.tensor([4, 0, 2])
    for reference in ("blur", smooth_images(3, 24, seed=2).double()):
        settings = {"lam": 1e-3, "iterations": 3}
        batch = FGVis(**settings, reference=reference, batch_size=batch_size)(model, images, targets, start=start)
        for row in range(3):
            own = slice(row, row + 1)
            one = reference if isinstance(reference, str) else reference[own]
            single = FGVis(**settings, reference=one)(model, images[own], targets[own], start=start[own])
            torch.testing.assert_close(batch.mask[row], single.mask[0])
            torch.testing.assert_close(batch.explained[row], single.explained[0])
            assert batch.target[row] == targets[row]


def test_same_seed_same_result_and_explained_is_the_masked_image():
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


def test_the_explanation_names_its_reference_and_a_tensor_in_full():
    images, model = smooth_images(2, 24), TinyNet().eval()
    blur = Blur(2)
    for reference in ("noise", "blur", blur):
        assert FGVis(lam=1e-4, iterations=0, reference=reference)(model, images).reference == reference
    found = FGVis(lam=1e-4, iterations=0, reference=torch.full((3, 1, 1), 0.5))(model, images).reference
    assert torch.equal(found, torch.full_like(images, 0.5))


def test_the_game_starts_at_a_given_start_mask():
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
    images, model = torch.ones(1, 3, 2, 2), LinearLogit(torch.full((3, 2, 2), 0.25))
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
    ("settings", "message"),
    [
        ({"game": "chess"}, "unknown game 'chess': choose one of preservation, generation, deletion, repression"),
        ({"lam": -1.0}, "lam -1.0: give one number >= 0"),
        ({"lam": ()}, "give one number >= 0, or several"),
        ({"lr": 0.0}, "give a positive rate"),
        ({"stop_score": 1.5}, "give numbers above 0 and up to 1"),
        ({"game": "generation", "stop_score": 0.5}, "apply to deletion and repression only, not to generation"),
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
        (torch.zeros(1, 3, 8, 8), {"start": torch.full((1, 3, 8, 8), 2.0)}, UsageError, r"has values outside \[0, 1\]"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(images, keywords, error, message):
    with pytest.raises(error, match=message):
        FGVis(lam=1e-4, iterations=1)(TinyNet().eval(), images, **keywords)


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


@pytest.mark.parametrize("game", GAMES)
def test_several_starts_are_the_mean_mask_of_their_games(game):
    images, model = smooth_images(2, 24).double(), TinyNet().double().eval()
    settings = {"game": game, "lam": (1e-6, 1e-8), "iterations": 9, "reference": "noise", "seed": 4}
    seen = []
    mean = FGVis(**settings, starts=3)(model, images, on_step=lambda step, scores: seen.append(step))
    reference = reference_for("noise", images, 4)
    masks = [GAMES[game].start_mask(images.shape, 4 + START_SEEDS * number, images) for number in range(3)]
    singles = [FGVis(**settings)(model, images, start=mask) for mask in masks]
    torch.testing.assert_close(mean.mask, sum(single.mask for single in singles) / 3)
    torch.testing.assert_close(mean.evidence, sum(single.evidence for single in singles) / 3)
    torch.testing.assert_close(mean.explained, mean.mask * images + (1 - mean.mask) * reference)
    with torch.no_grad():
        logits = model(mean.explained)
    torch.testing.assert_close(mean.score_after, logits.softmax(1).gather(1, mean.target[:, None])[:, 0])
    assert torch.equal(mean.converged, (logits.argmax(1) == mean.target) == GAMES[game].keeps_class)
    assert torch.equal(mean.iterations, sum(single.iterations for single in singles))
    assert torch.equal(mean.lam, torch.stack([single.lam for single in singles]).amin(0))
    assert FGVis(**settings, starts=3).plan() == (6, 9)
    assert not torch.equal(singles[0].mask, singles[1].mask)


def test_one_start_is_the_game_without_that_setting_and_a_stop_is_judged_on_the_mean():
    images, model = smooth_images(1, 24), TinyNet().eval()
    settings = {"lam": 1e-4, "iterations": 8}
    random_start = GAMES["deletion"].start_mask(images.shape, 0, images)
    assert torch.equal(
        FGVis(**settings, starts=1)(model, images).mask, FGVis(**settings)(model, images, start=random_start).mask
    )
    score = float(FGVis(**settings, starts=2)(model, images).score_after)
    for stop, reached in ((1.0, True), (score / 10, False)):
        mean = FGVis(**settings, starts=2, stop_score=stop)(model, images)
        assert mean.converged.tolist() == [reached] == [bool(mean.score_after < stop)]
    with pytest.raises(UsageError, match="starts 2 with a given start mask"):
        FGVis(**settings, starts=2)(model, images, start=random_start)


def test_a_wide_slack_plays_as_if_undefended_and_no_slack_cuts_more():
    images, model = smooth_images(1, 24), TinyNet().eval()
    settings = {"game": "generation", "lam": 0.0, "iterations": 8}
    plain = FGVis(**settings, defence="none")(model, images, 2)
    wide, default, without = (FGVis(**settings, slack=slack)(model, images, 2) for slack in (100.0, 1e-5, 0.0))
    torch.testing.assert_close(wide.mask, plain.mask)
    assert not torch.equal(default.mask, plain.mask)
    assert torch.equal(default.mask, FGVis(**settings)(model, images, 2).mask)
    assert without.settings["slack"] == 0.0
    with pytest.raises(UsageError, match="slack -1.0, starts 1: give a share of at least 0"):
        FGVis(slack=-1.0)
    with pytest.raises(UsageError, match="slack 1e-05, starts 0"):
        FGVis(starts=0)


def test_a_game_that_is_judged_at_its_end_takes_all_steps_and_says_whether_it_succeeded():
    images, model = smooth_images(2, 24), TinyNet().eval()
    with torch.no_grad():
        before = model(images).softmax(1).max(dim=1).values
    settings = {"lam": 0.0, "lr": 0.05, "iterations": 40, "defence": "none", "stop_ratio": 0.99}
    stopped, judged = FGVis(**settings)(model, images), FGVis(**settings, judged_at_end=True)(model, images)
    plain = FGVis(**(settings | {"stop_ratio": None}))(model, images)
    assert (stopped.iterations < 40).all()
    assert (judged.iterations == 40).all()
    assert torch.equal(judged.mask, plain.mask)
    assert torch.equal(judged.converged, judged.score_after < 0.99 * before)
    assert not FGVis(**(settings | {"stop_ratio": 1e-6}), judged_at_end=True)(model, images).converged.any()
    assert (judged.settings["judged_at_end"], stopped.settings["judged_at_end"]) == (True, False)
    with pytest.raises(UsageError, match="judged_at_end without a stop: give stop_score or stop_ratio too"):
        FGVis(judged_at_end=True)


def test_the_search_goes_on_until_the_end_of_a_game_is_a_success():
    images, model = smooth_images(1, 24), TinyNet().eval()
    settings = {"lr": 0.05, "iterations": 40, "defence": "none", "stop_ratio": 0.99, "lam": (1.0, 0.0)}
    found = FGVis(**settings, judged_at_end=True)(model, images)
    assert found.converged.all()
    assert float(found.lam) == 0.0
