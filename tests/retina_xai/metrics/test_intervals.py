import math

import numpy as np
import pytest

from retina_xai.errors import UsageError
from retina_xai.metrics.intervals import Interval, bootstrap, percentiles, resampled, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_published_values(successes, trials, low, high):
    interval = wilson(successes, trials)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("level", "z"), [(0.95, 1.959963984540054), (0.9, 1.6448536269514722), (0.5, 0.6744897501960817)]
)
def test_wilson_solves_its_quadratic(level, z):
    # Both ends p satisfy (k/n - p)^2 = z^2 p (1 - p) / n.
    interval = wilson(7, 30, level)
    for end in (interval.low, interval.high):
        assert (7 / 30 - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / 30)


def test_wilson_is_symmetric_and_exact_at_the_ends():
    assert wilson(3, 11).low == pytest.approx(1 - wilson(8, 11).high)
    assert wilson(0, 5).low == 0.0
    assert wilson(5, 5).high == 1.0
    assert math.isnan(wilson(0, 0).low)
    assert math.isnan(wilson(0, 0).high)


def test_bootstrap_of_a_mean_approaches_the_normal_interval():
    values = np.random.default_rng(3).normal(5, 2, 400)
    interval = bootstrap(lambda drawn: float(values[drawn].mean()), 400, resamples=4000, seed=1)
    half = 1.96 * values.std() / math.sqrt(400)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.03)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.03)


def test_bootstrap_of_a_fixed_seed_has_exact_values():
    values = np.arange(10.0)
    mean = lambda drawn: float(values[drawn].mean())  # noqa: E731
    assert bootstrap(mean, 10, 1000, seed=0) == Interval(2.7, 6.4)
    assert bootstrap(mean, 10, 1000, seed=1, level=0.5) == Interval(3.9, 5.1)


def test_bootstrap_is_seeded():
    values = np.arange(10.0)
    statistic = lambda drawn: float(values[drawn].mean())  # noqa: E731
    assert bootstrap(statistic, 10, 100, seed=5) == bootstrap(statistic, 10, 100, seed=5)
    assert bootstrap(statistic, 10, 100, seed=5) != bootstrap(statistic, 10, 100, seed=6)


def test_undefined_resamples_are_ignored():
    values = np.array([2.0, math.nan])
    interval = bootstrap(lambda drawn: float(values[drawn].max()), 2, 200)
    assert (interval.low, interval.high) == (2.0, 2.0)
    assert math.isnan(bootstrap(lambda drawn: math.nan, 3, 10).low)
    assert math.isnan(bootstrap(lambda drawn: 1.0, 0, 10).high)


def test_invalid_arguments_are_refused():
    with pytest.raises(UsageError, match="5 successes in 4 trials: expected 0 <= successes <= trials"):
        wilson(5, 4)
    with pytest.raises(UsageError, match=r"confidence level 95: expected a value between 0 and 1, such as 0\.95"):
        wilson(1, 4, level=95)
    with pytest.raises(UsageError, match="3 units, 0 resamples"):
        bootstrap(lambda drawn: 0.0, 3, 0)


def test_resamples_with_one_seed_are_of_the_same_units():
    values = np.random.default_rng(0).normal(0, 1, 30)
    first = resampled(lambda drawn: float(values[drawn].mean()), 30, resamples=50, seed=4)
    second = resampled(lambda drawn: float(values[drawn].mean()) + 0.25, 30, resamples=50, seed=4)
    np.testing.assert_allclose(second - first, 0.25)
    assert first.std() > 0.1
    interval = bootstrap(lambda drawn: float(values[drawn].mean()), 30, resamples=50, seed=4)
    assert percentiles(first) == interval
    assert len(resampled(lambda drawn: 1.0, 0)) == 0
