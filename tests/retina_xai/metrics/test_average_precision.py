import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from retina_xai.metrics.average_precision import LEVELS, average_precision, evidence_levels, level_counts


def test_equals_scikit_learn_on_the_pixels_themselves():
    rng = np.random.default_rng(0)
    evidence, lesion = rng.random((60, 80)) ** 3, rng.random((60, 80)) < 0.1
    evidence[lesion] = np.sqrt(evidence[lesion])
    levels = evidence_levels(evidence)
    value = average_precision(level_counts(levels, lesion), level_counts(levels, ~lesion))
    assert value == pytest.approx(average_precision_score(lesion.ravel(), levels.ravel()), abs=1e-12)
    assert value == pytest.approx(average_precision_score(lesion.ravel(), evidence.ravel()), abs=1e-3)


def test_histograms_of_two_images_add_up_to_the_pooled_value():
    rng = np.random.default_rng(1)
    levels, lesion = evidence_levels(rng.random((2, 500))), rng.random((2, 500)) < 0.3
    positive = sum(level_counts(levels[i], lesion[i]) for i in range(2))
    negative = sum(level_counts(levels[i], ~lesion[i]) for i in range(2))
    assert average_precision(positive, negative) == pytest.approx(
        average_precision_score(lesion.ravel(), levels.ravel())
    )


def test_perfect_constant_and_undefined():
    one_hot = np.eye(1, LEVELS, LEVELS - 1, dtype=np.int64)[0]
    zeros = np.eye(1, LEVELS, 0, dtype=np.int64)[0]
    assert average_precision(5 * one_hot, 95 * zeros) == 1
    assert average_precision(5 * zeros, 95 * zeros) == pytest.approx(0.05)
    assert math.isnan(average_precision(0 * zeros, zeros))


def test_levels_are_those_of_a_16_bit_picture():
    assert evidence_levels(np.array([0.0, 0.5, 1.0])).tolist() == [0, 32768, 65535]
