"""Cost of a game against the side of an image, the size of a batch and the number of images, and memory over many.

    python tests/bench/scaling.py
    python tests/bench/scaling.py --explanations 1000

The unit is a bare pass over one image of that side (see `engine.py`), timed in turn with the steps; figures are medians
over the rounds. Networks have random weights. `--explanations` measures the memory of the process while it makes so
many explanations, each of another random image, and is the only part then.
"""

import argparse
import resource
import statistics
from pathlib import Path

import torch
from engine import STEPS, bare_passes, position_of, seconds
from rich.console import Console
from torch import nn
from torchvision import models

from retina_xai import FGVis
from retina_xai.games import GAMES, Settings, play
from retina_xai.games.defence import DEFENCES
from retina_xai.models.folding import folded
from retina_xai.models.inference import inference
from retina_xai.models.throughput import keep_freed_memory

SIDES, BATCHES, COUNTS = (112, 224, 448), (1, 4, 16), (1, 2, 4, 8)
WARM = 50
"""Explanations before the memory is read for the first time."""

console = Console()


def cost(model: nn.Module, side: int, batch: int, rounds: int) -> tuple[float, float]:
    """Bare passes, over one image, of one step for each image of the batch, and milliseconds of a bare pass."""
    images = torch.randn(batch, 3, side, side)
    position, faster = position_of(images), folded(model, images[:1])
    bounds, _ = DEFENCES["fgvis"].record(faster, images, position.references, STEPS)

    def played(steps: int) -> float:
        settings = Settings(lr=1e-3, iterations=steps)
        return seconds(lambda: play(faster, GAMES["deletion"], position, bounds, settings))

    rows = []
    for _ in range(rounds + 1):
        bare = seconds(lambda: bare_passes(model, images[:1], STEPS)) / STEPS
        rows.append(((played(STEPS) - played(0)) / STEPS / batch / bare, 1000 * bare))
    return statistics.median(row[0] for row in rows[1:]), statistics.median(row[1] for row in rows[1:])


def per_image(model: nn.Module, count: int, rounds: int) -> float:
    """Bare passes of an explanation of 10 steps for each of `count` images, with all that a call does besides."""
    images = torch.randn(count, 3, 224, 224)
    explain = FGVis(lam=1e-8, iterations=10, lr=1e-3)
    rows = []
    for _ in range(rounds + 1):
        bare = seconds(lambda: bare_passes(model, images[:1], STEPS)) / STEPS
        rows.append(seconds(lambda: explain(model, images)) / count / bare)
    return statistics.median(rows[1:])


def resident() -> float:
    """Memory of this process now, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def memory(model: nn.Module, count: int) -> None:
    """Print the memory after parts of `count` explanations."""
    explain = FGVis(lam=1e-8, iterations=2)
    for number in range(1, count + 1):
        explain(model, torch.randn(1, 3, 224, 224))
        if number == WARM or number % max(1, count // 5) == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            console.print(f"after {number:5} explanations: {resident():.0f} MiB, peak {peak:.0f} MiB")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--explanations", type=int, help="measure the memory over so many explanations instead")
    given = parser.parse_args()
    keep_freed_memory()
    with inference(models.resnet50()) as model:
        if given.explanations is not None:
            memory(model, given.explanations)
            return
        for side in SIDES:
            ratio, milliseconds = cost(model, side, 1, given.rounds)
            console.print(f"side {side:4}: {ratio:.2f} bare passes a step (a bare pass takes {milliseconds:.0f} ms)")
        for batch in BATCHES:
            console.print(
                f"batch {batch:3}: {cost(model, 224, batch, given.rounds)[0]:.2f} bare passes a step and image"
            )
        for count in COUNTS:
            console.print(
                f"{count:2} images: {per_image(model, count, given.rounds):.1f} bare passes an image of 10 steps"
            )


if __name__ == "__main__":
    main()
