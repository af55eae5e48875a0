"""Lesion reliance on an annotated data set: how much of the score depends on the experts' lesions.

For every photograph with a lesion, four kinds of areas are removed, and kept alone (`retina_xai.metrics.reliance`):

    lesions            what the experts marked, all types together
    random_lesions     the same regions, turned, mirrored and moved inside the field of view, not on lesions
    evidence           the candidates of the method
    random_evidence    the candidates, moved in the same way

Areas are cut at the field of view. Random areas are the mean over `repetitions`; where a region fits nowhere beside the
lesions it stays where it was, so the share of random pixels that lie on lesions is recorded.

A network that looks at lesions loses its margin with them, and little with equal areas elsewhere.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.datasets.base import AnnotatedCase, AnnotatedDataset
from retina_xai.evaluation.lesions.run import LocalizationSetup
from retina_xai.explainers.explainer import StepsOf, no_steps
from retina_xai.games.references import reference_for
from retina_xai.io.files import parse_json, sha256_of, write_json
from retina_xai.io.images import Photograph
from retina_xai.lesions.candidates import binarise
from retina_xai.localization import Localization, localize
from retina_xai.metrics.chance import place_at_random
from retina_xai.metrics.overlap import blobs_of, ratio
from retina_xai.metrics.reliance import Reliance, reliance
from retina_xai.models.checkpoint import RDR, RdrClassifier
from retina_xai.records import run_facts
from retina_xai.runner import Codec, Executor, ItemOutcome, WorkItem, claim, in_turn, key_of, run

Mask = npt.NDArray[np.bool_]

RECORD_VERSION = 1
AREAS = ("lesions", "random_lesions", "evidence", "random_evidence")


@dataclass(frozen=True)
class RelianceSettings:
    """Settings that the figures depend on; `method` describes the explanation and the weights in JSON types."""

    consensus: str
    repetitions: int = 10
    resamples: int = 2000
    level: float = 0.95
    seed: int = 0
    method: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise UsageError for a value outside of its range."""
        if self.repetitions < 1 or self.resamples < 1:
            raise UsageError(f"repetitions {self.repetitions}, resamples {self.resamples}: expected at least 1 of each")


@dataclass(frozen=True)
class AreaReliance:
    """One kind of area in one photograph: its share of the field of view, and `Reliance` (means for random areas)."""

    area: float
    without: float
    alone: float
    removed: float
    kept: float


@dataclass(frozen=True)
class ImageReliance:
    """One photograph; `areas` is empty if it has no lesion. `misplaced`: share of the random pixels on lesions."""

    name: str
    score: float
    log_odds: float
    log_odds_of_reference: float
    misplaced: float
    areas: Mapping[str, AreaReliance]


@dataclass(frozen=True)
class RelianceWatch:
    """What is called as the run goes on: `on_item` after each photograph, `steps` before each that is explained.

    executor: where photographs are measured, and `steps` is called.
    """

    on_item: Callable[[ItemOutcome[AnnotatedCase, ImageReliance]], None] = lambda _: None
    steps: StepsOf = no_steps
    executor: Executor = in_turn


def evaluate_reliance(
    dataset: AnnotatedDataset, setup: LocalizationSetup, out: Path, settings: RelianceSettings, watch: RelianceWatch
) -> list[ImageReliance]:
    """Measure all photographs; an interrupted run continues where it stopped.

    Raises:
        InputError: an image or annotation that cannot be read.
        BatchError: some of several photographs failed; the others are kept.
        OutputError, UsageError: OUT cannot be written, or was made with other settings.
    """
    with claim(out, {"command": "evaluate reliance", **asdict(settings)}):
        images = out / "images"
        items = [WorkItem(one.name, one, images / f"{one.name}-{_key(one, settings)}.json") for one in dataset]
        work = partial(_compute, setup=setup, settings=settings, steps=watch.steps)
        outcome = run(items, work, Codec(_load, _save), watch.on_item, watch.executor)
    outcome.raise_failures()
    return [result for _, result in outcome.results]


def settings_for(dataset: AnnotatedDataset, setup: LocalizationSetup, repetitions: int = 10) -> RelianceSettings:
    """Settings with the consensus rule of the data set and the facts about the method.

    Raises:
        UsageError: unknown method, or a rule that the data set does not have.
    """
    facts = run_facts(setup.classifier, setup.method, setup.chosen.settings())
    return RelianceSettings(dataset.consensus(setup.consensus), repetitions, seed=setup.seed, method=facts)


