"""The o_O networks: published sizes, any input size, and errors for wrong settings."""

import pytest
import torch
from torch import nn

from retina_xai.errors import ModelError
from retina_xai.models.rdr import MaxPool, RdrNet

SIZES = {
    "rdr5x5": [224, 224, 111, 56, 56, 56, 27, 27, 27, 27, 13, 13, 13, 13, 6, 6, 6],
    "rdr4x4": [224, 225, 112, 56, 57, 56, 27, 28, 27, 28, 13, 14, 13, 14, 6, 5],
}


@pytest.mark.parametrize("architecture", SIZES)
def test_map_sizes_are_the_published_ones(architecture):
    model = RdrNet(architecture, width=1 / 32).eval()
    sizes, hidden = [], torch.zeros(1, 3, 448, 448)
    for module in model.features:
        hidden = module(hidden)
        if isinstance(module, nn.Conv2d | MaxPool):
            sizes.append(hidden.shape[-1])
    assert sizes == SIZES[architecture]


@pytest.mark.parametrize("architecture", SIZES)
def test_channels_at_full_width_and_the_slope(architecture):
    model = RdrNet(architecture)
    convolutions = [module for module in model.features if isinstance(module, nn.Conv2d)]
    assert {layer.out_channels for layer in convolutions} == {32, 64, 128, 256, 512}
    assert {module.negative_slope for module in model.modules() if isinstance(module, nn.LeakyReLU)} == {0.01}
    assert sum(isinstance(module, nn.BatchNorm2d) for module in model.modules()) == len(convolutions)
    assert (model.classifier.in_features, model.classifier.out_features) == (512, 2)


@pytest.mark.parametrize("size", [32, 112, 224, 300, 512])
@pytest.mark.parametrize("architecture", SIZES)
def test_any_input_size_gives_logits(architecture, size):
    assert RdrNet(architecture, width=1 / 8).eval()(torch.zeros(2, 3, size, size)).shape == (2, 2)


def test_the_head_is_linear_in_the_pooled_features():
    model = RdrNet(width=1 / 8).eval()
    images = torch.randn(2, 3, 96, 96)
    maps = model.features(images)
    # class activation: the logit is the mean over the class activation map
    cam = torch.einsum("nchw,kc->nkhw", maps, model.classifier.weight)
    torch.testing.assert_close(model(images), cam.mean(dim=(2, 3)) + model.classifier.bias)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RdrNet("rdr6x6"), "unknown architecture 'rdr6x6': choose one of rdr5x5, rdr4x4"),
        (lambda: RdrNet(width=0), "width 0: choose a factor from 1/32 to 8"),
        (lambda: RdrNet()(torch.zeros(1, 3, 16, 16)), r"got \(1, 3, 16, 16\)"),
        (lambda: RdrNet()(torch.zeros(3, 64, 64)), "check the batch dimension"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ModelError, match=message):
        make()
