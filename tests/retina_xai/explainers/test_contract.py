"""The contract of `Explainer`, for all methods of the registry."""

import math
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from helpers.fitting import fitted_to, needs_fit
from helpers.networks import smooth_images
from torch import nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.explainers.explainer import NOT_REPORTED, Explainer
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.registry import EXPLAINERS

GAME = {"lam": 1e-4, "lr": 0.1, "iterations": 4}
QUICK = {
    # settings for a short run time; other methods keep their defaults
    "class-model": {"iterations": 4},
    "fgvis": {"lam": (1e-4, 1e-5), "iterations": 6},
    "fgvis-undefended": {"lam": 1e-5, "iterations": 6},
    "lime": {"samples": 30, "segments": 16, "batch": 7},
    "occlusion": {"window": 0.25, "stride": 0.125, "batch": 5},
    "retina": {"game": FGVis(**GAME)},
    "retina-undefended": {"game": FGVis(**GAME, defended=False)},
    "rise": {"masks": 20, "cells": 4, "batch": 6},
    "smooth-grad": {"samples": 5, "batch": 2},
}
BLIND = {"random"}
"""Methods that do not use the network."""

EVERY = pytest.mark.parametrize("name", EXPLAINERS)


def quick(name, seed=0):
    """The method of that name with quick settings and a seed where it has one."""
    explainer = replace(EXPLAINERS[name].factory(), **QUICK.get(name, {}))
    if needs_fit(explainer):
        explainer = fitted_to(explainer, Net(), IMAGES)
    return explainer.with_seed(seed) or explainer


IMAGES = smooth_images(3, 24)[..., :20]


class Net(nn.Sequential):
    """A network in training mode, part of it frozen, with everything that an explanation could disturb."""

    def __init__(self):
        torch.manual_seed(3)
        super().__init__(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 6, 3),
            nn.LeakyReLU(0.1),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 4),
        )
        with torch.no_grad():
            self[-1].weight *= 2 / self.eval()(IMAGES).std(dim=0).mean()
            self[-1].bias -= self(IMAGES).mean(dim=0)
        self.train()
        self[1].eval()
        self[3].weight.requires_grad_(False)
        self[0].weight.grad = torch.ones_like(self[0].weight)


def state_of(model):
    """Everything that a method must not change."""
    hooks = [
        (len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks), id(module))
        for module in model.modules()
    ]
    flags = [module.training for module in model.modules()]
    parameters = [(parameter.requires_grad, parameter.grad is None) for parameter in model.parameters()]
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    tensors["grad"] = model[0].weight.grad.clone()
    tensors["rng"] = torch.get_rng_state()
    return (hooks, flags, parameters, np.random.get_state()[1].tolist()), tensors  # noqa: NPY002


@EVERY
def test_shapes_range_and_figures(name):
    logits = Net().eval()(IMAGES).detach()
    result = quick(name)(Net(), IMAGES, logits.argmax(dim=1))
    assert result.evidence.shape == (3, 24, 20)
    assert torch.isfinite(result.evidence).all()
    assert result.evidence.min() >= 0
    assert result.evidence.max() <= 1
    assert result.evidence.flatten(1).std(dim=1).min() > 0
    assert result.attribution.ndim == 4
    assert len(result.attribution) == 3
    assert torch.isfinite(result.attribution).all()
    assert result.attribution.flatten(1).std(dim=1).min() > 0
    assert torch.equal(result.target, logits.argmax(dim=1))
    torch.testing.assert_close(result.score_before, logits.softmax(dim=1).amax(dim=1))
    for values in (result.score_after, result.iterations, result.lam, result.converged):
        assert values.shape == (3,)
    assert result.converged.dtype == torch.bool
    assert (result.mask is None) == math.isnan(result.score_after[0])
    assert not result.evidence.requires_grad
    assert not result.attribution.requires_grad


@EVERY
def test_settings_name_the_method_and_are_plain(name):
    for explainer in (quick(name), EXPLAINERS[name].factory()):
        assert isinstance(explainer, Explainer)
        settings = explainer.settings()
        assert settings["method"] == explainer.method
        assert type(EXPLAINERS[settings["method"]].factory()) is type(explainer)
        plain = (str, int, float, bool, list, type(None))
        assert all(isinstance(value, plain) for value in settings.values())


