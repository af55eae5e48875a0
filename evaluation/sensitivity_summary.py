"""Per-image counts of lesion sensitivity, summed up: figures, intervals, chance, FROC and average precision.

Every ratio is one of sums over images (never a mean of per-image ratios, which would weigh a photograph with one
lesion like one with fifty). Intervals: Wilson for the image level, whose trials are independent; bootstrap over
images for all others (see `retina_xai.metrics.intervals`). Chance: each repetition throws the blobs of all images anew,
which gives one ratio per repetition; reported are their mean and the 2.5 % and 97.5 % quantiles.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
import numpy.typing as npt

from retina_xai.metrics.average_precision import average_precision
from retina_xai.metrics.froc import Froc, froc
from retina_xai.metrics.intervals import UNDEFINED, Interval, bootstrap, wilson
from retina_xai.metrics.overlap import Counts, PredictionCounts, ratio

TYPE_MEASURES: dict[str, Callable[[Counts], float]] = {
    "image": lambda counts: counts.image_sensitivity,
    "lesion": lambda counts: counts.lesion_sensitivity,
    "lesion_strict": lambda counts: counts.strict_lesion_sensitivity,
    "pixel": lambda counts: counts.pixel_sensitivity,
    "precision": lambda counts: counts.pixel_precision,
}
PREDICTION_MEASURES: dict[str, Callable[[PredictionCounts], float]] = {
    "false_positives_per_image": lambda counts: counts.false_positives_per_image,
    "area_fraction": lambda counts: counts.area_fraction,
}

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ImageResult:
    """All that one photograph adds to the tables.

    `chance` and `chance_prediction` hold one entry per repetition; `lesion_scores` one score per annotated region (0:
    missed); `levels` and `field_levels` are evidence histograms (65536,) of the lesions and of the field of view.
    """

    name: str
    sha256: str
    score: float
    outside_pixels: int
    types: Mapping[str, Counts]
    prediction: PredictionCounts
    chance: Mapping[str, Sequence[Counts]]
    chance_prediction: Sequence[PredictionCounts]
    false_scores: npt.NDArray[np.float64]
    lesion_scores: Mapping[str, npt.NDArray[np.float64]]
    levels: Mapping[str, npt.NDArray[np.int32]]
    field_levels: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Figure:
    """A ratio, its interval, and what chance reaches (mean and the central 95 % of the repetitions)."""

    value: float
    interval: Interval
    chance: float
    chance_interval: Interval


@dataclass(frozen=True)
class TypeSummary:
    """One lesion type: counts, a figure per name of `TYPE_MEASURES`, pixel AP and its chance (prevalence), FROC."""

    counts: Counts
    figures: Mapping[str, Figure]
    average_precision: float
    prevalence: float
    froc: Froc


@dataclass(frozen=True)
class Summary:
    """The whole experiment: one entry per lesion type and "any", the prediction's figures, and image by image."""

    types: Mapping[str, TypeSummary]
    prediction: PredictionCounts
    figures: Mapping[str, Figure]
    images: Sequence[ImageResult]


@dataclass(frozen=True)
class Statistics:
    """How intervals are computed: bootstrap resamples, their seed, confidence level."""

    resamples: int = 2000
    seed: int = 0
    level: float = 0.95


def summarise(results: Sequence[ImageResult], statistics: Statistics | None = None) -> Summary:
    """Sum up at least one image; the order of `results` changes nothing but the bootstrap's draws."""
    statistics = statistics or Statistics()
    rows = _rows([result.prediction for result in results])
    chance = _rows_by_repetition([result.chance_prediction for result in results])
    figures = {
        name: _figure(_on_row(PredictionCounts, measure), rows, chance, statistics)
        for name, measure in PREDICTION_MEASURES.items()
    }
    types = {name: _summarise_type(name, results, statistics) for name in results[0].types}
    return Summary(types, PredictionCounts(*rows.sum(axis=0).tolist()), figures, results)


def _summarise_type(lesion_type: str, results: Sequence[ImageResult], statistics: Statistics) -> TypeSummary:
    rows = _rows([result.types[lesion_type] for result in results])
    chance = _rows_by_repetition([result.chance[lesion_type] for result in results])
    counts = Counts(*rows.sum(axis=0).tolist())
    figures = {
        name: _figure(_on_row(Counts, measure), rows, chance, statistics) for name, measure in TYPE_MEASURES.items()
    }
    by_image = wilson(counts.images_found, counts.images, statistics.level)
    figures["image"] = replace(figures["image"], interval=by_image)
    positive = _total([result.levels[lesion_type] for result in results])
    field = _total([result.field_levels for result in results])
    false_scores = np.concatenate([result.false_scores for result in results])
    found_scores = np.concatenate([result.lesion_scores[lesion_type] for result in results])
    return TypeSummary(
        counts,
        figures,
        average_precision(positive, field - positive),
        ratio(int(positive.sum()), int(field.sum())) if positive.any() else math.nan,
        froc(false_scores.tolist(), found_scores.tolist(), len(results)),
    )


def _figure(measure: Callable[[IntArray], float], rows: IntArray, chance: IntArray, statistics: Statistics) -> Figure:
    interval = bootstrap(
        lambda drawn: measure(rows[drawn].sum(axis=0)),
        len(rows),
        statistics.resamples,
        statistics.seed,
        statistics.level,
    )
    thrown = np.array([measure(row) for row in chance])
    defined = thrown[~np.isnan(thrown)]
    if defined.size == 0:
        return Figure(measure(rows.sum(axis=0)), interval, math.nan, UNDEFINED)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Figure(measure(rows.sum(axis=0)), interval, float(defined.mean()), Interval(float(low), float(high)))


def _on_row(kind: type, measure: Callable[..., float]) -> Callable[[IntArray], float]:
    return lambda row: measure(kind(*row.tolist()))


def _rows(counts: Sequence[Counts] | Sequence[PredictionCounts]) -> IntArray:
    """(N, fields)"""
    return np.array([astuple(one) for one in counts], dtype=np.int64)


def _rows_by_repetition(repeated: Sequence[Sequence[Counts]] | Sequence[Sequence[PredictionCounts]]) -> IntArray:
    """(repetitions, fields): sums over the images, per repetition."""
    return np.asarray(np.array([[astuple(one) for one in image] for image in repeated], dtype=np.int64).sum(axis=0))


def _total(histograms: Sequence[npt.NDArray[np.int32]]) -> IntArray:
    total = np.zeros(len(histograms[0]), dtype=np.int64)
    for histogram in histograms:
        total += histogram
    return total
