"""Layers with their names, the responses of their filters, and filters that are switched off."""

import pytest
import torch
from helpers.networks import TinyNet, smooth_images
from torch import nn
from torchvision import models

from retina_xai.errors import ModelError
from retina_xai.explainers.layers import Layer, LayerWatch, ablated_logits, places, responses_of
from retina_xai.models.scored_model import scored

IMAGES = smooth_images(3, 24)


class Reused(nn.Module):
    """A convolution that is called twice, with a functional rectifier, and a residual sum in place."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.block = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.head = nn.BatchNorm2d(4), nn.Linear(4, 3)
        self.norm.bias.data.fill_(0.3)
        self.eval()

    def forward(self, images):
        first = torch.relu(self.stem(images))
        second = self.norm(self.block(first)).relu_()
        third = self.block(second)
        third += first
        return self.head(third.mean(dim=(2, 3)))


def test_a_layer_is_its_convolution_with_what_follows_it():
    model = Reused()
    first = torch.relu(model.stem(IMAGES))
    second = model.norm(model.block(first)).relu()
    with scored(model) as network:
        found = responses_of(network, IMAGES)
    assert found.layers == (Layer("stem", 4, True), Layer("block", 4, True), Layer("block (call 2)", 4, True))
    torch.testing.assert_close(found.logits, model(IMAGES).detach())
    expected = []
    for maps in (first, second, model.block(second)):  # the third as it was before the sum in place
        norms = maps.detach().square().sum(dim=(2, 3)).sqrt()
        expected.append(norms / norms.sum(dim=1, keepdim=True))
    torch.testing.assert_close(found.features, torch.cat(expected, dim=1))
    torch.testing.assert_close(found.features.sum(dim=1), torch.full((3,), 3.0))
    assert places(found.layers)[5] == (1, 1)


def test_filters_that_are_switched_off_have_maps_of_zero():
    model = Reused()
    first = torch.relu(model.stem(IMAGES))
    first[0, 2] = 0
    second = model.norm(model.block(first)).relu()
    second[1, 0] = 0
    expected = model.head((model.block(second) + first).mean(dim=(2, 3))).detach()
    kept = torch.ones(3, 12)
    kept[0, 2] = kept[1, 4] = 0
    with scored(model) as network:
        torch.testing.assert_close(ablated_logits(network, IMAGES, kept), expected)
        torch.testing.assert_close(ablated_logits(network, IMAGES, torch.ones(3, 12)), model(IMAGES).detach())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_the_layers_of_torchvision_networks():
    torch.manual_seed(0)
    images = torch.randn(1, 3, 64, 64)
    with scored(models.squeezenet1_0(weights=None).eval()) as network:
        squeeze = responses_of(network, images).layers
    assert len(squeeze) == 25
    assert squeeze[0] == Layer("features.0", 96, True)
    assert squeeze[-1] == Layer("features.12.expand3x3", 256, True)
    with scored(models.resnet18(weights=None).eval()) as network:
        residual = responses_of(network, images)
    assert len(residual.layers) == 20
    assert residual.features.min() >= 0


def test_responses_do_not_depend_on_the_batch_and_networks_in_place_are_seen():
    with scored(TinyNet().double()) as network:
        together = responses_of(network, IMAGES.double()).features
        alone = [responses_of(network, image.double()).features for image in IMAGES.split(1)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_the_hooks_are_gone_after_an_exception():
    model = Reused()

    def fail(number, output):
        raise ArithmeticError

    with pytest.raises(ArithmeticError), LayerWatch(model, fail):
        model(IMAGES)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_network_without_a_hidden_layer_is_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 2))
    with (
        scored(model) as network,
        pytest.raises(ModelError, match="no convolution or linear layer before its last one"),
    ):
        responses_of(network, IMAGES)