def measure_photograph(
    found: Localization, classifier: RdrClassifier, lesions: Mask, settings: RelianceSettings
) -> ImageReliance:
    """The reliance of one localized photograph on its lesions (H, W), its evidence and random areas."""
    geometry, inside = found.fundus.geometry, found.field_of_view
    marked = lesions & inside
    verdict, photograph = found.verdict, found.fundus.photograph
    evidence = binarise(found.evidence, found.candidate_fraction) & inside
    rng = np.random.default_rng([settings.seed, int(photograph.sha256[:16], 16)])
    masks: list[tuple[str, Mask]] = []
    if marked.any():
        for name, mask in (("lesions", marked), ("evidence", evidence)):
            masks.append((name, mask))
            masks += [(f"random_{name}", _moved(mask, inside & ~marked, rng)) for _ in range(settings.repetitions)]
    shares = [torch.from_numpy(geometry.map_from_file(mask.astype(np.float32))) for _, mask in masks]
    margins, measured = reliance(classifier.model, found.image[0], shares, RDR, _reference(found))
    by_name: dict[str, list[tuple[Mask, Reliance]]] = {}
    for (name, mask), one in zip(masks, measured, strict=True):
        by_name.setdefault(name, []).append((mask, one))
    placed = [mask for name, mask in masks if name.startswith("random")]
    return ImageReliance(
        photograph.name,
        verdict.score,
        margins.image,
        margins.reference,
        ratio(sum(int((mask & marked).sum()) for mask in placed), sum(int(mask.sum()) for mask in placed)),
        {name: _mean(found_areas, int(inside.sum())) for name, found_areas in by_name.items()},
    )


def _reference(found: Localization) -> torch.Tensor | None:
    """What removed pixels become, (C, H, W), as in the game."""
    explanation = found.explanation
    if explanation is None:
        return None
    return reference_for(explanation.reference, found.image, explanation.seed or 0)[0]


def _moved(mask: Mask, allowed: Mask, rng: np.random.Generator) -> Mask:
    placed = place_at_random(blobs_of(mask), allowed, rng)
    moved = np.zeros(mask.shape, dtype=bool)
    moved.ravel()[placed.pixels] = True
    return moved


def _mean(areas: Sequence[tuple[Mask, Reliance]], field_pixels: int) -> AreaReliance:
    means = {name: float(np.mean([getattr(one, name) for _, one in areas])) for name in asdict(areas[0][1])}
    return AreaReliance(float(np.mean([mask.sum() for mask, _ in areas])) / field_pixels, **means)


def _compute(
    case: AnnotatedCase, setup: LocalizationSetup, settings: RelianceSettings, steps: StepsOf
) -> ImageReliance:
    photograph: Photograph = case.photograph()
    height, width = photograph.pixels.shape[:2]
    truth = case.truth(settings.consensus, (height, width))
    on_step = steps(f"evaluating {photograph.name}", setup.chosen.plan())
    found = localize(photograph, setup.classifier, setup.chosen, ungradable=True, on_step=on_step)
    return measure_photograph(found, setup.classifier, np.logical_or.reduce(list(truth.masks.values())), settings)


def _save(path: Path, result: ImageReliance) -> None:
    write_json(path, asdict(result))


def _load(path: Path) -> ImageReliance | None:
    """None where there is no record or it is damaged; it is then made anew."""
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
        return ImageReliance(
            **{
                **{key: _number(value) for key, value in values.items()},
                "areas": {
                    name: AreaReliance(**{key: _number(value) for key, value in one.items()})
                    for name, one in values["areas"].items()
                },
            }
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _number(value: Any) -> Any:
    """Undefined figures are null in JSON."""
    return float("nan") if value is None else value


def _key(case: AnnotatedCase, settings: RelianceSettings) -> str:
    """16 hexadecimal digits: image, annotations, settings and record format; "" for what cannot be read."""
    parts = [_or_empty(hashed) for hashed in (partial(sha256_of, case.image), case.fingerprint)]
    return key_of([str(RECORD_VERSION), *parts, json.dumps(asdict(settings), sort_keys=True)])


def _or_empty(hashed: Callable[[], str]) -> str:
    try:
        return hashed()
    except (OSError, InputError):
        return ""
