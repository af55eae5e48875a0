import math

import numpy as np
import pytest

from retina_xai.errors import UsageError
from retina_xai.lesions import label_regions, region_maxima
from retina_xai.metrics.froc import RATES, froc, lesion_scores
from retina_xai.metrics.overlap import blobs_of


def slow(false, found, images, rate):
    """Best sensitivity over all thresholds with at most `rate` false positives per image."""
    best = 0.0
    for threshold in sorted({*false, *found, 2.0} - {0.0}):
        if sum(score >= threshold for score in false) / images <= rate:
            best = max(best, sum(score >= threshold for score in found) / len(found))
    return best


def test_closed_form():
    curve = froc([0.8, 0.4], [0.9, 0.6, 0.0], images=2)
    assert curve.false_positives_per_image.tolist() == [0, 0, 0.5, 0.5, 1]
    assert curve.sensitivity.tolist() == [0, 1 / 3, 1 / 3, 2 / 3, 2 / 3]
    assert curve.at_rates == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3])
    assert curve.mean == pytest.approx((2 / 3 + 5 * 2 / 3) / 7)


def test_when_all_are_found_the_curve_reaches_its_end():
    curve = froc([0.5], [0.9, 0.3], images=1)
    assert curve.sensitivity[-1] == 1
    assert curve.false_positives_per_image[-1] == 1


def test_agrees_with_a_slow_version():
    rng = np.random.default_rng(0)
    for _ in range(20):
        false = np.round(rng.uniform(0.01, 1, rng.integers(0, 40)), 1).clip(0.1).tolist()
        found = np.round(rng.random(rng.integers(1, 20)), 1).tolist()
        images = int(rng.integers(1, 6))
        assert froc(false, found, images).at_rates == pytest.approx([slow(false, found, images, r) for r in RATES])


def test_without_a_lesion_it_is_undefined_and_without_a_detection_zero():
    assert math.isnan(froc([0.5], [], images=3).mean)
    assert froc([], [0.0, 0.0], images=3).mean == 0


def test_a_blob_hits_every_lesion_that_it_touches_with_its_best_score():
    evidence = np.zeros((10, 20))
    evidence[5, 2:15] = 0.4
    evidence[5, 3] = 0.9
    evidence[0, 0] = 0.7
    truth = np.zeros((10, 20), dtype=bool)
    truth[4:7, 2:4] = truth[4:7, 12:16] = truth[9, 18] = True
    mask = evidence > 0
    scores = region_maxima(evidence, label_regions(mask))
    assert lesion_scores(blobs_of(mask), scores, label_regions(truth)).tolist() == [0.9, 0.9, 0.0]


def test_senseless_input_is_refused():
    with pytest.raises(UsageError, match="0 images: expected at least one"):
        froc([], [], images=0)
    with pytest.raises(UsageError, match="detection scores above 0 and at most 1"):
        froc([0.0], [0.5], images=1)
