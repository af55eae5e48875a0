"""Backward passes at stride 1: sizes, closed forms, unchanged forward passes, and the grid that disappears."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from retina_xai.explainers.stride_one import RESAMPLED, StrideOne

OPERATIONS = {
    "convolution": lambda x: F.conv2d(x, torch.ones(2, 1, 5, 5), None, 3, 2),
    "named stride": lambda x: F.conv2d(x, torch.ones(2, 1, 3, 3), stride=(2, 3)),
    "dilated": lambda x: F.conv2d(x, torch.ones(2, 1, 3, 3), stride=2, dilation=2),
    "average pooling": lambda x: F.avg_pool2d(x, 2),
    "maximum pooling": lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
    "modules": nn.Sequential(nn.Conv2d(1, 3, 3, 2, bias=False), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_forward_pass_is_unchanged_and_no_pixel_is_left_out(name):
    torch.manual_seed(0)
    image = torch.rand(2, 1, 25, 26)
    operation = OPERATIONS[name]
    if name == "modules":
        operation[0].weight.data.abs_()
    expected = operation(image)
    gradients = {}
    for key, names in RESAMPLED.items():
        leaf = image.clone().requires_grad_()
        with StrideOne(names):
            output = operation(leaf)
        torch.testing.assert_close(output, expected)
        (gradients[key],) = torch.autograd.grad(output.sum(), leaf)
    inner = gradients["all"][..., 6:-6, 6:-6]
    if name in ("convolution", "named stride", "dilated", "average pooling"):
        assert inner.std() < 1e-5 * inner.mean()
    grid = gradients["none"][..., 6:-6, 6:-6]
    assert inner.std() <= grid.std()
    if "pooling" in name:
        torch.testing.assert_close(gradients["convolutions"], gradients["none"])


def test_a_signal_is_resampled_to_the_size_of_stride_1_and_passed_back():
    """A' = A + 2 O - M + 1 = 9 + 2 - 3 + 1 = 9 positions for the 5 of stride 2."""
    torch.manual_seed(1)
    image, weight = torch.rand(1, 2, 9, 9, requires_grad=True), torch.randn(4, 2, 3, 3)
    signal = torch.randn(1, 4, 5, 5)
    with StrideOne(RESAMPLED["convolutions"]):
        output = F.conv2d(image, weight, stride=2, padding=1)
    (found,) = torch.autograd.grad(output, image, signal)
    resampled = F.interpolate(signal, size=(9, 9), mode="nearest") * 25 / 81
    torch.testing.assert_close(found, F.conv_transpose2d(resampled, weight, padding=1))


def test_maximum_pooling_passes_the_signal_to_the_maximum_of_each_window():
    image = torch.tensor([[0.0, 3.0, 1.0, 2.0]], requires_grad=True)[None]
    with StrideOne(RESAMPLED["all"]):
        output = F.max_pool1d(image, 2)
    (found,) = torch.autograd.grad(output, image, torch.tensor([[[1.0, 2.0]]]))
    # windows (0, 3), (3, 1), (1, 2) get the signals 1, 1, 2, each divided by 3 / 2
    torch.testing.assert_close(found, torch.tensor([[[0.0, 2.0, 0.0, 2.0]]]) * 2 / 3)


def test_operations_without_a_stride_and_without_gradients_are_left_alone():
    image = torch.rand(1, 1, 6, 6, requires_grad=True)
    with StrideOne(RESAMPLED["all"]):
        assert F.conv2d(image, torch.ones(1, 1, 3, 3)).grad_fn.name() == "ConvolutionBackward0"
        assert F.max_pool2d(image, 1).grad_fn.name() == "MaxPool2DWithIndicesBackward0"
        assert not F.max_pool2d(image.detach(), 2).requires_grad
        values, indices = F.max_pool2d(image, 2, return_indices=True)
    assert indices.shape == values.shape
