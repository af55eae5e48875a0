"""Random evidence depends only on its seed."""

import torch
from helpers.linear_score import LinearScore
from helpers.networks import TinyNet

from retina_xai.explainers.random_map import RandomMap


def test_it_does_not_depend_on_network_image_or_target():
    images = torch.rand(2, 3, 30, 30)
    expected = RandomMap(3)(TinyNet(), images).evidence
    assert torch.equal(RandomMap(3)(LinearScore(torch.zeros(30, 30)), 0 * images, 1).evidence, expected)
    assert torch.equal(expected[0], expected[1])


def test_it_is_uniform():
    values = RandomMap(0)(TinyNet(), torch.zeros(1, 3, 100, 100)).evidence.flatten()
    assert values.max() == 1
    counts = values.histc(10, 0, 1)
    assert (counts - 1000).abs().max() < 150
