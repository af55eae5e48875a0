"""Confidence intervals.

Wilson's score interval for k successes in n independent trials (E. B. Wilson, JASA 22, 1927), computed by scipy.

Percentile bootstrap (B. Efron, 1979): units (images or patients) are drawn with replacement, the statistic is computed
on each resample, and the interval ends at quantiles of these values. It is used for dependent observations: lesions of
one photograph are bootstrapped over photographs, photographs of one patient over patients.

Our choice: resamples on which the statistic is undefined (NaN) are ignored; if it is always undefined, the interval is
NaN.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from retina_xai.errors import UsageError


@dataclass(frozen=True)
class Interval:
    """Both ends of a confidence interval; NaN where undefined."""

    low: float
    high: float


UNDEFINED = Interval(math.nan, math.nan)


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share; undefined (NaN) without trials.

    >>> interval = wilson(8, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.49, 0.943)

    Raises:
        UsageError: successes outside of 0..trials, or level outside of (0, 1).
    """
    _check_level(level)
    if not 0 <= successes <= trials:
        raise UsageError(f"{successes} successes in {trials} trials: expected 0 <= successes <= trials")
    if trials == 0:
        return UNDEFINED
    ends = binomtest(successes, trials).proportion_ci(level, method="wilson")
    return Interval(float(ends.low), float(ends.high))


def bootstrap(
    statistic: Callable[[npt.NDArray[np.int64]], float],
    count: int,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of `statistic`, a function of the drawn units' indices (count,) in 0..count - 1.

    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> interval = bootstrap(lambda drawn: values[drawn].mean(), len(values), resamples=200)
    >>> interval.low < 2.5 < interval.high
    True

    Raises:
        UsageError: negative count, no resamples, or level outside of (0, 1).
    """
    return percentiles(resampled(statistic, count, resamples, seed), level)


def resampled(
    statistic: Callable[[npt.NDArray[np.int64]], float], count: int, resamples: int = 2000, seed: int = 0
) -> npt.NDArray[np.float64]:
    """The values of `bootstrap`, (resamples,); none without units.

    With the same count and seed, each value is of the same drawn units, so the differences of two statistics are
    paired.

    Raises:
        UsageError: negative count, or no resamples.
    """
    if count < 0 or resamples < 1:
        raise UsageError(f"{count} units, {resamples} resamples: expected at least 0 units and 1 resample")
    if count == 0:
        return np.zeros(0)
    rng = np.random.default_rng(seed)
    return np.array([statistic(rng.integers(0, count, count)) for _ in range(resamples)], dtype=np.float64)


def percentiles(values: npt.NDArray[np.float64], level: float = 0.95) -> Interval:
    """The central `level` of the defined values; NaN without any.

    Raises:
        UsageError: level outside of (0, 1).
    """
    _check_level(level)
    defined = values[~np.isnan(values)]
    if defined.size == 0:
        return UNDEFINED
    low, high = np.quantile(defined, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(low), float(high))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise UsageError(f"confidence level {level:g}: expected a value between 0 and 1, such as 0.95")
