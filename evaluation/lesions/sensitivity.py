"""Lesion sensitivity: the share of the lesions marked by experts that an explanation finds (FGVis table 3).

For every photograph the evidence map is binarised (`retina_xai.lesions.candidates`) and cut at the field of view. Its
8-connected blobs are counted against the experts' consensus masks at image, lesion and pixel level
(`retina_xai.metrics.overlap`), and so are the same blobs at random places (`retina_xai.metrics.chance`). Images
without a lesion type are left out of that type's denominators and counted. Evidence outside of the field of view is
not evaluated; its pixels are counted in `outside_pixels`.

Each photograph's result lies under OUT/images/ in a file whose name holds a hash of the image, its annotations and the
settings. An interrupted run continues where it stopped (see `runner`) and ends with the same result, bit for bit,
because the random numbers of an image follow from the seed and the image alone.
"""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.datasets.base import AnnotatedCase, CaseTruth
from retina_xai.evaluation.lesions.summary import ImageResult, SensitivitySummary, Statistics, summarise
from retina_xai.explainers.explainer import StepsOf, no_steps
from retina_xai.io.files import parse_json, replacing, sha256_of
from retina_xai.io.images import Photograph
from retina_xai.lesions.candidates import binarise
from retina_xai.metrics.average_precision import evidence_levels, level_counts
from retina_xai.metrics.chance import place_at_random
from retina_xai.metrics.froc import lesion_scores, peaks
from retina_xai.metrics.overlap import ANY, Blobs, Counts, Overlap, PredictionCounts, Truth, blobs_of, measure
from retina_xai.runner import Codec, Executor, ItemOutcome, WorkItem, claim, in_turn, key_of, run

RECORD_VERSION = 4
# Fields of an ImageResult that are arrays, and those that are one array per lesion type.
ARRAYS = ("scores", "false", "chance_false", "disputed", "chance_disputed", "field_levels")
TYPE_ARRAYS = ("lesion_scores", "chance_lesion_scores", "levels")


@dataclass(frozen=True)
class SensitivitySettings:
    """Settings that the figures depend on. `consensus` is a rule of the data set.

    `method` describes the explanation (name, its settings, hash of the weights) in JSON types.
    """

    consensus: str
    fraction: float = 0.04
    floor: float = 0.01
    chance_repetitions: int = 20
    resamples: int = 2000
    level: float = 0.95
    seed: int = 0
    method: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise UsageError for a value outside of its range."""
        if self.chance_repetitions < 1 or self.resamples < 1 or not 0 < self.level < 1:
            raise UsageError(
                f"chance_repetitions {self.chance_repetitions}, resamples {self.resamples}, level {self.level}: "
                "expected at least 1 of each and a level between 0 and 1"
            )


@dataclass(frozen=True)
class Explained:
    """One photograph explained, in pixels of its file: evidence (H, W) in [0, 1], field of view (H, W) bool, p(RDR)."""

    evidence: npt.NDArray[np.float32]
    field_of_view: npt.NDArray[np.bool_]
    score: float


def _silent(*_: object) -> None:
    pass


Observe = Callable[[Photograph, CaseTruth, Explained], None]


@dataclass(frozen=True)
class Watch:
    """What is called as the run goes on: `on_item` after each image, `observe` for each that is computed now, `steps`
    before each that is explained. `executor`: where images are computed, and `observe` and `steps` are called.
    """

    on_item: Callable[[ItemOutcome[AnnotatedCase, ImageResult]], None] = _silent
    observe: Observe = _silent
    steps: StepsOf = no_steps
    executor: Executor = in_turn


Explain = Callable[[Photograph], Explained]


def evaluate(
    cases: Sequence[AnnotatedCase],
    explain: Explain,
    out: Path,
    settings: SensitivitySettings,
    watch: Watch | None = None,
) -> SensitivitySummary:
    """Explain and count all cases, one at a time, resuming from what OUT holds already.

    Raises:
        InputError: no cases, or an image or annotation that cannot be read.
        BatchError: some of several cases failed; the others are kept. There are no figures of a part of the cases.
        OutputError: OUT cannot be written.
        UsageError: OUT was made with other settings.
    """
    watch = watch or Watch()
    if not cases:
        raise InputError("no photographs to evaluate; give a data set with at least one")
    with claim(out, asdict(settings)):
        hashes = {case.name: _or_empty(partial(sha256_of, case.image)) for case in cases}
        keys = {case.name: _key(hashes[case.name], case, settings) for case in cases}
        items = [WorkItem(case.name, case, out / "images" / f"{case.name}-{keys[case.name]}.npz") for case in cases]
        work = partial(_compute, hashes=hashes, explain=explain, settings=settings, observe=watch.observe)
        outcome = run(items, work, Codec(load_image_result, save_image_result), watch.on_item, watch.executor)
    outcome.raise_failures()
    results = [result for _, result in outcome.results]
    return summarise(results, Statistics(settings.resamples, settings.seed, settings.level))


def measure_image(
    photograph: Photograph, truth: CaseTruth, explained: Explained, settings: SensitivitySettings
) -> ImageResult:
    """Count one photograph's evidence against its masks, and the same blobs at random places.

    Raises:
        UsageError: evidence, field of view or masks of another shape than the photograph.
    """
    _check_shapes(photograph, truth, explained)
    inside = explained.field_of_view
    predicted = binarise(explained.evidence, settings.fraction, settings.floor)
    blobs, reference = blobs_of(predicted & inside), Truth.of(truth.masks)
    area = int(inside.sum())
    highest = peaks(blobs, explained.evidence)
    scores = explained.evidence.ravel()[blobs.pixels[highest]].astype(np.float64)
    detections = _Detections(highest, scores)
    compare = partial(_compare, detections=detections, reference=reference, disputed=truth.disputed, area=area)
    seen = compare(blobs)
    rng = np.random.default_rng([settings.seed, int(photograph.sha256[:16], 16)])
    repetitions = range(settings.chance_repetitions)
    moved = [compare(place_at_random(blobs, inside, rng)) for _ in repetitions]
    levels = evidence_levels(explained.evidence)
    return ImageResult(
        name=truth.name,
        sha256=photograph.sha256,
        score=float(explained.score),
        outside_pixels=int((predicted & ~inside).sum()),
        types=seen.overlap.types,
        prediction=seen.overlap.prediction,
        chance={name: [one.overlap.types[name] for one in moved] for name in reference.regions},
        chance_prediction=[one.overlap.prediction for one in moved],
        scores=scores,
        false=seen.false,
        chance_false=np.array([one.false for one in moved]),
        disputed=seen.disputed,
        chance_disputed=np.array([one.disputed for one in moved]),
        lesion_scores=seen.lesion_scores,
        chance_lesion_scores={name: np.array([one.lesion_scores[name] for one in moved]) for name in reference.regions},
        levels={
            name: level_counts(levels, inside & (regions.labels > 0)) for name, regions in reference.regions.items()
        },
        field_levels=level_counts(levels, inside),
    )


def save_image_result(path: Path, result: ImageResult) -> None:
    """Write one image's result as .npz, whole or not at all."""
    record = {
        "version": RECORD_VERSION,
        **{key: getattr(result, key) for key in ("name", "sha256", "score", "outside_pixels")},
        "types": {name: astuple(counts) for name, counts in result.types.items()},
        "prediction": astuple(result.prediction),
    }
    arrays: dict[str, Any] = {key: getattr(result, key) for key in ARRAYS}
    arrays["chance_prediction"] = np.array([astuple(one) for one in result.chance_prediction])
    for name in result.types:
        arrays[f"chance {name}"] = np.array([astuple(one) for one in result.chance[name]])
        arrays |= {f"{key} {name}": getattr(result, key)[name] for key in TYPE_ARRAYS}
    with replacing(path) as partial:
        np.savez_compressed(partial, record=np.array(json.dumps(record)), **arrays)


