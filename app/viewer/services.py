"""What one process of the viewer serves to all sessions: photographs, weights, the store of readings, workers.

Nothing here belongs to a session: uploads and their results are in `viewer.session`. Scores are shared by the
hash of the photograph, and only those of the served folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import platformdirs

from retina_xai.app.readings.store import ReadingStore, open_store
from retina_xai.app.viewer.earlier_results import Earlier, find_earlier
from retina_xai.app.viewer.items import Folder, Item, items_of
from retina_xai.app.viewer.jobs import Worker
from retina_xai.app.viewer.reading_index import ReadingIndex
from retina_xai.app.viewer.score_cache import ScoreCache
from retina_xai.app.viewer.shared_evidence import SharedEvidence
from retina_xai.app.viewer.thumbnails import Thumbnails
from retina_xai.errors import UsageError
from retina_xai.evaluation.datasets.base import AnnotatedCase
from retina_xai.evaluation.datasets.registry import detect_dataset
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.io.files import parse_json
from retina_xai.io.images import find_images
from retina_xai.io.results import command_of
from retina_xai.localization import DEFAULT_METHOD
from retina_xai.models.checkpoint import RdrClassifier, default_weights, load_classifier
from retina_xai.models.device import device_named
from retina_xai.models.network import Network, load_network
from retina_xai.records import run_facts

NAME = "retina-xai"
AHEAD = 3


@dataclass(frozen=True)
class ViewSettings:
    """What `retina-xai view` was started with.

    paths: photographs, folders of them, annotated data sets. results: folders of earlier results. readings: the
    store, in the user's data folder by default. cache: folder of scores, the user's cache folder by default. ahead: of
    how many photographs the evidence is searched before it is asked for, the open one included. identified: pages show
    the patient's number and the date that DICOM files hold, and DICOM objects that are exported hold them too.
    """

    paths: tuple[Path, ...] = ()
    weights: Path | None = None
    method: str = DEFAULT_METHOD
    readings: Path | None = None
    results: tuple[Path, ...] = ()
    device: str = "auto"
    imagenet_model: str | None = None
    imagenet_weights: Path | None = None
    cache: Path | None = None
    ahead: int = AHEAD
    identified: bool = False


@dataclass(frozen=True, eq=False)
class Services:
    """All that is open while the viewer runs; made by `open_services`.

    `worker` computes, `encoder` encodes views; `calibration` is what training measured of the weights.
    """

    settings: ViewSettings
    classifier: RdrClassifier
    network: Network | None
    store: ReadingStore
    folder: Folder
    cases: Mapping[Path, AnnotatedCase]
    earlier: Earlier
    scores: ScoreCache
    calibration: Mapping[str, Any] | None
    worker: Worker = field(default_factory=Worker)
    encoder: Worker = field(default_factory=Worker)
    thumbnails: Thumbnails = field(default_factory=Thumbnails)
    evidence: SharedEvidence = field(default_factory=SharedEvidence)

    @cached_property
    def index(self) -> ReadingIndex:
        """What the store holds, without lesions."""
        return ReadingIndex(self.store)

    def run_facts(self, method: str) -> dict[str, Any]:
        """`records.run_facts` of the weights with a method."""
        return run_facts(self.classifier, method, fundus_explainer(method).settings())

    def case(self, item: Item) -> AnnotatedCase | None:
        """Expert markings of a photograph of the folder, where there are some."""
        return None if item.uploaded else self.cases.get(item.path)


_open: list[Services] = []


def services() -> Services:
    """The services of this process.

    Raises:
        UsageError: the page was not started by `retina-xai view`.
    """
    if not _open:
        raise UsageError("the page of the viewer was started without its services: run `retina-xai view`")
    return _open[-1]


def serve(opened: Services) -> None:
    """Make these the services of this process."""
    _open[:] = [opened]


def open_services(settings: ViewSettings) -> Services:
    """Read weights, open the store, list the photographs.

    Raises:
        UsageError, InputError, ModelError: something that was named cannot be used.
    """
    fundus_explainer(settings.method)
    if settings.imagenet_weights is not None and settings.imagenet_model is None:
        raise UsageError("--imagenet-weights without --imagenet-model: name the network as well")
    photographs, results = _photographs_and_results(settings)
    folder, cases = _photographs(photographs, settings.identified)
    weights = settings.weights or default_weights()
    classifier = load_classifier(weights, device_named(settings.device))
    return Services(
        settings,
        classifier,
        _network(settings),
        open_store(settings.readings or platformdirs.user_data_path(NAME, appauthor=False) / "readings.sqlite"),
        folder,
        cases,
        find_earlier(results),
        ScoreCache(_cache(settings) / f"scores-{classifier.sha256[:16]}.json"),
        _calibration(weights, classifier),
    )


def _cache(settings: ViewSettings) -> Path:
    return settings.cache or platformdirs.user_cache_path(NAME, appauthor=False)


def _photographs_and_results(settings: ViewSettings) -> tuple[list[Path], list[Path]]:
    """Paths of photographs, and folders of results, whether given as such or among the photographs."""
    named = [path for path in settings.paths if path.is_dir() and command_of(path) == "localize"]
    return [path for path in settings.paths if path not in named], [*settings.results, *named]


def _photographs(paths: Sequence[Path], identified: bool) -> tuple[Folder, dict[Path, AnnotatedCase]]:
    cases: dict[Path, AnnotatedCase] = {}
    plain = []
    for path in paths:
        if dataset := detect_dataset(path):
            cases |= {case.image: case for case in dataset.open(path, "all")}
        else:
            plain.append(path)
    found = find_images(plain) if plain else []
    return items_of([*cases, *found], list(paths), identified), cases


def _network(settings: ViewSettings) -> Network | None:
    if settings.imagenet_model is None:
        return None
    network = load_network(settings.imagenet_model, settings.imagenet_weights, device_named(settings.device))
    network.check_score("softmax")
    return network


def _calibration(weights: Path, classifier: RdrClassifier) -> Mapping[str, Any] | None:
    """What training measured of these weights, if its metrics.json is beside them."""
    try:
        metrics = parse_json(weights.with_name("metrics.json").read_text(encoding="utf-8"))
        same = abs(metrics["threshold"] - classifier.facts.threshold) < 1e-6
        area = classifier.facts.training.get("validation_auroc")
        return metrics if same and (area is None or abs(metrics["auroc"] - area) < 1e-9) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
