"""Metrics of a classifier: published and recomputed intervals, exact counts, patients as units."""

import math

import numpy as np
import pytest

from retina_xai.metrics.classification import auroc_interval, confusion
from retina_xai.metrics.classifier_figures import (
    BY_PATIENT,
    RESAMPLES,
    WILSON,
    ScoredPhotographs,
    classifier_figures,
    figures_at,
    rate_intervals,
)


def _single(labels: list[int], scores: list[float]) -> ScoredPhotographs:
    return ScoredPhotographs.of(labels, scores, [str(number) for number in range(len(labels))])


def _pairs(seed: int = 0) -> ScoredPhotographs:
    """Two photographs of each of 30 patients with equal labels and similar scores."""
    rng = np.random.default_rng(4)
    labels = np.repeat(rng.random(30) < 0.4, 2)
    scores = 0.2 * labels + np.repeat(rng.random(30) * 0.7, 2) + 0.1 * rng.random(60)
    return ScoredPhotographs.of(labels, scores, np.repeat([f"{number:02}" for number in range(30)], 2), seed)


def _slow_interval(photographs: ScoredPhotographs, threshold: float, positive: bool) -> list[float]:
    """The percentile bootstrap over patients, photograph by photograph."""
    patients = sorted(set(photographs.patients.tolist()))
    rng, shares = np.random.default_rng(photographs.seed), []
    for _ in range(RESAMPLES):
        hits = trials = 0
        for number in rng.integers(0, len(patients), len(patients)):
            for image in np.flatnonzero(photographs.patients == patients[number]):
                if photographs.labels[image] == positive:
                    trials += 1
                    hits += int((photographs.scores[image] >= threshold) == positive)
        if trials:
            shares.append(hits / trials)
    return [float(end) for end in np.quantile(shares, [0.025, 0.975])]


def test_one_photograph_per_patient_has_wilson_intervals_with_published_values() -> None:
    # Newcombe 1998: 15 of 148 (0.0624, 0.1605) as sensitivity, 81 of 263 (0.2553, 0.3662) as specificity.
    scores = [0.9] * 15 + [0.1] * 133 + [0.1] * 81 + [0.9] * 182
    figures = figures_at(_single([1] * 148 + [0] * 263, scores), 0.5)
    assert [round(end, 4) for end in figures["sensitivity_interval"]] == [0.0624, 0.1605]
    assert [round(end, 4) for end in figures["specificity_interval"]] == [0.2553, 0.3662]
    assert (figures["true_positives"], figures["true_negatives"]) == (15, 81)
    assert figures["rate_intervals"] == WILSON


def test_several_photographs_per_patient_are_bootstrapped_by_patient() -> None:
    photographs = _pairs()
    figures = figures_at(photographs, 0.5)
    assert figures["rate_intervals"] == BY_PATIENT
    assert figures["sensitivity_interval"] == pytest.approx(_slow_interval(photographs, 0.5, True))
    assert figures["specificity_interval"] == pytest.approx(_slow_interval(photographs, 0.5, False))
    assert figures["sensitivity_interval"] != figures["specificity_interval"]


def test_a_rate_of_zero_or_one_has_wilsons_interval_over_patients() -> None:
    # Ten positive patients with two photographs each, all found: Wilson of 10 of 10, not of 20 of 20, not [1, 1].
    photographs = ScoredPhotographs.of([True] * 20, [0.9] * 20, np.repeat(np.arange(10), 2))
    figures = figures_at(photographs, 0.5)
    assert figures["sensitivity_interval"] == pytest.approx([10 / (10 + 1.959963984540054**2), 1.0])
    assert figures_at(photographs, 0.95)["sensitivity_interval"][0] == 0.0


def test_intervals_depend_on_the_seed() -> None:
    one, other = classifier_figures(_pairs(0)), classifier_figures(_pairs(1))
    assert one["auroc_interval"] != other["auroc_interval"] and one["auroc"] == other["auroc"]
    points = [figures_at(_pairs(seed), 0.4)["sensitivity_interval"] for seed in (0, 1)]
    assert points[0] != points[1]


def test_the_interval_of_the_auroc_draws_patients() -> None:
    photographs = _pairs()
    figures = classifier_figures(photographs)
    labels, scores = photographs.labels, photographs.scores
    by_patient = auroc_interval(labels, scores, np.repeat(np.arange(30), 2), RESAMPLES)
    by_image = auroc_interval(labels, scores, np.arange(60), RESAMPLES)
    assert figures["auroc_interval"] == [by_patient.low, by_patient.high]
    assert by_patient.high - by_patient.low > 1.2 * (by_image.high - by_image.low)
    assert (figures["images"], figures["patients"]) == (60, 30)


def test_operating_points_are_at_ninety_percent() -> None:
    # Ten negatives at 0.00 to 0.09; positives above all of them (4), above nine (3), above five of them (3).
    labels = [0] * 10 + [1] * 10
    scores = [number / 100 for number in range(10)] + [0.5] * 4 + [0.085] * 3 + [0.045] * 3
    figures = classifier_figures(_single(labels, scores))
    point = figures["sensitivity_at_90_specificity"]
    assert (point["sensitivity"], point["specificity"], point["threshold"]) == (0.7, 0.9, 0.085)
    point = figures["specificity_at_90_sensitivity"]
    assert (point["sensitivity"], point["specificity"], point["threshold"]) == (1.0, 0.5, 0.045)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_is_undefined(label: int) -> None:
    figures = classifier_figures(_single([label] * 3, [0.1, 0.2, 0.3]))
    assert math.isnan(figures["auroc"]) and all(math.isnan(end) for end in figures["auroc_interval"])
    assert figures["sensitivity_at_90_specificity"] is None
    at = figures_at(_single([label] * 3, [0.1, 0.2, 0.3]), 0.2)
    absent, present = ("sensitivity", "specificity") if label == 0 else ("specificity", "sensitivity")
    assert math.isnan(at[absent]) and all(math.isnan(end) for end in at[f"{absent}_interval"])
    assert at[present] == pytest.approx(2 / 3 if label else 1 / 3)


def test_a_part_keeps_its_patients_and_the_seed() -> None:
    photographs = _pairs(seed=3)
    part = photographs.where(photographs.patients < "20")
    assert part.seed == 3 and set(part.patients.tolist()) < set(photographs.patients.tolist())
    sensitivity, _, method = rate_intervals(part, confusion(part.labels, part.scores, 0.4))
    assert method == BY_PATIENT and 0 <= sensitivity.low <= sensitivity.high <= 1
