"""All metrics of a two-class score on labelled photographs, as plain values for JSON; undefined values are NaN.

Confidence intervals of sensitivity and specificity: Wilson's, if every patient has one photograph. Otherwise the
photographs are not independent, and the intervals are bootstrapped over patients, like that of the AUROC. The
bootstrap gives no interval for a rate of exactly 0 or 1; Wilson's interval with patients as trials is used then (our
choice). The key `rate_intervals` names the method.
"""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from retina_xai.metrics.classification import (
    Confusion,
    auroc,
    auroc_interval,
    brier,
    calibration,
    confusion,
    expected_calibration_error,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
)
from retina_xai.metrics.intervals import Interval, bootstrap, wilson

RESAMPLES = 1000
WILSON, BY_PATIENT = "Wilson", "bootstrap over patients"


@dataclass(frozen=True, eq=False)
class ScoredPhotographs:
    """Truth (N,) bool, score (N,) in [0, 1] and patient (N,) of N photographs, and the seed of the bootstrap."""

    labels: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]
    patients: npt.NDArray[np.str_]
    seed: int = 0

    @classmethod
    def of(cls, labels: npt.ArrayLike, scores: npt.ArrayLike, patients: npt.ArrayLike, seed: int = 0) -> Self:
        """From sequences of equal length."""
        return cls(np.array(labels, bool), np.array(scores, np.float64), np.array(patients, np.str_), seed)

    def where(self, chosen: npt.NDArray[np.bool_]) -> "ScoredPhotographs":
        """The photographs for which `chosen` (N,) is true."""
        return ScoredPhotographs(self.labels[chosen], self.scores[chosen], self.patients[chosen], self.seed)

    @cached_property
    def members(self) -> list[npt.NDArray[np.int64]]:
        """For each patient, the indices of the photographs."""
        return [np.flatnonzero(self.patients == patient) for patient in np.unique(self.patients)]


def classifier_figures(photographs: ScoredPhotographs) -> dict[str, Any]:
    """Counts, AUROC with its interval, two operating points and calibration.

    Raises:
        InputError: scores that are not finite values in [0, 1].
    """
    labels, scores = photographs.labels, photographs.scores
    table = calibration(labels, scores)
    interval = auroc_interval(labels, scores, photographs.patients, RESAMPLES, photographs.seed)
    return {
        "images": len(labels),
        "patients": len(photographs.members),
        "positives": int(labels.sum()),
        "auroc": auroc(labels, scores),
        "auroc_interval": [interval.low, interval.high],
        "sensitivity_at_90_specificity": point_figures(photographs, sensitivity_at_specificity(labels, scores)),
        "specificity_at_90_sensitivity": point_figures(photographs, specificity_at_sensitivity(labels, scores)),
        "brier": brier(labels, scores),
        "expected_calibration_error": expected_calibration_error(table),
        "calibration": [asdict(row) for row in table],
    }


def figures_at(photographs: ScoredPhotographs, threshold: float) -> dict[str, Any]:
    """Counts, sensitivity and specificity with their intervals at a threshold."""
    return point_figures(photographs, confusion(photographs.labels, photographs.scores, threshold)) or {}


def point_figures(photographs: ScoredPhotographs, point: Confusion | None) -> dict[str, Any] | None:
    """Counts, rates and intervals of an operating point; its threshold is None if infinite."""
    if point is None:
        return None
    sensitivity, specificity, method = rate_intervals(photographs, point)
    return {
        **asdict(point),
        "threshold": point.threshold if np.isfinite(point.threshold) else None,
        "sensitivity": point.sensitivity,
        "sensitivity_interval": [sensitivity.low, sensitivity.high],
        "specificity": point.specificity,
        "specificity_interval": [specificity.low, specificity.high],
        "rate_intervals": method,
    }


def rate_intervals(photographs: ScoredPhotographs, point: Confusion) -> tuple[Interval, Interval, str]:
    """95 % intervals of sensitivity and specificity, and the method (see the module docstring)."""
    right = (photographs.scores >= point.threshold) == photographs.labels
    sides = photographs.labels, ~photographs.labels
    if len(photographs.members) == len(photographs.labels):
        ends = [wilson(int((right & side).sum()), int(side.sum())) for side in sides]
        return ends[0], ends[1], WILSON
    ends = [_by_patient(photographs, right & side, side) for side in sides]
    return ends[0], ends[1], BY_PATIENT


def _by_patient(photographs: ScoredPhotographs, found: npt.NDArray[np.bool_], side: npt.NDArray[np.bool_]) -> Interval:
    """Bootstrap over patients of the share `found` of the photographs of one class."""
    counts = np.array([[found[images].sum(), side[images].sum()] for images in photographs.members])
    hits, trials = counts.sum(axis=0)
    if hits in (0, trials):
        patients = int((counts[:, 1] > 0).sum())
        return wilson(patients if hits else 0, patients)

    def share(drawn: npt.NDArray[np.int64]) -> float:
        found, all_of = counts[drawn].sum(axis=0)
        return float(found / all_of) if all_of else float("nan")

    return bootstrap(share, len(counts), RESAMPLES, photographs.seed)
