"""CAM against the score that it divides among positions, and against Grad-CAM."""

import pytest
import torch
from helpers.networks import smooth_images
from torch import nn
from torch.nn import functional as F
from torchvision import models

from retina_xai.errors import ModelError
from retina_xai.explainers.cam import CAM
from retina_xai.explainers.grad_cam import CounterfactualGradCAM, GradCAM

IMAGES = smooth_images(2, 20).double()


class Pooled(nn.Module):
    """A convolution, a global average pooling, and a head; with gates, their sigmoid is the last pooling."""

    def __init__(self, pool, head=None, gates=False):
        super().__init__()
        torch.manual_seed(2)
        self.body, self.linear = nn.Conv2d(3, 6, 3, stride=2), head or nn.Linear(6, 4)
        self.pool, self.gates = pool, gates
        self.double().eval()

    def maps(self, images):
        return torch.relu(self.body(images))

    def forward(self, images):
        maps = self.maps(images)
        if self.gates:
            maps = maps * self.pool(maps).sigmoid()[..., None, None]
            return self.linear(maps.amax(dim=(2, 3)))
        return self.linear(self.pool(maps))


POOLS = {
    "module": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "functional": lambda maps: F.adaptive_avg_pool2d(maps, 1).flatten(1),
    "average": lambda maps: F.avg_pool2d(maps, maps.shape[2:]).flatten(1),
    "mean": lambda maps: maps.mean((2, 3)),
    "named mean": lambda maps: torch.mean(input=maps, dim=(-2, -1), keepdim=True).flatten(1),
}


@pytest.mark.parametrize("pool", POOLS)
def test_the_map_is_weighted_by_the_class_and_its_mean_is_the_score(pool):
    model = Pooled(POOLS[pool])
    result = CAM()(model, IMAGES, 2)
    expected = torch.einsum("k,nkij->nij", model.linear.weight[2], model.maps(IMAGES))[:, None].detach()
    torch.testing.assert_close(result.attribution, expected)
    score = result.attribution.mean(dim=(1, 2, 3)) + model.linear.bias[2]
    torch.testing.assert_close(score, model(IMAGES)[:, 2])
    large = F.interpolate(expected, (20, 20), mode="bilinear", align_corners=False)[0, 0]
    torch.testing.assert_close(result.evidence[0], (large - large.min()) / (large.max() - large.min()))


def test_the_map_of_squeezenet_is_that_of_its_class():
    torch.manual_seed(0)
    model, images = models.squeezenet1_0(num_classes=8).eval(), smooth_images(1, 64)
    maps = model.classifier[:3](model.features(images)).detach()
    torch.testing.assert_close(CAM()(model, images, 5).attribution, maps[:, 5:6])


def test_grad_cam_is_the_same_map_divided_by_its_size():
    torch.manual_seed(0)
    model, images = models.resnet18(num_classes=8).eval(), smooth_images(1, 96)
    torch.testing.assert_close(CAM()(model, images, 5).attribution / 9, GradCAM()(model, images, 5).attribution)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Pooled(lambda maps: maps.amax((2, 3))), "Pooled has no global average pooling: CAM needs one, use grad-cam"),
        (Pooled(lambda maps: maps.flatten(1)[:, :6]), "Pooled has no global average pooling"),
        (
            Pooled(POOLS["mean"], nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))),
            "Pooled has Relu behind the pooling: CAM needs global average pooling and linear layers, use grad-cam",
        ),
        (Pooled(POOLS["mean"], nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))), "has Tanh behind"),
        (Pooled(POOLS["mean"], nn.Sequential(nn.Linear(6, 4), nn.ReLU())), "has Relu behind the pooling"),
        (Pooled(POOLS["mean"], gates=True), "Pooled has .* behind the pooling|a way around the pooling"),
    ],
)
def test_other_heads_are_refused(model, message):
    with pytest.raises(ModelError, match=message):
        CAM()(model, IMAGES)


def test_the_counterfactual_map_is_the_negative_one():
    model = Pooled(POOLS["module"])
    against = CounterfactualGradCAM()(model, IMAGES, 1).attribution
    torch.testing.assert_close(against, -GradCAM()(model, IMAGES, 1).attribution)


def test_the_counterfactual_layer_has_no_channel_for_each_class():
    torch.manual_seed(0)
    model, images = models.squeezenet1_0(num_classes=8).eval(), smooth_images(1, 96)
    result = CounterfactualGradCAM()(model, images, 1)
    expected = -GradCAM(layer="features")(model, images, 1).attribution
    torch.testing.assert_close(result.attribution, expected)
    assert result.evidence.max() == 1
    assert CounterfactualGradCAM(layer="classifier")(model, images, 1).evidence.max() == 0
