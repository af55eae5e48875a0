"""Metrics of a two-class score. Ratios are computed from counts; undefined values are NaN.

With n+ positives and n- negatives, a photograph is called positive at threshold t when its score is >= t:

    sensitivity(t) = TP(t) / n+        specificity(t) = TN(t) / n-        Youden J(t) = sensitivity + specificity - 1
    AUROC = P(score of a positive > score of a negative) + 1/2 P(equal)       (Mann and Whitney, 1947)
    Brier = mean (score - label)^2
    ECE = sum over bins of (images in it / n) |share of positives - mean score|   (equal bins on [0, 1]; Naeini, 2015)

ROC curve and AUROC are computed by scikit-learn. "Sensitivity at 90 % specificity" is the highest sensitivity among the
observed thresholds with a specificity of at least 0.9, without interpolation between thresholds (our choice). The
AUROC's confidence interval is bootstrapped over patients, not images: two eyes of one patient are not independent.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import confusion_matrix_at_thresholds

from retina_xai.errors import InputError
from retina_xai.metrics.intervals import Interval, bootstrap

Labels = npt.NDArray[np.integer] | npt.NDArray[np.bool_]
Scores = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Confusion:
    """Counts at one threshold; a score >= `threshold` is called positive."""

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def sensitivity(self) -> float:
        """Share of the positives that are called positive; NaN without positives."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> float:
        """Share of the negatives that are called negative; NaN without negatives."""
        return _ratio(self.true_negatives, self.true_negatives + self.false_positives)


@dataclass(frozen=True)
class CalibrationBin:
    """Photographs with a score in [low, high): their number, the number of positives, and the sum of the scores."""

    low: float
    high: float
    count: int
    positives: int
    score_sum: float


def confusion(labels: Labels, scores: Scores, threshold: float) -> Confusion:
    """Counts at a threshold; labels (N,) of 0 and 1, scores (N,).

    Raises:
        InputError: arrays of different lengths, labels other than 0 and 1, or scores that are not finite.
    """
    truth, values = _checked(labels, scores)
    called = values >= threshold
    return Confusion(
        threshold=float(threshold),
        true_positives=int((called & truth).sum()),
        false_positives=int((called & ~truth).sum()),
        true_negatives=int((~called & ~truth).sum()),
        false_negatives=int((~called & truth).sum()),
    )


def roc_curve(labels: Labels, scores: Scores) -> list[Confusion]:
    """Counts at infinity and at every observed score, highest first.

    Raises:
        InputError: as `confusion`.
    """
    truth, values = _checked(labels, scores)
    if not len(values):
        return [Confusion(math.inf, 0, 0, 0, 0)]
    counts = confusion_matrix_at_thresholds(truth, values)
    tns, fps, fns, tps = (count.astype(int).tolist() for count in counts[:4])
    none = Confusion(math.inf, 0, 0, tns[-1] + fps[-1], fns[-1] + tps[-1])
    rows = zip(counts[4].tolist(), tps, fps, tns, fns, strict=True)
    return [none, *(Confusion(*row) for row in rows)]


def auroc(labels: Labels, scores: Scores) -> float:
    """Area under the ROC curve in [0, 1]; NaN when only one class is present.

    Raises:
        InputError: as `confusion`.
    """
    truth, values = _checked(labels, scores)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return math.nan
    # Mann-Whitney's U, which is the number of right pairs; twenty times as fast as roc_auc_score, for bootstraps
    right = rankdata(values)[truth].sum() - positives * (positives + 1) / 2
    return float(right / (positives * negatives))


def auroc_interval(
    labels: Labels, scores: Scores, patients: npt.NDArray[Any], resamples: int = 1000, seed: int = 0
) -> Interval:
    """95 % percentile bootstrap of the AUROC over patients (N,).

    Raises:
        InputError: as `confusion`.
    """
    truth, values = _checked(labels, scores)
    members = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]

    def statistic(drawn: npt.NDArray[np.int64]) -> float:
        images = np.concatenate([members[patient] for patient in drawn])
        return auroc(truth[images], values[images])

    return bootstrap(statistic, len(members), resamples, seed)


def sensitivity_at_specificity(labels: Labels, scores: Scores, specificity: float = 0.9) -> Confusion | None:
    """The operating point of the highest sensitivity with at least this specificity; None if a class is missing."""
    allowed = [point for point in roc_curve(labels, scores) if point.specificity >= specificity]
    return max(allowed, key=lambda point: (point.sensitivity, point.specificity)) if _two_classes(allowed) else None


def specificity_at_sensitivity(labels: Labels, scores: Scores, sensitivity: float = 0.9) -> Confusion | None:
    """The operating point of the highest specificity with at least this sensitivity; None if a class is missing."""
    allowed = [point for point in roc_curve(labels, scores) if point.sensitivity >= sensitivity]
    return max(allowed, key=lambda point: (point.specificity, point.sensitivity)) if _two_classes(allowed) else None


def youden_point(labels: Labels, scores: Scores) -> Confusion | None:
    """The operating point of the largest Youden J (ties: the highest threshold); None if a class is missing."""
    points = roc_curve(labels, scores)
    return max(points, key=lambda point: point.sensitivity + point.specificity) if _two_classes(points) else None


OPERATING_POINTS: dict[str, Callable[[Labels, Scores], Confusion | None]] = {
    "youden": youden_point,
    "specificity": sensitivity_at_specificity,
    "sensitivity": specificity_at_sensitivity,
}
"""Rules for a threshold: the largest Youden's J; the most sensitivity at a specificity of 0.9; the reverse."""


def calibration(labels: Labels, scores: Scores, bins: int = 10) -> list[CalibrationBin]:
    """Counts in equal bins of the score; the last bin includes 1.

    Raises:
        InputError: as `confusion`, or scores outside of [0, 1].
    """
    truth, values = _checked(labels, scores)
    if len(values) and not (values.min() >= 0 and values.max() <= 1):
        raise InputError(f"scores from {values.min():g} to {values.max():g}: expected probabilities in [0, 1]")
    place = np.minimum((values * bins).astype(int), bins - 1)
    return [
        CalibrationBin(b / bins, (b + 1) / bins, int(held.sum()), int(truth[held].sum()), float(values[held].sum()))
        for b in range(bins)
        for held in [place == b]
    ]


def expected_calibration_error(table: list[CalibrationBin]) -> float:
    """ECE in [0, 1] of the bins of `calibration`; NaN without photographs."""
    return _ratio(sum(abs(row.positives - row.score_sum) for row in table), sum(row.count for row in table))


def brier(labels: Labels, scores: Scores) -> float:
    """Mean squared difference of score and label, in [0, 1]; NaN without images."""
    truth, values = _checked(labels, scores)
    return _ratio(float(((values - truth) ** 2).sum()), len(values))


def _checked(labels: Labels, scores: Scores) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    truth, values = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape:
        raise InputError(f"labels {truth.shape} and scores {values.shape}: expected two arrays of one length")
    if not np.isin(truth, (0, 1)).all():
        raise InputError(f"labels {np.unique(truth)[:5].tolist()}: expected 0 and 1")
    if not np.isfinite(values).all():
        raise InputError(f"{int((~np.isfinite(values)).sum())} of {len(values)} scores are not finite: check the model")
    return truth.astype(bool), values


def _two_classes(points: list[Confusion]) -> bool:
    return bool(points) and not math.isnan(points[0].sensitivity) and not math.isnan(points[0].specificity)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
