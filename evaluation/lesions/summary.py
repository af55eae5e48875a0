"""The sums of the per-image counts of lesion sensitivity: figures, intervals, chance, FROC and average precision.

Every ratio is a ratio of sums over images. A mean of per-image ratios would give a photograph with one lesion the same
weight as one with fifty. Intervals: Wilson for the image level, whose trials are independent; bootstrap over images for
all others (see `retina_xai.metrics.intervals`). Chance: in each repetition the blobs of all images are placed at random
again, which gives one ratio per repetition; the table shows their mean and their 2.5 % and 97.5 % quantiles. The same
holds for FROC, in which randomly placed blobs keep their scores.

Where a data set holds single opinions, some false positives lie where fewer annotators than the consensus rule asks for
marked a lesion. They are counted, and FROC is also computed without them: they are neither found nor false, as findings
of one or two of the four radiologists in LUNA16.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
import numpy.typing as npt

from retina_xai.metrics.average_precision import average_precision
from retina_xai.metrics.classification import auroc, auroc_interval
from retina_xai.metrics.froc import RATES, Froc, Ranked, froc, sensitivity_at
from retina_xai.metrics.intervals import UNDEFINED, Interval, bootstrap, wilson
from retina_xai.metrics.overlap import ANY, Counts, PredictionCounts, ratio

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
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
CURVE_POINTS = 97


@dataclass(frozen=True)
class ImageResult:
    """Everything that one photograph contributes to the tables.

    `chance` and `chance_prediction` have one entry per repetition, R in all. `scores` (B,) are those of the blobs, also
    at random places; `false` (B,) and `chance_false` (R, B): the blob's peak lies in no lesion; `disputed` (B,) and
    `chance_disputed` (R, B): and it lies where at least one annotator marked one. `lesion_scores` (L,) and
    `chance_lesion_scores` (R, L): the best score with its peak in each annotated region (0: missed). `levels` and
    `field_levels` are evidence histograms (65536,) of the lesions and of the field of view.
    """

    name: str
    sha256: str
    score: float
    outside_pixels: int
    types: Mapping[str, Counts]
    prediction: PredictionCounts
    chance: Mapping[str, Sequence[Counts]]
    chance_prediction: Sequence[PredictionCounts]
    scores: FloatArray
    false: BoolArray
    chance_false: BoolArray
    disputed: BoolArray
    chance_disputed: BoolArray
    lesion_scores: Mapping[str, FloatArray]
    chance_lesion_scores: Mapping[str, FloatArray]
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
class FrocSummary:
    """FROC: the curve, its mean over `RATES`, and the sensitivities at `RATES`, each of them beside chance.

    `chance_at_rates` holds mean and interval of the repetitions, `chance_curve` their mean sensitivity.
    """

    curve: Froc
    mean: Figure
    at_rates: tuple[float, ...]
    chance_at_rates: tuple[tuple[float, Interval], ...]
    chance_curve: Froc


@dataclass(frozen=True)
class TypeSummary:
    """One lesion type: counts, a figure per name of `TYPE_MEASURES`, pixel AP and its chance (prevalence), FROC."""

    counts: Counts
    figures: Mapping[str, Figure]
    average_precision: float
    prevalence: float
    froc: FrocSummary


@dataclass(frozen=True)
class Separation:
    """How well p(RDR) separates the photographs with an annotated lesion of any type from those without one."""

    present: int
    absent: int
    auroc: float
    interval: Interval


@dataclass(frozen=True)
class DisputedSummary:
    """Number of blobs that peak in no lesion, the share of them at disputed places, and FROC without these."""

    false: int
    share: Figure
    froc: Figure


@dataclass(frozen=True)
class SensitivitySummary:
    """All figures: one entry per lesion type and "any", those of the prediction, and the result of each image.

    `disputed` is None where no blob, seen or at random, peaks at a disputed place.
    """

    separation: Separation
    disputed: DisputedSummary | None
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


def summarise(results: Sequence[ImageResult], statistics: Statistics | None = None) -> SensitivitySummary:
    """Summarise at least one image. The order of `results` changes only the draws of the bootstrap."""
    statistics = statistics or Statistics()
    rows = _rows([result.prediction for result in results])
    chance = _rows_by_repetition([result.chance_prediction for result in results])
    figures = {
        name: _figure(_on_row(PredictionCounts, measure), rows, chance, statistics)
        for name, measure in PREDICTION_MEASURES.items()
    }
    false = _false_positives(results)
    types = {name: _summarise_type(name, results, false, statistics) for name in results[0].types}
    separation = _separate(results, statistics)
    disputed = _summarise_disputed(results, statistics)
    prediction = PredictionCounts(*rows.sum(axis=0).tolist())
    return SensitivitySummary(separation, disputed, types, prediction, figures, results)


def _separate(results: Sequence[ImageResult], statistics: Statistics) -> Separation:
    present = np.array([result.types[ANY].images for result in results])
    scores = np.array([result.score for result in results])
    interval = auroc_interval(present, scores, np.arange(len(results)), statistics.resamples, statistics.seed)
    total = int(present.sum())
    return Separation(total, len(results) - total, auroc(present, scores), interval)


def _summarise_type(
    lesion_type: str, results: Sequence[ImageResult], false: "_FalsePositives", statistics: Statistics
) -> TypeSummary:
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
    return TypeSummary(
        counts,
        figures,
        average_precision(positive, field - positive),
        ratio(int(positive.sum()), int(field.sum())) if positive.any() else math.nan,
        _summarise_froc(lesion_type, results, false, statistics),
    )


@dataclass(frozen=True)
class _FalsePositives:
    """Scores of false positives over all images: in the prediction, and in each repetition of chance."""

    seen: Ranked
    moved: Sequence[Ranked]


def _false_positives(results: Sequence[ImageResult], keep_disputed: bool = True) -> _FalsePositives:
    def kept(one: ImageResult, false: BoolArray, disputed: BoolArray) -> FloatArray:
        return one.scores[false if keep_disputed else false & ~disputed]

    seen = Ranked.of([kept(one, one.false, one.disputed) for one in results])
    moved = [
        Ranked.of([kept(one, one.chance_false[k], one.chance_disputed[k]) for one in results])
        for k in range(len(results[0].chance_false))
    ]
    return _FalsePositives(seen, moved)


def _summarise_disputed(results: Sequence[ImageResult], statistics: Statistics) -> DisputedSummary | None:
    rows = np.array([[one.false.sum(), one.disputed.sum()] for one in results], dtype=np.int64)
    moved = [[one.chance_false.sum(axis=1), one.chance_disputed.sum(axis=1)] for one in results]
    chance = np.asarray(np.array(moved, dtype=np.int64).sum(axis=0).T)
    if not rows[:, 1].any() and not chance[:, 1].any():
        return None
    share = _figure(lambda row: ratio(int(row[1]), int(row[0])), rows, chance, statistics)
    froc = _summarise_froc(ANY, results, _false_positives(results, keep_disputed=False), statistics).mean
    return DisputedSummary(int(rows[:, 0].sum()), share, froc)


def _summarise_froc(
    lesion_type: str, results: Sequence[ImageResult], false: _FalsePositives, statistics: Statistics
) -> FrocSummary:
    found = Ranked.of([one.lesion_scores[lesion_type] for one in results])
    moved = [
        (one, Ranked.of([result.chance_lesion_scores[lesion_type][k] for result in results]))
        for k, one in enumerate(false.moved)
    ]
    count = len(results)
    once = np.ones(count, dtype=np.int64)
    interval = bootstrap(
        lambda drawn: float(sensitivity_at(false.seen, found, np.bincount(drawn, minlength=count)).mean()),
        count,
        statistics.resamples,
        statistics.seed,
        statistics.level,
    )
    at_rates = sensitivity_at(false.seen, found, once)
    chance = np.array([sensitivity_at(*pair, once) for pair in moved])
    end = max(RATES[-1], *(len(one.values) / count for one in false.moved))
    grid = np.geomspace(RATES[0] / 2, end, CURVE_POINTS)
    return FrocSummary(
        froc(false.seen.values, found.values, count),
        Figure(float(at_rates.mean()), interval, *_spread(chance.mean(axis=1))),
        tuple(at_rates.tolist()),
        tuple(_spread(column) for column in chance.T),
        Froc(grid, np.mean([sensitivity_at(*pair, once, grid) for pair in moved], axis=0)),
    )


def _figure(measure: Callable[[IntArray], float], rows: IntArray, chance: IntArray, statistics: Statistics) -> Figure:
    interval = bootstrap(
        lambda drawn: measure(rows[drawn].sum(axis=0)),
        len(rows),
        statistics.resamples,
        statistics.seed,
        statistics.level,
    )
    return Figure(measure(rows.sum(axis=0)), interval, *_spread(np.array([measure(row) for row in chance])))


def _spread(repetitions: FloatArray) -> tuple[float, Interval]:
    """Mean and central 95 % of the defined values."""
    defined = repetitions[~np.isnan(repetitions)]
    if defined.size == 0:
        return math.nan, UNDEFINED
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(defined.mean()), Interval(float(low), float(high))


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
