"""LIME against its weighted least squares, and superpixels."""

import numpy as np
import pytest
import torch
from helpers.linear_score import LinearScore, weights
from helpers.networks import smooth_images
from torch import nn

from retina_xai.errors import UsageError
from retina_xai.explainers.lime import LIME, superpixels


def test_weights_of_a_linear_score_are_recovered():
    image = smooth_images(1, 24)[0].double().abs() + 0.1
    image = image / image.mean(dim=0, keepdim=True)  # so that a pixel adds its own weight
    labels = torch.from_numpy(superpixels(image.numpy(), 12))
    weight = weights(24, 24, seed=1)
    weight[labels == 3] *= -1
    parts = torch.zeros(int(labels.max()) + 1).double().index_add_(0, labels.flatten(), weight.flatten())
    evidence = LIME(samples=3000, segments=12)(LinearScore(weight), image[None], 0).evidence[0]
    expected = (parts.clamp(min=0) / parts.max())[labels]
    # ridge of weight 1 shrinks 3000 samples by under a percent
    torch.testing.assert_close(evidence, expected, atol=0.01, rtol=0.01)


class Squared(nn.Module):
    """p_0(x) = 0.1 + (mean of the brightness)^2 / 2; it keeps the images that it was shown."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def forward(self, images):
        self.shown += list(images)
        score = 0.1 + images.mean(dim=(1, 2, 3)) ** 2 / 2
        return torch.stack([score, 1 - score], dim=1).log()


def test_samples_are_weighted_by_their_distance_to_the_whole_image():
    """Against weighted ridge regression by the normal equations, on a score that is not linear."""
    image = smooth_images(1, 24)[0].double().abs() + 0.1
    image = image / image.max()
    labels = superpixels(image.numpy(), 12)
    model = Squared()
    evidence = LIME(samples=60, segments=12)(model, image[None], 0).evidence[0].numpy()
    first = [np.argwhere(labels == k)[0] for k in range(labels.max() + 1)]
    copies = model.shown[-60:]
    z = np.array([[float(copy[0, row, column] != 0) for row, column in first] for copy in copies])
    score = np.array([0.1 + float(copy.mean()) ** 2 / 2 for copy in copies])
    weight = np.exp(-((1 - np.sqrt(z.mean(axis=1))) ** 2) / (2 * 0.25**2))
    assert weight.std() > 0.1
    centred = z - np.average(z, axis=0, weights=weight)
    target = score - np.average(score, weights=weight)
    gram = (centred.T * weight) @ centred + np.eye(z.shape[1])
    expected = np.clip(np.linalg.solve(gram, (centred.T * weight) @ target), 0, None)
    np.testing.assert_allclose(evidence, (expected / expected.max())[labels], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_superpixels_cover_the_image_and_are_numbered_without_gaps(channels):
    image = np.random.default_rng(0).normal(size=(channels, 40, 30)).cumsum(axis=1).cumsum(axis=2)
    labels = superpixels(image, 12)
    assert labels.shape == (40, 30)
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert 4 <= labels.max() + 1 <= 24
    assert np.array_equal(labels, superpixels(image * 7 - 3, 12))


def test_superpixels_of_a_constant_image_are_tiles():
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
        LIME(**settings)
