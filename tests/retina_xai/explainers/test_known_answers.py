"""The methods on the toy networks of Captum's own tests, whose attributions were computed by hand there."""

import pytest
import torch
from captum.testing.helpers.basic_models import BasicModel_ConvNet_One_Conv, BasicModel_MultiLayer
from torch import nn

from retina_xai.explainers.grad_cam import GradCAM
from retina_xai.explainers.guided_backprop import GuidedBackprop
from retina_xai.explainers.occlusion import Occlusion

RAMP = torch.arange(16.0).view(1, 1, 4, 4)


GUIDED = [[[[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]]]]


class OfPixels(nn.Module):
    """A network of vectors (N, C * H * W) as one of images (N, C, H, W)."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, images):
        return self.body(images.flatten(1))


@pytest.mark.parametrize("inplace", [False, True])
def test_guided_backpropagation_of_a_convolution(inplace):
    result = GuidedBackprop()(BasicModel_ConvNet_One_Conv(inplace=inplace), RAMP, target=0)
    assert result.attribution.tolist() == GUIDED


def test_grad_cam_at_a_convolution():
    result = GradCAM(layer="conv1")(BasicModel_ConvNet_One_Conv(), RAMP, target=0)
    assert result.attribution.tolist() == [[[[11.25, 13.5], [20.25, 22.5]]]]


def test_occlusion_of_single_pixels():
    images = torch.tensor([20.0, 50.0, 30.0]).view(1, 1, 1, 3)
    pixel = Occlusion(window=1 / 3, stride=1 / 3, score="logit")
    result = pixel(OfPixels(BasicModel_MultiLayer()), images, target=0)
    assert result.attribution.flatten().tolist() == [80, 200, 120]
