"""Metrics of a two-class score against closed forms and slow implementations."""

import math

import numpy as np
import pytest

from retina_xai.errors import InputError
from retina_xai.metrics.classification import (
    auroc,
    auroc_interval,
    brier,
    calibration,
    confusion,
    expected_calibration_error,
    roc_curve,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
    youden_point,
)

LABELS = np.array([0, 0, 1, 1, 0, 1])
SCORES = np.array([0.1, 0.4, 0.4, 0.8, 0.7, 0.9])


def _random(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.integers(0, 2, count), np.round(rng.random(count), 1)


def test_auroc_is_the_share_of_well_ordered_pairs() -> None:
    labels, scores = _random()
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[labels == 1] for n in scores[labels == 0]]
    assert auroc(labels, scores) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_undefined(label: int) -> None:
    labels, scores = np.full(4, label), np.linspace(0.1, 0.9, 4)
    assert math.isnan(auroc(labels, scores))
    assert sensitivity_at_specificity(labels, scores) is None
    assert specificity_at_sensitivity(labels, scores) is None
    assert youden_point(labels, scores) is None
    assert math.isnan(auroc_interval(labels, scores, np.arange(4), resamples=5).low)


def test_confusion_counts_by_hand() -> None:
    point = confusion(LABELS, SCORES, 0.4)
    counts = (point.true_positives, point.false_positives, point.true_negatives, point.false_negatives)
    assert counts == (3, 2, 1, 0)
    assert (point.sensitivity, point.specificity) == (1.0, pytest.approx(1 / 3))


def test_roc_curve_equals_a_confusion_at_every_threshold() -> None:
    labels, scores = _random()
    curve = roc_curve(labels, scores)
    assert [point.threshold for point in curve] == [math.inf, *sorted(set(scores), reverse=True)]
    assert curve == [confusion(labels, scores, point.threshold) for point in curve]


def test_operating_points_are_the_best_allowed_ones() -> None:
    labels, scores = _random(200)
    every = [confusion(labels, scores, threshold) for threshold in [math.inf, *set(scores)]]
    found, spared, best = (
        sensitivity_at_specificity(labels, scores, 0.8),
        specificity_at_sensitivity(labels, scores, 0.8),
        youden_point(labels, scores),
    )
    assert found is not None and spared is not None and best is not None
    assert found.sensitivity == max(point.sensitivity for point in every if point.specificity >= 0.8)
    assert spared.specificity == max(point.specificity for point in every if point.sensitivity >= 0.8)
    assert best.sensitivity + best.specificity == max(point.sensitivity + point.specificity for point in every)


def test_calibration_and_its_error_by_hand() -> None:
    table = calibration(LABELS, SCORES, bins=2)
    assert [(row.count, row.positives) for row in table] == [(3, 1), (3, 2)]
    by_hand = (3 * abs(1 / 3 - 0.9 / 3) + 3 * abs(2 / 3 - 2.4 / 3)) / 6
    assert expected_calibration_error(table) == pytest.approx(by_hand)


def test_the_last_calibration_bin_includes_one() -> None:
    assert [row.count for row in calibration(np.array([1, 0]), np.array([1.0, 0.0]))] == [1, *[0] * 8, 1]


def test_brier_of_a_constant_score_is_its_closed_form() -> None:
    labels = np.array([1] * 3 + [0] * 7)
    assert brier(labels, np.full(10, 0.3)) == pytest.approx(0.3 * 0.7)
    assert math.isnan(brier(np.array([], int), np.array([])))


def test_interval_draws_patients_and_not_images() -> None:
    labels, scores = _random(40)
    doubled = np.repeat(labels, 2), np.repeat(scores, 2)
    by_patient = auroc_interval(*doubled, np.repeat(np.arange(40), 2), resamples=200)
    assert by_patient == auroc_interval(labels, scores, np.arange(40), resamples=200)
    assert by_patient.low < auroc(labels, scores) < by_patient.high


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.5], "one length"),
        ([0, 2], [0.5, 0.5], "expected 0 and 1"),
        ([0, 1], [0.5, math.nan], "1 of 2 scores are not finite"),
    ],
)
def test_unfit_arrays_are_refused(labels: list[int], scores: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        auroc(np.array(labels), np.array(scores))


def test_scores_outside_0_to_1_are_refused() -> None:
    with pytest.raises(InputError, match="expected probabilities"):
        calibration(np.array([0, 1]), np.array([-1.0, 2.0]))
