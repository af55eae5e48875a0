"""Cost of one step of a game in bare passes, and of a line search as a share of its naive cost.

    make bench

A bare pass is a forward pass and the backward pass to the input, of the unmodified network with frozen parameters, in
the same process. Passes and steps are timed in turn, so that a drifting machine changes all alike; figures are medians
over the rounds of the ratios within a round. Networks have random weights, images random pixels: neither changes the
cost. The process keeps freed memory, as the commands do (`models.throughput`), for passes and steps alike.

The overhead is what a step of an undefended game on the unmodified network costs more than a bare pass.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from torch import Tensor, nn
from torchvision import models

from retina_xai.explainers.fgvis import FGVis
from retina_xai.games import GAMES, Position, Settings, play
from retina_xai.games.defence import DEFENCES
from retina_xai.games.line_search import LAMBDAS
from retina_xai.models.folding import folded
from retina_xai.models.inference import inference
from retina_xai.models.rdr import RdrNet
from retina_xai.models.throughput import keep_freed_memory

STEPS = 6
COMPARED = ("none", "fgvis", "reference")
NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "rdr5x5": (RdrNet, 448),
    "resnet50": (models.resnet50, 224),
    "googlenet": (lambda: models.googlenet(aux_logits=False, init_weights=False), 224),
    "vgg16": (models.vgg16, 224),
    "mobilenet_v2": (models.mobilenet_v2, 224),
}


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def bare_passes(model: nn.Module, images: Tensor, count: int) -> None:
    """Forward and backward passes to the input."""
    for _ in range(count):
        leaf = images.clone().requires_grad_()
        torch.autograd.grad(model(leaf).softmax(1)[:, 0].sum(), leaf)


def position_of(images: Tensor) -> Position:
    """Deletion games that end only after their last step."""
    start = GAMES["deletion"].start_mask(images.shape, 0, images).expand_as(images)
    zeros = images.new_zeros(len(images))
    return Position(images, torch.zeros_like(images), start, zeros.long(), zeros + 1e-10, zeros - torch.inf)


def step_ratios(model: nn.Module, images: Tensor, rounds: int) -> dict[str, float]:
    """Cost of one step of each defence in bare passes, and the overhead of the engine, as medians."""
    position, game = position_of(images), GAMES["deletion"]
    fast = folded(model, images[:1])
    games = {"overhead": (model, None)}
    for name in COMPARED:
        games[name] = (fast, DEFENCES[name].record(fast, images, position.references, STEPS)[0])

    def played(name: str, steps: int) -> float:
        network, bounds = games[name]
        return seconds(lambda: play(network, game, position, bounds, Settings(lr=1e-3, iterations=steps)))

    rows = []
    for _ in range(rounds + 1):
        bare = seconds(lambda: bare_passes(model, images, STEPS)) / STEPS
        rows.append({name: (played(name, STEPS) - played(name, 0)) / STEPS / bare for name in games})
    figures = {name: statistics.median(row[name] for row in rows[1:]) for name in games}
    return {**figures, "overhead": figures["overhead"] - 1}


def search_share(model: nn.Module, images: Tensor, iterations: int) -> tuple[float, bool]:
    """Cost of the search over 13 lambdas as a share of 13 games for each image, and whether the results are equal."""
    explain = FGVis(iterations=iterations)
    found: list[Tensor] = []

    def naive() -> None:
        for image in images.split(1):
            single = [FGVis(lam=lam, iterations=iterations)(model, image) for lam in LAMBDAS]
            found.append(next((one for one in single if one.converged[0]), single[-1]).mask)

    all_games = seconds(naive)
    masks = []
    search = seconds(lambda: masks.append(explain(model, images).mask))
    return search / all_games, torch.equal(masks[0], torch.cat(found))


def main() -> None:
    """Print one line per network, the geometric mean of the paper's defence, and the search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    given = parser.parse_args()
    keep_freed_memory()
    console, paper = Console(), []
    for name in given.networks:
        build, size = NETWORKS[name]
        with inference(build().to(given.device)) as model:
            ratios = step_ratios(model, torch.randn(given.batch, 3, size, size, device=given.device), given.rounds)
        paper.append(ratios["fgvis"])
        console.print(f"{name:14}" + "  ".join(f"{key} {value:.2f}" for key, value in ratios.items()))
    mean = math.exp(statistics.fmean(map(math.log, paper)))
    console.print(f"geometric mean of fgvis: {mean:.2f} bare passes per step")
    torch.manual_seed(0)
    share, equal = search_share(models.squeezenet1_0(num_classes=10), torch.randn(8, 3, 224, 224), 30)
    console.print(f"search over 13 lambdas, 8 images: {share:.2f} of 13 games each, equal results: {equal}")


if __name__ == "__main__":
    main()
