"""One experiment of the paper from the command line's options: networks, photographs, settings, run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retina_xai.app.cli.options import Given, configured
from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Experiment, Subject, images_below
from retina_xai.evaluation.experiments.registry import experiment_named
from retina_xai.models.device import device_named
from retina_xai.models.network import Network, load_network
from retina_xai.models.throughput import keep_freed_memory


@dataclass(frozen=True)
class Request:
    """What was asked for: the experiment's name, networks with their weights files, photographs, output folder (whose
    own pictures are none of the photographs), and the choice of photographs.
    """

    name: str
    models: tuple[str, ...]
    weights: tuple[Path, ...]
    images: Path | None
    out: Path
    limit: int | None
    seed: int
    device: str


def prepare(request: Request, given: Given) -> tuple[Experiment, Subject]:
    """The experiment with the settings given, and what it is run on.

    Raises:
        UsageError: unknown experiment, or settings that it does not have or refuses.
        InputError: no photographs.
        ModelError: networks or weights that cannot be used.
    """
    experiment = configured(experiment_named(request.name)(), f"experiment {request.name}", given)
    home = request.out.resolve()
    images = tuple(path for path in images_below(request.images) if home not in path.resolve().parents)
    networks = load_networks(request.models, request.weights, request.device)
    return experiment, Subject(networks, images, request.limit, request.seed)


def load_networks(models: Sequence[str], weights: Sequence[Path], device: str) -> tuple[Network, ...]:
    """The networks, each with the weights file at its place, or all without; in a process that keeps freed memory.

    Networks of one name get the first digits of their weights' hash: squeezenet1_0@6db7ae0e.

    Raises:
        UsageError: another number of weights files than of networks.
    """
    if weights and len(weights) != len(models):
        raise UsageError(f"{len(weights)} weights files for {len(models)} models: give one for each, or none")
    keep_freed_memory()
    place = device_named(device)
    files: Sequence[Path | None] = weights or [None] * len(models)
    loaded = [load_network(name, path, place) for name, path in zip(models, files, strict=True)]
    return tuple(
        replace(network, name=f"{network.name}@{network.weights.removeprefix('state:')[:8]}")
        if models.count(network.name) > 1
        else network
        for network in loaded
    )