@EVERY
def test_settings_contain_every_field_that_a_result_depends_on(name):
    explainer = quick(name)
    held = {field.name: getattr(explainer, field.name) for field in fields(explainer)}
    if isinstance(held.get("game"), FGVis):
        held |= {field.name: getattr(held["game"], field.name) for field in fields(held["game"])}
    settings = explainer.settings()
    assert settings.keys() == {"method", *held} - NOT_REPORTED
    for key in settings.keys() - {"method", "lam", "weights"}:
        assert settings[key] == (list(held[key]) if isinstance(held[key], tuple) else held[key])


@EVERY
def test_an_explanation_has_the_seed_and_settings_of_the_method(name):
    explainer = quick(name, 3)
    result = explainer(Net(), IMAGES[:1])
    assert dict(result.settings) == explainer.settings()
    assert result.seed == explainer.seed == (3 if EXPLAINERS[name].factory().seed is not None else None)
    assert result.settings.get("seed") == result.seed
    assert result.candidate_fraction == explainer.candidate_fraction
    assert 0 <= result.candidate_fraction <= 1
    assert (result.polarity is None) == (result.mask is None)
    if result.mask is not None:
        left = result.mask * IMAGES[:1]  # the reference is zero
        torch.testing.assert_close(result.explained, left)


@EVERY
def test_another_seed_changes_only_the_seed(name):
    explainer = quick(name)
    other = explainer.with_seed(5)
    if explainer.seed is None:
        assert other is None
    else:
        assert other.seed == 5
        assert other != explainer
        assert other.with_seed(explainer.seed) == explainer


@EVERY
def test_a_batch_equals_its_images_one_by_one_and_a_second_run(name):
    model, images, targets = Net().double(), IMAGES.double(), torch.tensor([1, 2, 0])
    batch = quick(name)(model, images, targets)
    for row, image in enumerate(images.split(1)):
        single = quick(name)(model, image, targets[row])
        torch.testing.assert_close(batch.evidence[row], single.evidence[0])
        torch.testing.assert_close(batch.attribution[row], single.attribution[0])
        torch.testing.assert_close(batch.score_before[row], single.score_before[0])
    assert torch.equal(batch.evidence, quick(name)(model, images, targets).evidence)


@EVERY
def test_another_seed_gives_another_result_of_random_methods(name):
    first, second = (quick(name, seed)(Net(), IMAGES).evidence for seed in (0, 1))
    assert torch.equal(first, second) == (quick(name).seed is None)


@EVERY
def test_targets_are_the_most_likely_classes_unless_given(name):
    model, explain = Net(), quick(name)
    likely = Net().eval()(IMAGES).argmax(dim=1)
    free = explain(model, IMAGES)
    assert torch.equal(free.target, likely)
    assert torch.equal(free.evidence, explain(model, IMAGES, likely).evidence)
    assert torch.equal(free.attribution, explain(model, IMAGES, target=likely).attribution)
    with pytest.raises(UsageError, match="both targets and target were given"):
        explain(model, IMAGES, likely, target=likely)
    assert explain(model, IMAGES, 2).target.tolist() == [2, 2, 2]
    two, three = (explain(model, IMAGES[:1], target).evidence for target in (2, 3))
    assert torch.equal(two, three) == (name in BLIND)


@EVERY
@pytest.mark.parametrize("images", [IMAGES, torch.full((1, 3, 24, 20), torch.nan)], ids=["success", "refusal"])
def test_the_model_and_the_random_generators_are_unchanged(name, images):
    model = Net()
    (before, tensors) = state_of(model)
    given = images.clone()
    try:
        quick(name)(model, images)
    except InputError:
        assert images.isnan().any()
    (after, left) = state_of(model)
    assert before == after
    assert tensors.keys() == left.keys()
    assert all(torch.equal(value, left[key]) for key, value in tensors.items())
    torch.testing.assert_close(images, given, equal_nan=True, rtol=0, atol=0)


