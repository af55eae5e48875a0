"""The classifier of referable diabetic retinopathy: the o_O team's networks with a class-activation head.

Convolutions, each followed by batch normalisation and leaky ReLU (slope 0.01), with 3x3 max pooling of stride 2 in
between; then global average pooling and one linear layer with two outputs (non-RDR, RDR). Unlike the Kaggle solution,
it has no RMS pooling, no maxout and no dense layers, like the networks for weakly supervised localization based on it.
Our additions: a width factor, and a pooling that is skipped where it would reduce a map to one pixel, so that the same
weights accept any input size (the staged training starts at 112 px).

Source: Antony and Brueggemann (o_O), Kaggle diabetic retinopathy detection, 2015; FGVis supplement A4.2.
"""

import copy
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from retina_xai.errors import ModelError

NEGATIVE_SLOPE = 0.01
MINIMUM_SIZE = 32


@dataclass(frozen=True)
class Conv:
    """One convolution of the table: kernel size, output channels at width 1, stride and padding."""

    kernel: int
    channels: int
    stride: int = 1
    padding: int = 1


POOL = "pool"
Layer = Conv | str

ARCHITECTURES: dict[str, tuple[Layer, ...]] = {
    # 448 -> 224, 224, 111; 56, 56, 56, 27; 27 x3, 13; 13 x3, 6; 6, 6
    "rdr5x5": (
        *(Conv(5, 32, stride=2, padding=2), Conv(3, 32), POOL),
        *(Conv(5, 64, stride=2, padding=2), Conv(3, 64), Conv(3, 64), POOL),
        *(Conv(3, 128), Conv(3, 128), Conv(3, 128), POOL),
        *(Conv(3, 256), Conv(3, 256), Conv(3, 256), POOL),
        *(Conv(3, 512), Conv(3, 512)),
    ),
    # 448 -> 224, 225, 112; 56, 57, 56, 27; 28, 27, 28, 13; 14, 13, 14, 6; 5: paddings 1 and 2 alternate
    "rdr4x4": (
        *(Conv(4, 32, stride=2), Conv(4, 32, padding=2), POOL),
        *(Conv(4, 64, stride=2), Conv(4, 64, padding=2), Conv(4, 64), POOL),
        *(Conv(4, 128, padding=2), Conv(4, 128), Conv(4, 128, padding=2), POOL),
        *(Conv(4, 256, padding=2), Conv(4, 256), Conv(4, 256, padding=2), POOL),
        *(Conv(4, 512),),
    ),
}


class MaxPool(nn.MaxPool2d):
    """Max pooling 3x3 of stride 2; the identity for maps that it would reduce to a single pixel."""

    def __init__(self) -> None:
        super().__init__(kernel_size=3, stride=2)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input if min(input.shape[-2:]) < 5 else super().forward(input)


class RdrNet(nn.Module):
    """Maps images (N, 3, H, W), normalised by the weights' own preprocessing, to logits (N, classes).

    Args:
        architecture: a key of `ARCHITECTURES`.
        width: factor on every channel count, above 0; 1.0 is the published network.
        classes: number of outputs; (non-RDR, RDR) by default.

    Raises:
        ModelError: unknown architecture, or a width outside [1/32, 8].
    """

    def __init__(self, architecture: str = "rdr5x5", width: float = 1.0, classes: int = 2) -> None:
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise ModelError(f"unknown architecture {architecture!r}: choose one of {', '.join(ARCHITECTURES)}")
        if not 1 / 32 <= width <= 8:
            raise ModelError(f"width {width}: choose a factor from 1/32 to 8")
        layers: list[nn.Module] = []
        channels = 3
        for layer in ARCHITECTURES[architecture]:
            if isinstance(layer, Conv):
                filters = max(1, round(width * layer.channels))
                layers += _block(channels, filters, layer)
                channels = filters
            else:
                layers.append(MaxPool())
        self.architecture, self.width = architecture, width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of images (N, 3, H, W); the smallest side is `MINIMUM_SIZE`."""
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[-2:]) < MINIMUM_SIZE:
            raise ModelError(
                f"got {tuple(images.shape)}, expected images (N, 3, H, W) with sides of at least {MINIMUM_SIZE}: "
                "check the batch dimension and the size"
            )
        return cast(torch.Tensor, self.classifier(self.features(images).mean(dim=(2, 3))))

    def recalibrated(self, slope: float, shift: float) -> "RdrNet":
        """A copy whose logits are multiplied by `slope`; `shift` is then added to that of the last class."""
        net = copy.deepcopy(self)
        with torch.no_grad():
            net.classifier.weight.mul_(slope)
            net.classifier.bias.mul_(slope)
            net.classifier.bias[-1].add_(shift)
        return net


def _block(channels: int, filters: int, layer: Conv) -> list[nn.Module]:
    conv = nn.Conv2d(channels, filters, layer.kernel, layer.stride, layer.padding, bias=False)
    nn.init.kaiming_normal_(conv.weight, a=NEGATIVE_SLOPE, nonlinearity="leaky_relu")
    return [conv, nn.BatchNorm2d(filters), nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True)]
