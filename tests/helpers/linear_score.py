"""A network whose softmax score is linear in the pixels, so that curves and importances have closed forms."""

import torch
from torch import Tensor, nn

FLOOR = 0.1


class LinearScore(nn.Module):
    """p_0(x) = FLOOR + sum of weight * (mean of x over channels), for weights (H, W) that keep it in (0, 1)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.shown: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shown.append(len(images))
        score = FLOOR + (images.mean(dim=1) * self.weight).sum(dim=(1, 2))
        return torch.stack([score, 1 - score], dim=1).log()


def weights(height: int, width: int, seed: int = 0) -> Tensor:
    """Positive weights (height, width) of sum 0.8, all different."""
    values = torch.rand(height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return 0.8 * values / values.sum()
