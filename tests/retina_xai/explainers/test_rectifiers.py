"""Guided backpropagation and deconvnet: closed forms, Captum's figures, and networks that Captum cannot take."""

import copy
from types import MethodType

import captum.attr
import pytest
import torch
from helpers.networks import TinyNet, smooth_images
from torch import nn
from torch.nn import functional as F
from torchvision import models
from torchvision.models.resnet import BasicBlock, Bottleneck

from retina_xai.errors import ModelError
from retina_xai.explainers.deconvnet import Deconvnet
from retina_xai.explainers.grad_cam import GradCAM, upsampled
from retina_xai.explainers.guided_backprop import GuidedBackprop
from retina_xai.explainers.guided_grad_cam import GuidedGradCAM

METHODS = [(GuidedBackprop, captum.attr.GuidedBackprop), (Deconvnet, captum.attr.Deconvolution)]
BOTH = pytest.mark.parametrize("explain", [GuidedBackprop(), Deconvnet()])


class Weighted(nn.Module):
    """Logits (sum of v * f(w * x), 0) of images x (N, 1, 1, 4), for a rectifier f."""

    def __init__(self, rectify):
        super().__init__()
        self.rectify = rectify
        self.register_buffer("inner", torch.tensor([2.0, -3.0, 2.0, -3.0]))
        self.register_buffer("outer", torch.tensor([1.0, 1.0, -1.0, -1.0]))

    def forward(self, images):
        score = (self.outer * self.rectify(self.inner * images)).sum(dim=(1, 2, 3))
        return torch.stack([score, torch.zeros_like(score)], dim=1)


ONES = torch.ones(1, 1, 1, 4)  # f gets (2, -3, 2, -3)
LEAKY = 0.1


class Slices(nn.Module):
    def forward(self, values):
        values = values.clone()
        values[..., :3].relu_()
        return values


class OwnFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values):
        return values.clamp(min=0)

    @staticmethod
    def backward(ctx, signal):
        return signal


@pytest.mark.parametrize(
    "rectify",
    [F.relu, F.relu6, torch.relu, nn.ReLU(inplace=True), nn.ReLU6(), lambda z: z.clamp(min=0), lambda z: z.clamp(0, 6)],
    ids=["F.relu", "F.relu6", "torch.relu", "inplace", "ReLU6", "clamp", "clamp to 6"],
)
def test_the_rules_of_a_relu_however_it_is_called(rectify):
    guided = GuidedBackprop()(Weighted(rectify), ONES, 0).attribution
    deconvolved = Deconvnet()(Weighted(rectify), ONES, 0).attribution
    assert guided.flatten().tolist() == [2, 0, 0, 0], "active, and the signal is positive"
    assert deconvolved.flatten().tolist() == [2, -3, 0, 0], "the signal is positive"


def test_the_rules_of_a_leaky_relu():
    model = Weighted(nn.LeakyReLU(LEAKY))
    assert GuidedBackprop()(model, ONES, 0).attribution.flatten().tolist() == pytest.approx([2, -3 * LEAKY, 0, 0])
    assert Deconvnet()(model, ONES, 0).attribution.flatten().tolist() == [2, -3, 0, 0]


@BOTH
@pytest.mark.parametrize("rectify", [nn.PReLU(), nn.ELU(), nn.GELU(), nn.SiLU(), nn.Mish(), nn.Hardswish()])
def test_other_rectifiers_drop_negative_signals_too(explain, rectify):
    values = explain(Weighted(rectify), ONES, 0).attribution.flatten()
    assert values[0] > 0
    assert values[2:].tolist() == [0, 0]


@BOTH
@pytest.mark.parametrize(
    ("rectify", "message"),
    [
        (torch.tanh, "has no ReLU or similar unit, so this method would be the plain gradient: use saliency"),
        (nn.Hardtanh(), "has no ReLU or similar unit"),
        (Slices(), "contains CopySlices, in which a rectifier cannot be found: use saliency"),
        (OwnFunction.apply, "contains OwnFunctionBackward, in which a rectifier cannot be found"),
    ],
)
def test_a_network_whose_rectifiers_are_not_found_is_refused(explain, rectify, message):
    with pytest.raises(ModelError, match=message):
        explain(Weighted(rectify), ONES, 0)


def block(self, images):
    """The forward pass of both blocks of torchvision, with a ReLU module of its own for each call."""
    hidden = self.rectifiers[0](self.bn1(self.conv1(images)))
    hidden = self.bn2(self.conv2(hidden))
    if isinstance(self, Bottleneck):
        hidden = self.bn3(self.conv3(self.rectifiers[1](hidden)))
    return self.rectifiers[2](hidden + (images if self.downsample is None else self.downsample(images)))


def for_captum(model):
    """A copy with the same parameters, but without in-place and reused modules, which Captum refuses."""
    model = copy.deepcopy(model, {id(parameter): parameter for parameter in model.parameters()})
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
        if isinstance(module, BasicBlock | Bottleneck):
            module.rectifiers = nn.ModuleList(nn.ReLU() for _ in range(3))
            module.forward = MethodType(block, module)
    return model


@pytest.mark.filterwarnings("ignore:Setting backward hooks")
@pytest.mark.parametrize("name", [pytest.param("vgg11", marks=pytest.mark.slow), "resnet18", "resnet50"])
def test_the_figures_of_captum(name):
    torch.manual_seed(0)
    model, images = models.get_model(name, num_classes=10).eval(), smooth_images(1, 64)
    separate = for_captum(model)
    assert torch.equal(separate(images), model(images))
    for ours, theirs in METHODS:
        expected = theirs(separate).attribute(images.clone().requires_grad_(), target=3)
        found = ours()(model, images, 3).attribution
        assert expected.abs().max() > 0
        torch.testing.assert_close(found / expected.abs().max(), expected / expected.abs().max(), atol=1e-5, rtol=0)
        assert torch.equal(found, ours()(model, images, 3).attribution)


def test_relu6_is_guided_as_relu_where_it_does_not_saturate():
    model = Weighted(nn.ReLU6())
    assert torch.equal(GuidedBackprop()(model, 4 * ONES, 0).attribution, torch.zeros(1, 1, 1, 4)), "8 is cut to 6"
    assert Deconvnet()(model, 4 * ONES, 0).attribution.flatten().tolist() == [2, -3, 0, 0]


def test_guided_grad_cam_is_the_product():
    model, images = TinyNet().eval(), smooth_images(2, 24)
    product = GuidedGradCAM(layer="second")(model, images, 1)
    maps = upsampled(GradCAM(layer="second")(model, images, 1).attribution.relu(), images)
    torch.testing.assert_close(product.attribution, GuidedBackprop()(model, images, 1).attribution * maps)
    largest = product.attribution.abs().amax(dim=1)
    torch.testing.assert_close(product.evidence, largest / largest.amax(dim=(1, 2), keepdim=True))
