"""Deletion and insertion curves against closed forms, on a network whose score is linear in the pixels."""

import math

import numpy as np
import pytest
import torch
from helpers.linear_score import FLOOR, LinearScore, weights
from helpers.networks import TinyNet, smooth_images

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.games.references import GaussianNoise
from retina_xai.metrics.deletion import (
    CurveSettings,
    area_under,
    removal_counts,
    removal_curve,
    removal_order,
)

WEIGHT = weights(20, 30)
IMAGE = torch.ones(3, 20, 30).double()


def noise(height, width, seed=0):
    return torch.rand(height, width, generator=torch.Generator().manual_seed(seed))


def curve_of(evidence, **settings):
    return removal_curve(LinearScore(WEIGHT), IMAGE, evidence, 0, CurveSettings(**settings))


def test_there_are_176_steps_of_whole_pixels():
    counts = removal_counts(224 * 224)
    assert len(counts) == 176
    assert counts[[0, 1, 100, 101, 175]].tolist() == [0, 125, 12544, 13046, 50176]
    exact = removal_counts(40_000)
    assert np.diff(exact).tolist() == [100] * 100 + [400] * 75
    few = removal_counts(7)
    assert few[0] == 0
    assert few[-1] == 7
    assert (np.diff(few) >= 0).all()


def test_fractions_are_the_exact_shares_removed():
    shown = []

    class WatchingScore(LinearScore):
        def forward(self, images):
            shown.extend((images == 0).all(dim=1).double().mean(dim=(1, 2)).tolist())
            return super().forward(images)

    curve = removal_curve(WatchingScore(WEIGHT), IMAGE, noise(20, 30), 0)
    assert curve.fractions.tolist() == pytest.approx(shown[2:], abs=1e-12)  # the first two find the end and layout
    assert curve.fractions[[0, -1]].tolist() == [0, 1]


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_scores_are_those_of_the_remaining_pixels(mode):
    evidence = noise(20, 30, 5)
    curve = curve_of(evidence, mode=mode)
    ranked = sorted(range(600), key=lambda pixel: -evidence.flatten()[pixel].item())
    for count, fraction, score in zip(removal_counts(600), curve.fractions, curve.scores, strict=True):
        moved = WEIGHT.flatten()[ranked[:count]].sum().item()
        kept = 0.8 - moved if mode == "deletion" else moved
        assert fraction == count / 600
        assert score == pytest.approx(FLOOR + kept, abs=1e-9)
    assert curve.original == pytest.approx(0.9)


@pytest.mark.parametrize("seed", [0, 3])
def test_noise_that_stands_for_removed_pixels_is_that_of_the_seed(seed):
    curve = curve_of(noise(20, 30), reference="noise", seed=seed)
    removed = GaussianNoise()(IMAGE[None], seed)[0].mean(dim=0)
    assert curve.scores[-1] == pytest.approx(FLOOR + (removed * WEIGHT).sum().item())


def test_every_image_equals_its_plain_forward_pass_whatever_the_batch():
    expected = curve_of(WEIGHT)
    for batch in (1, 5, 500):
        np.testing.assert_allclose(curve_of(WEIGHT, batch=batch).scores, expected.scores, atol=1e-12)


def test_the_true_order_is_best_its_reverse_worst_and_random_order_between():
    best, worst = curve_of(WEIGHT).auc, curve_of(-WEIGHT).auc
    middle = np.mean([curve_of(noise(20, 30, seed)).auc for seed in range(5)])
    assert best < middle < worst
    # with a random order, the score falls linearly
    assert middle == pytest.approx(FLOOR + 0.4, abs=0.03)
    # the pixels left by the reverse order are those removed by the true order
    assert best + worst == pytest.approx(2 * FLOOR + 0.8, abs=0.01)
    inserted = curve_of(WEIGHT, mode="insertion").auc
    assert inserted == pytest.approx(2 * FLOOR + 0.8 - best, abs=1e-9)
    assert inserted > curve_of(-WEIGHT, mode="insertion").auc


def test_a_single_relevant_pixel_is_removed_in_the_first_step():
    weight, evidence = torch.zeros(20, 20).double(), torch.zeros(20, 20)
    weight[3, 4], evidence[3, 4] = 0.8, 1
    curve = removal_curve(LinearScore(weight), IMAGE[:, :20, :20], evidence, 0)
    # 0.9 at 0, 0.1 from the first of 400 pixels on
    assert curve.auc == pytest.approx(0.1 + (0.9 - 0.1) / 2 / 400)
    assert curve.relative_auc == pytest.approx(curve.auc / 0.9)


def test_the_trapezoidal_rule_uses_unequal_distances():
    rng = np.random.default_rng(0)
    fractions, scores = np.sort(rng.random(40)), rng.random(40)
    slow = 0.0
    for k in range(1, 40):
        slow += (fractions[k] - fractions[k - 1]) * (scores[k] + scores[k - 1]) / 2
    assert area_under(fractions, scores) == pytest.approx(slow, abs=1e-12)
    curve = curve_of(WEIGHT)
    assert curve.auc == pytest.approx(area_under(curve.fractions, curve.scores))
    assert abs(curve.auc - curve.scores.mean()) > 0.05


