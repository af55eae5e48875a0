"""From the options of `compare` to the comparison and what it is run on."""

from dataclasses import dataclass
from pathlib import Path

from retina_xai.app.batch.experiments import load_networks
from retina_xai.app.cli.options import Given, configured
from retina_xai.errors import UsageError
from retina_xai.evaluation.comparison.experiment import Comparison, all_methods
from retina_xai.evaluation.comparison.markings import markings_in
from retina_xai.evaluation.experiments.base import Subject, images_below
from retina_xai.models.network import RDR_NAME

ALL = "all"


@dataclass(frozen=True)
class CompareRequest:
    """The options: photographs, network, names of methods and metrics as texts, choice of photographs, device.

    annotated: folder of an annotated data set, whose photographs of `split` ("" is its default) are taken instead.
    """

    images: Path | None
    model: str
    weights: Path | None
    methods: str
    metrics: str
    limit: int | None
    seed: int
    device: str
    boxes: Path | None = None
    annotated: Path | None = None
    split: str = ""


def prepare_comparison(request: CompareRequest, given: Given) -> tuple[Comparison, Subject]:
    """The comparison with its settings, and the network and photographs that it is run on.

    Raises:
        UsageError: unknown methods, metrics or settings.
        InputError: no photographs.
        ModelError: a network or weights that cannot be used.
    """
    methods = names_in(request.methods)
    if ALL in methods:
        methods = all_methods(fundus=request.model == RDR_NAME)
    boxes, annotated = ("" if path is None else str(path) for path in (request.boxes, request.annotated))
    metrics = names_in(request.metrics)
    base = Comparison(methods=methods, metrics=metrics, boxes=boxes, annotated=annotated, split=request.split)
    comparison = configured(base, "compare", given)
    images = _photographs(request)
    weights = [] if request.weights is None else [request.weights]
    networks = load_networks([request.model], weights, request.device)
    return comparison, Subject(networks, images, request.limit, request.seed)


def _photographs(request: CompareRequest) -> tuple[Path, ...]:
    if (request.images is None) == (request.annotated is None):
        raise UsageError("no photographs, or two kinds of them: give --images or --annotated")
    if request.annotated is None:
        return images_below(request.images)
    return tuple(sorted(markings_in(str(request.annotated), request.split).cases))


def names_in(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