@EVERY
def test_a_model_that_raises_is_unchanged(name):
    class Failing(Net):
        broken = False

        def forward(self, images):
            logits = super().forward(images)
            if self.broken:
                raise ArithmeticError
            return logits

    model = Failing()
    model.broken = True
    (before, tensors) = state_of(model)
    with pytest.raises(ArithmeticError):
        quick(name)(model, IMAGES)
    (after, left) = state_of(model)
    assert before == after
    assert all(torch.equal(value, left[key]) for key, value in tensors.items())


@EVERY
@pytest.mark.parametrize(
    ("images", "targets", "error", "message"),
    [
        (torch.zeros(3, 8, 8), None, InputError, r"images have shape \(3, 8, 8\)"),
        (torch.zeros(0, 3, 8, 8), None, InputError, r"images have shape \(0, 3, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8).long(), None, InputError, "give floats"),
        (torch.full((1, 3, 8, 8), torch.inf), None, InputError, "NaN or infinity: check how they were read"),
        (torch.zeros(1, 3, 8, 8), 4, UsageError, "the model has classes 0 to 3"),
        (torch.zeros(1, 3, 8, 8), -1, UsageError, "the model has classes 0 to 3"),
        (torch.zeros(2, 3, 8, 8), torch.tensor([0, 1, 2]), UsageError, "for 2 images: give one class index each"),
    ],
)
def test_unfit_arguments_are_refused(name, images, targets, error, message):
    with pytest.raises(error, match=message):
        quick(name)(Net(), images, targets)


@EVERY
def test_a_model_without_finite_logits_is_refused(name):
    model = Net()
    with torch.no_grad():
        model[-1].bias[:] = torch.nan
    with pytest.raises(ModelError, match="NaN or infinity for the original images"):
        quick(name)(model, IMAGES)
    with pytest.raises(ModelError, match=r"it must return logits \(N, classes\)"):
        quick(name)(nn.Sequential(*list(Net())[:5]), IMAGES)


@EVERY
def test_progress_stays_within_the_plan_and_reaches_its_end(name):
    steps = []
    quick(name)(Net(), IMAGES[:1], on_step=lambda step, scores: steps.append((step, scores.clone())))
    assert steps
    assert all(((scores >= 0) & (scores <= 1)).all() for _, scores in steps)
    games = 1 + sum(step <= before for (before, _), (step, _) in pairwise(steps))
    plan = quick(name).plan()
    assert 1 <= games <= plan.games
    assert plan.steps / 3 <= max(step for step, _ in steps) <= plan.steps


@EVERY
def test_an_exception_in_on_step_cancels_and_the_model_is_unchanged(name):
    seen = []

    def cancel(step, scores):
        seen.append(step)
        raise InterruptedError

    model = Net()
    before, tensors = state_of(model)
    with pytest.raises(InterruptedError):
        quick(name)(model, IMAGES, on_step=cancel)
    after, left = state_of(model)
    assert len(seen) == 1
    assert before == after
    assert all(torch.equal(value, left[key]) for key, value in tensors.items())


@EVERY
def test_on_step_does_not_change_the_result(name):
    watched = quick(name)(Net(), IMAGES[:1], on_step=lambda step, scores: None)
    assert torch.equal(watched.evidence, quick(name)(Net(), IMAGES[:1]).evidence)


@EVERY
def test_a_method_that_needs_a_fit_says_so_and_the_others_return_themselves(name):
    explainer = replace(EXPLAINERS[name].factory(), **QUICK.get(name, {}))
    if not needs_fit(explainer):
        assert explainer.fitted(Net(), []) is explainer
        assert explainer.check_fitted() is explainer
        return
    with pytest.raises(UsageError, match="is not fitted"):
        explainer.check_fitted()
    with pytest.raises(UsageError, match="is not fitted: run retina-xai .* or call fitted"):
        explainer(Net(), IMAGES)
    with pytest.raises(InputError, match="0 images and 0 labels: give at least one image"):
        explainer.fitted(Net(), [])
    assert quick(name).settings()["weights"] != explainer.settings()["weights"] == ""
    model = Net()
    (before, tensors) = state_of(model)
    assert torch.equal(fitted_to(explainer, model, IMAGES)(model, IMAGES).evidence, quick(name)(model, IMAGES).evidence)
    (after, left) = state_of(model)
    assert before == after
    assert all(torch.equal(value, left[key]) for key, value in tensors.items())
