"""Cost of one step of a game in bare passes, and of a line search as a share of its naive cost.

    make bench
    python tests/bench/engine.py --photographs FOLDER --weights squeezenet1_0.safetensors

A bare pass is a forward pass and the backward pass to the input, of the unmodified network with frozen parameters, in
the same process. Passes and steps are timed in turn, so that a drifting machine changes all alike; figures are medians
over the rounds of the ratios within a round. Networks have random weights, images random pixels: neither changes the
cost. The process keeps freed memory, as the commands do (`models.throughput`), for passes and steps alike.

The search needs photographs and weights, because they decide after how many steps a game ends: 8 photographs, evenly
spaced in the folder, on squeezenet1_0. Its naive cost are all 13 games of each photograph.

The overhead is what a step of an undefended game on the unmodified network costs more than a bare pass.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn
from torchvision import models

from retina_xai import FGVis, load_network, read_image
from retina_xai.games import GAMES, Position, Settings, play
from retina_xai.games.defence import DEFENCES
from retina_xai.games.line_search import LAMBDAS
from retina_xai.io.images import find_images
from retina_xai.models.folding import folded
from retina_xai.models.inference import inference
from retina_xai.models.network import Network
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


def search_share(network: Network, paths: Sequence[Path], iterations: int) -> tuple[float, bool]:
    """Cost of the search over 13 lambdas as a share of 13 games for each image, and whether the results are equal."""
    images = torch.cat([network.input_of(read_image(path)) for path in paths])
    found: list[Tensor] = []
    masks: list[Tensor] = []

    def naive() -> None:
        for image in images.split(1):
            single = [FGVis(lam=lam, iterations=iterations)(network.model, image) for lam in LAMBDAS]
            found.append(next((one for one in single if one.converged[0]), single[-1]).mask)

    search = seconds(lambda: masks.append(FGVis(iterations=iterations)(network.model, images).mask))
    return search / seconds(naive), torch.equal(masks[0], torch.cat(found))


def main() -> None:
    """Print one line per network, the geometric mean of the paper's defence, and the search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--photographs", type=Path, help="folder of photographs, for the search")
    parser.add_argument("--weights", type=Path, help="weights of squeezenet1_0, for the search")
    parser.add_argument("--search-steps", type=int, default=100)
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
    if given.photographs is None or given.weights is None:
        console.print("search over 13 lambdas: not measured, give --photographs and --weights")
        return
    paths = find_images([given.photographs])
    network = load_network("squeezenet1_0", given.weights)
    share, equal = search_share(network, paths[:: max(1, len(paths) // 8)][:8], given.search_steps)
    console.print(f"search over 13 lambdas, 8 photographs: {share:.2f} of 13 games each, equal results: {equal}")


if __name__ == "__main__":
    main()
