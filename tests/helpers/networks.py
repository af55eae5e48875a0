"""Untrained networks for tests, with gradients that are not zero."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from retina_xai.models.rdr import RdrNet

ARCHITECTURES = ("rdr", "resnet18", "googlenet", "mobilenet_v2", "efficientnet_b0", "convnext_tiny")


def smooth_images(count: int, size: int, seed: int = 1) -> Tensor:
    """Blob-like random images (count, 3, size, size) around zero."""
    coarse = torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, size=(size, size), mode="bicubic")


def alive(name: str, images: Tensor, seed: int = 0) -> nn.Module:
    """A ten-class network with exact batch-norm statistics of `images` and logits of standard deviation 4."""
    torch.manual_seed(seed)
    if name == "rdr":
        model: nn.Module = RdrNet(width=1 / 8, classes=10)
    else:
        extra = {"init_weights": False} if name == "googlenet" else {}
        model = models.get_model(name, weights=None, num_classes=10, **extra)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        model.train()
        model(images)
        model.eval()
        head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
        head.weight *= 4 / model(images).std()
        head.bias -= model(images).mean(dim=0)
    return model


class TinyNet(nn.Module):
    """Three convolutions with in-place, functional and reused nonlinearities, for images of any size."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.LeakyReLU(0.01, inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.act(self.norm(self.first(images)))
        hidden = self.act(self.second(hidden)) + F.silu(hidden)
        return 8 * self.head(self.drop(torch.tanh(hidden).mean(dim=(2, 3))))


class LinearLogit(nn.Module):
    """Logits (s, 0) with s the weighted sum of the image plus an offset."""

    def __init__(self, weight: Tensor, offset: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.offset = offset

    def forward(self, images: Tensor) -> Tensor:
        score = (images * self.weight).flatten(1).sum(dim=1) + self.offset
        return torch.stack([score, torch.zeros_like(score)], dim=1)
