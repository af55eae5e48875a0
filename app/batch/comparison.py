"""From the options of `compare` to the comparison and what it is run on."""

from dataclasses import dataclass
from pathlib import Path

from retina_xai.app.batch.experiments import load_networks
from retina_xai.app.cli.options import Given, configured
from retina_xai.evaluation.comparison.experiment import Comparison
from retina_xai.evaluation.experiments.base import Subject, images_below

ALL = "all"


@dataclass(frozen=True)
class CompareRequest:
    """The options: photographs, network, names of methods and metrics as texts, choice of photographs, device."""

    images: Path
    model: str
    weights: Path | None
    methods: str
    metrics: str
    limit: int | None
    seed: int
    device: str
    boxes: Path | None = None


def prepare_comparison(request: CompareRequest, given: Given) -> tuple[Comparison, Subject]:
    """The comparison with its settings, and the network and photographs that it is run on.

    Raises:
        UsageError: unknown methods, metrics or settings.
        InputError: no photographs.
        ModelError: a network or weights that cannot be used.
    """
    methods = names_in(request.methods)
    boxes = "" if request.boxes is None else str(request.boxes)
    base = Comparison(methods=() if ALL in methods else methods, metrics=names_in(request.metrics), boxes=boxes)
    comparison = configured(base, "compare", given)
    images = images_below(request.images)
    weights = [] if request.weights is None else [request.weights]
    networks = load_networks([request.model], weights, request.device)
    return comparison, Subject(networks, images, request.limit, request.seed)


def names_in(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
