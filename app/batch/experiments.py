"""From the command line's options to an experiment and what it is run on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retina_xai.app.cli.options import Given, configured
from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Experiment, Subject, images_below
from retina_xai.evaluation.experiments.registry import experiment_named
from retina_xai.models.device import device_named
from retina_xai.models.network import Network, load_network
from retina_xai.models.scores import Score
from retina_xai.models.throughput import keep_freed_memory


@dataclass(frozen=True)
class Request:
    """The options: name of the experiment, networks with their weights files, folder of photographs, number and seed of
    the chosen photographs, device. Experiments that train their own network take none.
    """

    name: str
    models: tuple[str, ...]
    weights: tuple[Path, ...]
    images: Path | None
    limit: int | None
    seed: int
    device: str


def prepare(request: Request, given: Given) -> tuple[Experiment, Subject]:
    """The experiment with its settings, and the networks and photographs that it is run on.

    Raises:
        UsageError: unknown experiment, or settings that it does not have or refuses.
        InputError: no photographs.
        ModelError: networks or weights that cannot be used.
    """
    experiment = configured(experiment_named(request.name)(), f"experiment {request.name}", given)
    images = images_below(request.images)
    networks = load_networks(request.models, request.weights, request.device) if request.models else ()
    return experiment, Subject(networks, images, request.limit, request.seed)


def load_networks(
    models: Sequence[str], weights: Sequence[Path], device: str, score: Score = "softmax"
) -> tuple[Network, ...]:
    """Load the networks, each with the weights file of the same position or all without files.

    Networks of equal names get the first digits of their weights' hash appended: squeezenet1_0@6db7ae0e. The process
    keeps freed memory from now on (see `models.throughput`).

    Raises:
        ModelError: networks or weights that cannot be used, or outputs that do not fit the score.
        UsageError: the number of weights files is not that of the networks.
    """
    if weights and len(weights) != len(models):
        raise UsageError(f"{len(weights)} weights files for {len(models)} models: give one for each, or none")
    keep_freed_memory()
    place = device_named(device)
    files: Sequence[Path | None] = weights or [None] * len(models)
    loaded = [load_network(name, path, place) for name, path in zip(models, files, strict=True)]
    for network in loaded:
        network.check_score(score)
    return tuple(
        replace(network, name=f"{network.name}@{network.weights.removeprefix('state:')[:8]}")
        if models.count(network.name) > 1
        else network
        for network in loaded
    )