def load_image_result(path: Path) -> ImageResult | None:
    """Read what `save_image_result` wrote; None where there is nothing or it is damaged (it is then made anew)."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = dict(file.items())
        record = parse_json(str(arrays["record"]))
        names = list(record["types"])
        by_type: dict[str, Any] = {key: {name: arrays[f"{key} {name}"] for name in names} for key in TYPE_ARRAYS}
        return ImageResult(
            **{key: record[key] for key in ("name", "sha256", "score", "outside_pixels")},
            types={name: Counts(*record["types"][name]) for name in names},
            prediction=PredictionCounts(*record["prediction"]),
            chance={name: [Counts(*row) for row in arrays[f"chance {name}"].tolist()] for name in names},
            chance_prediction=[PredictionCounts(*row) for row in arrays["chance_prediction"].tolist()],
            **{key: arrays[key] for key in ARRAYS},
            **by_type,
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


@dataclass(frozen=True)
class _Detections:
    """Each blob's largest evidence (B,) and its index (B,) in `Blobs.pixels`, which a randomly placed blob keeps."""

    highest: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Comparison:
    """A prediction compared with the truth: overlap, best score of each region, blobs that peak in no region (B,), and
    those of them that peak at a disputed place (B,).
    """

    overlap: Overlap
    lesion_scores: dict[str, npt.NDArray[np.float64]]
    false: npt.NDArray[np.bool_]
    disputed: npt.NDArray[np.bool_]


def _compare(
    blobs: Blobs, detections: _Detections, reference: Truth, disputed: npt.NDArray[np.bool_] | None, area: int
) -> _Comparison:
    places = blobs.pixels[detections.highest]
    found = {name: lesion_scores(places, detections.scores, regions) for name, regions in reference.regions.items()}
    false = reference.regions[ANY].labels.ravel()[places] == 0
    at_disputed = np.zeros_like(false) if disputed is None else disputed.ravel()[places] & false
    return _Comparison(measure(blobs, reference, area), found, false, at_disputed)


def _compute(
    case: AnnotatedCase, hashes: Mapping[str, str], explain: Explain, settings: SensitivitySettings, observe: Observe
) -> ImageResult:
    photograph = case.photograph(hashes[case.name])
    height, width = photograph.pixels.shape[:2]
    # The truth is read first, so that a damaged annotation is found before the explanation is computed.
    truth = case.truth(settings.consensus, (height, width))
    explained = explain(photograph)
    result = measure_image(photograph, truth, explained, settings)
    observe(photograph, truth, explained)
    return result


def _key(content: str, case: AnnotatedCase, settings: SensitivitySettings) -> str:
    """16 hexadecimal digits: image, annotations, settings and record format."""
    annotations = _or_empty(case.fingerprint)
    return key_of([str(RECORD_VERSION), content, annotations, json.dumps(asdict(settings), sort_keys=True)])


def _or_empty(hashed: Callable[[], str]) -> str:
    """A hash; empty where the file cannot be read, which is reported when the case is computed."""
    try:
        return hashed()
    except Exception:  # whatever is wrong with one case must not end the others
        return ""


def _check_shapes(photograph: Photograph, truth: CaseTruth, explained: Explained) -> None:
    shape = photograph.pixels.shape[:2]
    arrays = {"evidence": explained.evidence, "field of view": explained.field_of_view, **truth.masks}
    if truth.disputed is not None:
        arrays["disputed"] = truth.disputed
    for name, array in arrays.items():
        if array.shape != shape:
            raise UsageError(
                f"{photograph.name}: {name} of shape {array.shape}, expected {shape} as its pixels; map it to the file"
            )