def test_removed_pixels_become_the_reference_and_inserted_ones_the_image():
    shown = []

    class WatchingNet(TinyNet):
        def forward(self, images):
            shown.append(images.clone())
            return super().forward(images)

    image, reference = smooth_images(1, 8)[0], torch.full((3, 1, 1), 5.0)
    for mode in ("deletion", "insertion"):
        shown.clear()
        removal_curve(WatchingNet(), image, noise(8, 8), 0, CurveSettings(mode, reference))
        steps = torch.cat(shown[2:])  # the first two find the end and layout
        assert ((steps == image) | (steps == 5)).all()
        ends = (image, reference.expand_as(image))
        first, last = ends if mode == "deletion" else ends[::-1]
        assert torch.equal(steps[0], first)
        assert torch.equal(steps[-1], last)


def test_the_order_is_by_evidence_and_ties_follow_the_seed():
    evidence = torch.tensor([[0.2, 0.9, 0.2], [0.5, 0.2, 0.2]])
    orders = [removal_order(evidence, seed).tolist() for seed in range(20)]
    assert all(order[:2] == [1, 3] for order in orders)
    assert all(sorted(order[2:]) == [0, 2, 4, 5] for order in orders)
    assert len({tuple(order) for order in orders}) > 10
    assert removal_order(evidence, 3).tolist() == orders[3]
    # every tied pixel is first about equally often
    firsts = np.bincount([removal_order(evidence, seed)[2].item() for seed in range(2000)], minlength=6)
    assert firsts[[0, 2, 4, 5]].min() > 400


def test_a_constant_map_removes_pixels_of_the_whole_image():
    order = removal_order(torch.zeros(20, 20), 0)
    rows = (order[:100] // 20).double()
    assert rows.unique().numel() > 15
    assert not torch.equal(order, removal_order(torch.zeros(20, 20), 1))


def test_the_model_is_unchanged():
    model = TinyNet().train()
    state = torch.get_rng_state()
    first, again = (removal_curve(model, torch.ones(3, 8, 8), torch.eye(8), 2).scores for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(first, again)
    assert model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_the_relative_area_of_a_zero_score_is_undefined():
    class Certain(TinyNet):
        def forward(self, images):
            return super().forward(images) * 0 + torch.tensor([-1e4, 0, 0, 0, 0])

    assert math.isnan(removal_curve(Certain(), torch.ones(3, 8, 8), torch.eye(8), 0).relative_auc)


@pytest.mark.parametrize(
    ("image", "evidence", "target", "error", "message"),
    [
        (IMAGE, torch.full((20, 30), torch.nan), 0, InputError, "evidence holds NaN or infinity"),
        (IMAGE, torch.full((20, 30), torch.inf), 0, InputError, "evidence holds NaN or infinity"),
        (
            IMAGE,
            torch.zeros(30, 20),
            0,
            InputError,
            r"evidence has shape \(30, 20\), expected \(20, 30\), that of the image",
        ),
        (IMAGE[None, None], torch.zeros(20, 30), 0, InputError, "images have shape"),
        (IMAGE[None], torch.zeros(20, 30), 0, InputError, r"expected \(3, 20, 30\), that of the image"),
        (IMAGE * torch.nan, torch.zeros(20, 30), 0, InputError, "images hold NaN"),
        (IMAGE, torch.zeros(20, 30), 2, UsageError, "the model has classes 0 to 1"),
        (-2 * IMAGE, torch.zeros(20, 30), 0, ModelError, "the model returned NaN or infinity"),
    ],
)
def test_unfit_arguments_are_refused(image, evidence, target, error, message):
    with pytest.raises(error, match=message):
        removal_curve(LinearScore(WEIGHT), image, evidence, target)


def test_settings_out_of_range_are_refused():
    with pytest.raises(UsageError, match="unknown mode 'erasure': choose one of deletion, insertion"):
        CurveSettings("erasure")
    with pytest.raises(UsageError, match="batch 0: give at least 1"):
        CurveSettings(batch=0)


def causal_metric(model, image, evidence, target, mode, step):
    """RISE's deletion or insertion area (Petsiuk et al., 2018), by its definition: `step` pixels at a time.

    The published code divides by the number of steps: AUC = (sum of scores - half of the first and last) / steps.
    """
    pixels = evidence.numel()
    order = np.argsort(evidence.numpy().ravel())[::-1]
    start, finish = (image, torch.zeros_like(image)) if mode == "deletion" else (torch.zeros_like(image), image)
    current, scores = start.clone().flatten(1), []
    for number in range(-(-pixels // step) + 1):
        with torch.no_grad():
            scores.append(float(model(current.reshape(1, *image.shape)).softmax(1)[0, target]))
        moved = order[step * number : step * (number + 1)].copy()
        current[:, moved] = finish.flatten(1)[:, moved]
    values = np.array(scores)
    return (values.sum() - values[0] / 2 - values[-1] / 2) / (len(values) - 1)


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
@pytest.mark.parametrize("side", [16, 32])
def test_the_area_is_that_of_rises_causal_metric_on_its_own_steps(mode, side):
    model, image = TinyNet().eval(), smooth_images(1, side)[0]
    evidence = noise(side, side, 3)
    curve = removal_curve(model, image, evidence, 2, CurveSettings(mode, step=side))
    assert len(curve.scores) == side + 1
    assert np.ptp(curve.scores) > 0.01
    assert curve.auc == pytest.approx(causal_metric(model, image, evidence, 2, mode, side), abs=1e-5)


def test_a_last_step_of_fewer_pixels_counts_by_its_own_width():
    assert removal_counts(10, 4).tolist() == [0, 4, 8, 10]
    assert removal_counts(8, 4).tolist() == [0, 4, 8]
    with pytest.raises(UsageError, match="step 0: give at least 1 pixel"):
        CurveSettings(step=0)
