"""RISE against a plain loop, and the distribution of its masks."""

import pytest
import torch
from helpers.linear_score import LinearScore, weights

from retina_xai.errors import UsageError
from retina_xai.explainers.rise import RISE


def masks_of(rise, height, width, batch=16):
    return torch.cat(list(rise.draw((height, width), batch)))[:, 0]


def test_evidence_is_the_mean_score_of_the_masks_that_show_a_pixel():
    weight = weights(12, 10)
    rise = RISE(masks=30, cells=3, seed=4)
    image = torch.rand(1, 3, 12, 10).double()
    evidence = rise(LinearScore(weight), image, 0).evidence[0]
    top, bottom = torch.zeros(12, 10).double(), torch.zeros(12, 10).double()
    for mask in masks_of(rise, 12, 10).double():
        top += (0.1 + (image[0].mean(0) * mask * weight).sum()) * mask
        bottom += mask
    mean = top / bottom
    torch.testing.assert_close(evidence, (mean - mean.min()) / (mean.max() - mean.min()))


def test_it_finds_the_relevant_pixels():
    weight = torch.zeros(28, 28)
    weight[18:22, 4:8] = 0.8 / 16
    evidence = RISE(masks=1500)(LinearScore(weight), torch.ones(1, 3, 28, 28), 0).evidence[0]
    assert evidence[18:22, 4:8].min() > 0.7
    assert evidence[:8, 16:].max() < 0.4


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_masks_do_not_depend_on_the_batch(batch):
    expected = masks_of(RISE(masks=20, seed=2), 30, 21)
    assert expected.shape == (20, 30, 21)
    assert torch.equal(masks_of(RISE(masks=20, seed=2), 30, 21, batch), expected)


def test_masks_are_smooth_grids_of_the_given_probability_at_every_offset():
    masks = masks_of(RISE(masks=3000, cells=4, probability=0.3), 16, 16)
    assert masks.min() >= 0
    assert masks.max() <= 1
    # a mask value is a mean of random bits: within five standard errors everywhere, also at the borders
    assert (masks.mean(dim=0) - 0.3).abs().max() < 5 * (0.21 / 3000) ** 0.5
    # four cells of four pixels, stretched over 20: neighbours differ by at most 4 / 20
    assert masks.diff(dim=1).abs().max() == pytest.approx(0.2, abs=1e-6)
    # values of 0 and 1 occur at all places only because the offsets differ
    assert (masks == 1).any(dim=0).all()


def test_one_cell_shows_all_or_nothing():
    masks = masks_of(RISE(masks=50, cells=1), 8, 9)
    assert set(masks.flatten(1).sum(dim=1).tolist()) == {0.0, 72.0}


def test_a_constant_network_has_no_evidence():
    for masks in (10, 400):
        evidence = RISE(masks=masks)(LinearScore(torch.zeros(8, 8)), torch.ones(1, 3, 8, 8), 0).evidence
        assert not evidence.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"masks": 0}, "masks 0, cells 7: give at least 1 of each"),
        ({"cells": 0}, "cells 0"),
        ({"batch": 0}, "batch 0: give at least 1, or None"),
        ({"probability": 1.0}, "probability 1: give a number between 0 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        RISE(**settings)
