"""Our method and its baselines on one annotated data set, with paired bootstrap differences.

Each method is evaluated as by `retina-xai evaluate NAME`, in a folder of its own, and can be resumed. Average precision
by pixel and the mean of FROC, any lesion type, are compared: both methods are resampled with the same photographs.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from retina_xai.evaluation.datasets.base import AnnotatedDataset
from retina_xai.evaluation.lesions.baselines import OURS, ComparedMethod, shuffled_classifier
from retina_xai.evaluation.lesions.report import LesionReport
from retina_xai.evaluation.lesions.run import LocalizationSetup, evaluate_dataset
from retina_xai.evaluation.lesions.sensitivity import Watch
from retina_xai.evaluation.lesions.summary import ImageResult
from retina_xai.evaluation.tables import markdown, number, percent
from retina_xai.io.files import write_json, write_text
from retina_xai.io.versions import versions
from retina_xai.metrics.average_precision import average_precision
from retina_xai.metrics.froc import Ranked, sensitivity_at
from retina_xai.metrics.intervals import Interval, percentiles, resampled
from retina_xai.metrics.overlap import ANY
from retina_xai.models.checkpoint import RdrClassifier

RESAMPLES = 1000
Drawn = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Compared:
    """A figure with its interval, and its difference to our method with a paired interval (NaN for our own)."""

    value: float
    interval: Interval
    difference: float
    difference_interval: Interval


@dataclass(frozen=True)
class ComparisonRow:
    """One method: AP and FROC, any lesion type, beside the counts of the same run."""

    label: str
    average_precision: Compared
    froc: Compared
    lesion_sensitivity: float
    pixel_precision: float
    false_positives_per_image: float
    area_fraction: float


def compare(
    dataset: AnnotatedDataset, setup: LocalizationSetup, methods: Sequence[ComparedMethod], out: Path, watch: Watch
) -> dict[str, ComparisonRow]:
    """Evaluate the methods and write result.json and table.md into OUT; the first method is ours.

    Raises:
        InputError, BatchError, OutputError, UsageError: as `evaluate_dataset`.
    """
    rows: dict[str, ComparisonRow] = {}
    ours: dict[str, npt.NDArray[np.float64]] = {}
    for method in methods:
        classifier = _classifier(setup.classifier, dataset, method, setup.seed)
        own = LocalizationSetup(classifier, method.key, setup.consensus, setup.seed, method.make())
        report = evaluate_dataset(dataset, own, out / method.key, watch)
        draws = {name: _values(figure(report.summary.images), report, setup.seed) for name, figure in FIGURES.items()}
        ours = ours or draws
        rows[method.key] = _row(method, report, draws, ours)
    write_json(
        out / "result.json",
        {
            "schema_version": 1,
            "experiment": "lesion_comparison",
            "ours": OURS,
            "dataset": dataset.facts(),
            "consensus": dataset.consensus(setup.consensus),
            "weights": setup.classifier.sha256,
            "resamples": RESAMPLES,
            "seed": setup.seed,
            "versions": versions(),
            "methods": {key: asdict(row) for key, row in rows.items()},
        },
    )
    write_text(out / "table.md", markdown(comparison_table(rows)) + "\n")
    return rows


def comparison_table(rows: dict[str, ComparisonRow]) -> pd.DataFrame:
    """One row per method, as texts."""
    told = {
        row.label: {
            "AP": _with_interval(row.average_precision),
            "AP, difference": _difference(row.average_precision),
            "FROC": _with_interval(row.froc),
            "FROC, difference": _difference(row.froc),
            "lesions found": percent(row.lesion_sensitivity, digits=0),
            "precision": percent(row.pixel_precision, digits=0),
            "false / image": number(row.false_positives_per_image, 1),
            "area": percent(row.area_fraction),
        }
        for row in rows.values()
    }
    frame = pd.DataFrame.from_dict(told, orient="index")
    frame.index.name = "method"
    return frame


def _classifier(
    classifier: RdrClassifier, dataset: AnnotatedDataset, method: ComparedMethod, seed: int
) -> RdrClassifier:
    return shuffled_classifier(classifier, dataset, seed) if method.shuffled else classifier


def _precision(images: Sequence[ImageResult]) -> Callable[[Drawn], float]:
    """AP of drawn photographs."""
    positive = np.stack([one.levels[ANY] for one in images]).astype(np.float64)
    negative = np.stack([one.field_levels for one in images]) - positive

    def figure(drawn: Drawn) -> float:
        weights = np.bincount(drawn, minlength=len(images)).astype(np.float64)
        return average_precision((weights @ positive).astype(np.int64), (weights @ negative).astype(np.int64))

    return figure


def _froc(images: Sequence[ImageResult]) -> Callable[[Drawn], float]:
    """Mean sensitivity of drawn photographs."""
    false = Ranked.of([one.scores[one.false] for one in images])
    found = Ranked.of([one.lesion_scores[ANY] for one in images])
    return lambda drawn: float(sensitivity_at(false, found, np.bincount(drawn, minlength=len(images))).mean())


FIGURES: dict[str, Callable[[Sequence[ImageResult]], Callable[[Drawn], float]]] = {
    "average_precision": _precision,
    "froc": _froc,
}


def _values(figure: Callable[[Drawn], float], report: LesionReport, seed: int) -> npt.NDArray[np.float64]:
    """The figure of all photographs, then of each resample."""
    count = len(report.summary.images)
    return np.concatenate([[figure(np.arange(count))], resampled(figure, count, RESAMPLES, seed)])


def _row(
    method: ComparedMethod,
    report: LesionReport,
    draws: dict[str, npt.NDArray[np.float64]],
    ours: dict[str, npt.NDArray[np.float64]],
) -> ComparisonRow:
    types, figures = report.summary.types[ANY].figures, report.summary.figures
    compared = {name: _compared(values, ours[name]) for name, values in draws.items()}
    return ComparisonRow(
        method.label,
        **compared,
        lesion_sensitivity=types["lesion"].value,
        pixel_precision=types["precision"].value,
        false_positives_per_image=figures["false_positives_per_image"].value,
        area_fraction=figures["area_fraction"].value,
    )


def _compared(values: npt.NDArray[np.float64], ours: npt.NDArray[np.float64]) -> Compared:
    differences = values - ours if values is not ours else np.full_like(values, np.nan)
    return Compared(float(values[0]), percentiles(values[1:]), float(differences[0]), percentiles(differences[1:]))


def _with_interval(one: Compared) -> str:
    return number(one.value, 3, one.interval.low, one.interval.high)


def _difference(one: Compared) -> str:
    if np.isnan(one.difference):
        return ""
    low, high = one.difference_interval.low, one.difference_interval.high
    return f"{one.difference:+.3f} ({low:+.3f} to {high:+.3f})"
