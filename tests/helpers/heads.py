"""One small network with every kind of output and head that an explainer can meet."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
POOLINGS = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


class Body(nn.Module):
    """Logits (N, classes) of images (N, channels, H, W), or volumes for three dimensions; `kernel` of both layers."""

    def __init__(self, classes: int = 4, channels: int = 3, dimensions: int = 2, kernel: int | tuple = 3) -> None:
        super().__init__()
        torch.manual_seed(5)
        convolution = CONVOLUTIONS[dimensions]
        self.first, self.second = convolution(channels, 6, kernel), convolution(6, 6, kernel)
        self.pool, self.linear = POOLINGS[dimensions](1), nn.Linear(6, classes)
        with torch.no_grad():
            self.linear.weight *= 12
        self.double().eval()

    def maps(self, images: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self.second(torch.relu(self.first(images))), 0.1)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.pool(self.maps(images)).flatten(1))


@dataclass
class ModelOutput:
    """As the outputs of Hugging Face's models."""

    logits: Tensor
    loss: None = None


class Headed(nn.Module):
    """`body`, and a function of its logits."""

    def __init__(self, body: Body, head) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, images: Tensor):
        return self.head(self.body(images))


def spread(logits: Tensor) -> Tensor:
    """(N, K, 1, 1)."""
    return logits[:, :, None, None]


OUTPUTS = {
    # name -> what the network makes of its logits z (N, K)
    "tensor": lambda z: z,
    "tuple with maps": lambda z: (z, z.new_zeros(len(z), 6, 5, 5)),
    "loss and logits": lambda z: (z.sum(), z),
    "auxiliary heads": lambda z: [z, 2 * z],
    "mapping with logits": lambda z: {"features": 3 * z, "logits": z},
    "mapping with out": lambda z: {"out": z, "aux": 2 * z},
    "mapping of one": lambda z: {"prediction": z, "name": "net"},
    "object with logits": ModelOutput,
    "one pixel": spread,
}
SINGLE = {
    # the same for one logit
    "tensor": lambda z: z,
    "squeezed": lambda z: z[:, 0],
    "single value": torch.squeeze,
    "tuple": lambda z: (z, z.new_zeros(len(z), 6, 5, 5)),
}
"""Their score "sigmoid" is that of the plain network, too."""

SOFTMAXES = {
    "softmax": lambda z: z.softmax(dim=1),
    "mapping with a softmax": lambda z: {"logits": z.softmax(dim=1)},
    "clamped softmax": lambda z: z.softmax(dim=1).clamp(1e-7, 1),
    "mean of softmaxes": lambda z: (z.softmax(dim=1) + z.clone().softmax(dim=1)) / 2,
    "softmax by hand": lambda z: (powers := z.exp()) / powers.sum(dim=1, keepdim=True),
    "log-softmax": lambda z: z.log_softmax(dim=1),
}
SIGMOIDS = {
    "sigmoid": torch.sigmoid,
    "one pixel": lambda z: spread(z).sigmoid(),
    "concatenated": lambda z: torch.cat([column.sigmoid() for column in z.split(1, dim=1)], dim=1),
    "softmaxes of pairs": lambda z: torch.stack([z, torch.zeros_like(z)], dim=2).softmax(dim=2)[:, :, 0],
    "log-sigmoid": torch.nn.functional.logsigmoid,
    "sigmoid by hand": lambda z: 1 / (1 + torch.exp(-z)),
    "half of tanh": lambda z: (torch.tanh(z / 2) + 1) / 2,
}
