"""The engine against an independent slow implementation, on every kind of nonlinearity."""

import pytest
import torch
from helpers.networks import ARCHITECTURES, alive, smooth_images
from helpers.slow_fgvis import slow_fgvis

from retina_xai.explainers.fgvis import FGVis
from retina_xai.games import GAMES

STEPS = 12
SIZE = 96


def share_that_agrees(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(((first - second).abs() <= 1e-4).float().mean())


@pytest.mark.slow
@pytest.mark.parametrize("game", ["deletion", "generation"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_masks_agree_with_the_slow_oracle(name, game):
    images = smooth_images(8, SIZE)
    model = alive(name, images)
    images = images[:2]
    start = GAMES[game].start_mask(images.shape, 3, images)
    explain = FGVis(game=game, lam=1e-6, lr=0.1, iterations=STEPS, fold=False)
    masks = explain(model, images, start=start).mask
    for row, image in enumerate(images.split(1)):
        slow = slow_fgvis(model, image, start, game=game, lam=1e-6, lr=0.1, iterations=STEPS)
        assert not torch.equal(slow, start.expand_as(slow)), "a dead network proves nothing"
        assert share_that_agrees(masks[row : row + 1], slow) >= 0.998


@pytest.mark.slow
@pytest.mark.parametrize("game", ["deletion", "generation"])
@pytest.mark.parametrize("name", ["rdr", "resnet18", "mobilenet_v2"])
@pytest.mark.parametrize(("defence", "scale"), [("reference", "max"), ("reference", "q99"), ("staged", "max")])
def test_masks_of_the_reference_bounds_agree_with_the_slow_oracle(name, game, defence, scale):
    images = smooth_images(8, SIZE)
    model, image = alive(name, images), images[:1]
    start = GAMES[game].start_mask(image.shape, 3, image)
    settings = {"game": game, "lam": 1e-6, "lr": 0.1, "iterations": STEPS, "defence": defence, "strict_steps": 10}
    mask = FGVis(**settings, scale=scale, fold=False)(model, image, start=start).mask
    slow = slow_fgvis(model, image, start, **settings, scale={"max": 1.0, "q99": 0.99}[scale])
    assert share_that_agrees(mask, slow) >= 0.998
    strict = FGVis(**{**settings, "defence": "fgvis"}, scale=scale, fold=False)(model, image, start=start).mask
    assert share_that_agrees(mask, strict) < 0.998


@pytest.mark.parametrize("name", ["rdr", "resnet18"])
def test_the_oracle_detects_a_missing_defence(name):
    images = smooth_images(8, SIZE)
    model, image = alive(name, images), images[:1]
    start = GAMES["generation"].start_mask(image.shape, 3, image)
    undefended = FGVis(game="generation", lam=1e-6, iterations=STEPS, defended=False, fold=False)(
        model, image, start=start
    ).mask
    settings = {"game": "generation", "lam": 1e-6, "lr": 0.1, "iterations": STEPS}
    assert share_that_agrees(undefended, slow_fgvis(model, image, start, **settings)) < 0.9
    assert share_that_agrees(undefended, slow_fgvis(model, image, start, **settings, defence="none")) >= 0.998
