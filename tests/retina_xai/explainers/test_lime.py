"""LIME against its weighted least squares, and superpixels."""

import numpy as np
import pytest
import torch
from helpers.linear_score import LinearScore, weights
from helpers.networks import smooth_images

from retina_xai.errors import UsageError
from retina_xai.explainers import Lime
from retina_xai.explainers.lime import superpixels


def test_a_score_that_is_linear_in_the_superpixels_gives_back_their_weights():
    image = smooth_images(1, 24)[0].double().abs() + 0.1
    image = image / image.mean(dim=0, keepdim=True)  # so that a pixel adds its own weight
    labels = torch.from_numpy(superpixels(image.numpy(), 12))
    weight = weights(24, 24, seed=1)
    weight[labels == 3] *= -1
    parts = torch.zeros(int(labels.max()) + 1).double().index_add_(0, labels.flatten(), weight.flatten())
    evidence = Lime(samples=3000, segments=12)(LinearScore(weight), image[None], 0).evidence[0]
    expected = (parts.clamp(min=0) / parts.max())[labels]
    # ridge of weight 1 shrinks 3000 samples by under a percent
    torch.testing.assert_close(evidence, expected, atol=0.01, rtol=0.01)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_superpixels_are_whole_and_numbered_without_gaps(channels):
    image = np.random.default_rng(0).normal(size=(channels, 40, 30)).cumsum(axis=1).cumsum(axis=2)
    labels = superpixels(image, 12)
    assert labels.shape == (40, 30)
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert 4 <= labels.max() + 1 <= 24
    assert np.array_equal(labels, superpixels(image * 7 - 3, 12))


def test_a_flat_image_is_cut_into_tiles():
    areas = np.bincount(superpixels(np.full((3, 32, 32), 5.0), 16).ravel())
    assert len(areas) == 16
    assert 32 < areas.min() <= areas.max() < 128


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 1}, "samples 1, segments 50: give at least 2 of each"),
        ({"segments": 1}, "segments 1"),
        ({"batch": 0}, "batch 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Lime(**settings)
