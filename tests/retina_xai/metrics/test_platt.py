"""Calibration by slope and shift: known values are found, and a network that is given them shows them."""

import numpy as np
import pytest
import torch

from retina_xai.errors import InputError
from retina_xai.metrics.platt import fit_platt, logits_of_scores
from retina_xai.models.rdr import RdrNet


def drawn(count=4000, slope=0.6, shift=-1.5):
    """Labels whose log odds are slope * z + shift."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, count)
    return rng.random(count) < 1 / (1 + np.exp(-(slope * logits + shift))), logits


def test_a_known_slope_and_shift_are_found():
    labels, logits = drawn()
    fit = fit_platt(labels, logits)
    assert fit.slope == pytest.approx(0.6, abs=0.05)
    assert fit.shift == pytest.approx(-1.5, abs=0.12)
    assert abs(fit.scores(logits).mean() - labels.mean()) < 1e-3


def test_scores_that_fall_with_the_disease_are_refused():
    labels, logits = drawn()
    with pytest.raises(InputError, match="do not rise with the disease"):
        fit_platt(~labels, logits)


def test_extreme_scores_have_bounded_logits():
    found = logits_of_scores(np.array([0.0, 1e-20, 0.5, 1.0]))
    assert np.isfinite(found).all()
    assert found[2] == pytest.approx(0)
    assert (np.diff(found) >= 0).all()


def test_a_recalibrated_network_has_slope_and_shift_and_the_first_one_is_unchanged():
    torch.manual_seed(0)
    net = RdrNet(width=0.05).eval()
    images = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        before = net(images)
        after = net.recalibrated(1.7, -0.4)(images)
        assert torch.equal(net(images), before)
    odds = before[:, 1] - before[:, 0]
    torch.testing.assert_close(after[:, 1] - after[:, 0], 1.7 * odds - 0.4)
