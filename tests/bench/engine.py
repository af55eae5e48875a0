"""Cost of one step of a game, as a ratio to the network's own forward and backward pass in the same run.

    make bench

Each network is timed in turn (reference, undefended, defended, ...), so that a drifting machine changes all alike;
the figures are medians of the ratios.
"""

import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from torch import nn
from torchvision import models

from retina_xai.explainers.fgvis import FGVis
from retina_xai.models.inference import inference
from retina_xai.models.rdr import RdrNet

ROUNDS, STEPS = 7, 4


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def reference(model: nn.Module, images: torch.Tensor) -> None:
    """STEPS forward and backward passes to the input, as any gradient method needs them."""
    with inference(model):
        for _ in range(STEPS):
            leaf = images.clone().requires_grad_()
            torch.autograd.grad(model(leaf).softmax(1)[:, 0].sum(), leaf)


def ratios(model: nn.Module, images: torch.Tensor) -> tuple[float, float]:
    """Median ratio of a step, undefended and defended; a game of STEPS steps has one more forward pass, or two."""
    games = [FGVis(lam=1e-12, lr=1e-3, iterations=STEPS, defended=defended) for defended in (False, True)]
    for game in games:
        game(model, images)
    rows = []
    for _ in range(ROUNDS):
        base = seconds(lambda: reference(model, images))
        rows.append([seconds(lambda game=game: game(model, images)) / base for game in games])
    undefended, defended = (statistics.median(column) for column in zip(*rows, strict=True))
    return undefended, defended


def main() -> None:
    """Print one line per network."""
    console = Console()
    networks: dict[str, tuple[nn.Module, int]] = {
        "rdr5x5 at 448": (RdrNet(), 448),
        "resnet50": (models.resnet50(weights=None), 224),
        "vgg16": (models.vgg16(weights=None), 224),
        "mobilenet_v2": (models.mobilenet_v2(weights=None), 224),
        "convnext_tiny": (models.convnext_tiny(weights=None), 224),
    }
    for name, (model, size) in networks.items():
        undefended, defended = ratios(model.eval(), torch.randn(1, 3, size, size))
        console.print(f"{name:15} undefended {undefended:.2f}  defended {defended:.2f}  of forward and backward")


if __name__ == "__main__":
    main()
