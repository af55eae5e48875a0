"""Stability of maps: exact values on made maps, and explainers that vary in one way only."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from helpers.networks import TinyNet, smooth_images

from retina_xai.errors import InputError, UsageError
from retina_xai.explainers.explainer import Explainer
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.registry import EXPLAINERS
from retina_xai.explainers.retina import RetinaFGVis
from retina_xai.metrics.stability import StabilitySettings, stability, top_overlap
from retina_xai.metrics.trust import rank_correlation

RAMP = torch.arange(100.0).reshape(10, 10) / 100


def test_the_overlap_counts_common_pixels_of_the_top():
    assert top_overlap(RAMP, RAMP, 0.05) == 1
    assert top_overlap(RAMP, RAMP.flip(0, 1), 0.05) == 0
    moved = RAMP.clone()
    moved[9, 9], moved[0, 0] = 0.0, 2.0  # one of the five highest changes places with the lowest
    assert top_overlap(RAMP, moved, 0.05) == 0.8


def test_ties_and_sparse_maps():
    sparse, other = torch.zeros(10, 10), torch.zeros(10, 10)
    sparse[0, :2], other[5, :2] = 1.0, 1.0
    assert top_overlap(sparse, sparse, 0.05) == 1, "pixels at the minimum are in no set"
    assert top_overlap(sparse, other, 0.05) == 0
    saturated = torch.zeros(10, 10)
    saturated[:2] = 1.0
    assert top_overlap(saturated, saturated, 0.05) == 1
    assert top_overlap(saturated, sparse, 0.05) == 2 / 20
    assert math.isnan(top_overlap(torch.ones(10, 10), RAMP, 0.05))


@dataclass(frozen=True)
class SwitchedMap(Explainer):
    """A map that is turned round by another seed, a batch above 1, or an image above 0, as `by` says."""

    method: ClassVar[str] = "switched"
    by: str = ""
    start: int = 0
    batch: int = 1

    @property
    def seed(self):
        return self.start

    def with_seed(self, seed):
        return replace(self, start=seed)

    def explain(self, model, images, targets, on_step):
        changed = {"seed": self.start > 5, "batch": self.batch > 1, "noise": bool((images != 0).any()), "": False}
        evidence = RAMP.flip(0, 1) if changed[self.by] else RAMP
        logits = torch.zeros(len(images), 2)
        evidence = evidence.expand(len(images), -1, -1)
        return self.without_mask(evidence, evidence[:, None], torch.zeros(len(images)).long(), logits)


@pytest.mark.parametrize("by", ["", "seed", "batch", "noise"])
def test_only_what_varies_is_unstable(by):
    explain, image = SwitchedMap(by, start=5), torch.zeros(1, 3, 10, 10)
    found = stability(None, image[0], explain(None, image), explain).to_dict()
    for varied in ("seed", "batch", "noise"):
        expected = (-1, 0) if varied == by else (1, 1)
        assert (found[f"{varied}_correlation"], found[f"{varied}_overlap"]) == pytest.approx(expected)


def test_the_figures_are_those_of_the_maps_of_fgvis():
    model, image = TinyNet().eval(), smooth_images(1, 24)
    explain = FGVis(lam=1e-6, iterations=6, seed=4)
    explanation = explain(model, image, 2)
    found = stability(model, image[0], explanation, explain, StabilitySettings(seeds=(1, 3), noise=0.0))
    first = explanation.evidence[0]
    others = [replace(explain, seed=seed)(model, image, 2).evidence[0] for seed in (5, 7)]
    assert found.seed_correlation == pytest.approx(sum(rank_correlation(first, one) for one in others) / 2)
    assert found.seed_overlap == pytest.approx(sum(top_overlap(first, one, 0.05) for one in others) / 2)
    assert (found.noise_correlation, found.noise_overlap) == (pytest.approx(1), 1)
    assert found.seed_correlation < 1


def test_a_method_without_a_seed_has_no_stability_over_seeds():
    model, image = TinyNet().eval(), smooth_images(1, 24)
    explain = EXPLAINERS["saliency"].factory()
    found = stability(model, image[0], explain(model, image, 2), explain)
    assert math.isnan(found.seed_overlap)
    assert found.to_dict()["seed_correlation"] is None
    assert found.noise_correlation > 0.99


def test_the_batch_size_reaches_the_game():
    assert FGVis().with_batch(4) == FGVis(batch_size=4)
    assert RetinaFGVis().with_batch(4).game.batch_size == 4
    assert EXPLAINERS["rise"].factory().with_batch(4).batch == 4
    plain = EXPLAINERS["saliency"].factory()
    assert plain.with_batch(4) is plain


def test_the_explanation_must_be_of_the_image():
    model, images, explain = TinyNet().eval(), smooth_images(2, 24), FGVis(lam=1e-6, iterations=1)
    with pytest.raises(InputError, match="pass the explanation of one image"):
        stability(model, images[0], explain(model, images), explain)


@pytest.mark.parametrize("settings", [{"batch": 1}, {"noise": -1.0}, {"fraction": 0.0}])
def test_settings_of_the_comparison_out_of_range_are_refused(settings):
    with pytest.raises(UsageError, match="give a batch of at least 2"):
        StabilitySettings(**settings)
