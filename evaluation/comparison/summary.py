"""From the records of a comparison to means, intervals, and paired differences to the best method.

The figures are of the photographs that every applicable method has. Intervals: 95 %, percentile bootstrap over the
photographs. The best method of a metric has the best mean; controls and ablations cannot be it. Every other method has
the mean of its difference to the best, photograph by photograph, with its interval: where the interval holds 0, these
photographs do not tell the two apart. The best is chosen on the same photographs, so its lead is somewhat optimistic.
A value that is undefined for a photograph is left out, and `n` says how many are left.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retina_xai.evaluation.comparison.registry import METRICS
from retina_xai.explainers.registry import EXPLAINERS
from retina_xai.metrics.intervals import UNDEFINED, Interval, bootstrap

Values = npt.NDArray[np.float64]
NEVER_BEST = frozenset({"control", "ablation"})
COSTS = ("seconds", "passes", "memory")
PLAIN, NOISE = "deletion", "deletion-noise"


@dataclass(frozen=True)
class Mean:
    """A mean of `n` photographs with its interval; NaN where undefined."""

    value: float
    interval: Interval
    n: int

    @classmethod
    def of(cls, values: Values, resamples: int, seed: int) -> "Mean":
        """The mean of the defined values."""
        kept = values[~np.isnan(values)]
        if not len(kept):
            return cls(math.nan, UNDEFINED, 0)
        interval = bootstrap(lambda drawn: float(kept[drawn].mean()), len(kept), resamples, seed)
        return cls(float(kept.mean()), interval, len(kept))

    @property
    def includes_zero(self) -> bool:
        """Whether the interval holds 0, or is undefined."""
        return not (self.interval.low > 0 or self.interval.high < 0)


@dataclass(frozen=True)
class MetricResult:
    """One metric: the mean of every method, the best one, and the differences of the others to it."""

    means: Mapping[str, Mean]
    best: str | None
    differences: Mapping[str, Mean]

    def mark(self, method: str) -> str:
        """ "best", "tied" where the photographs do not tell a method from the best, otherwise empty."""
        if method == self.best:
            return "best"
        return "tied" if method in self.differences and self.differences[method].includes_zero else ""


@dataclass(frozen=True)
class ComparisonSummary:
    """All figures of a comparison; methods by their key in the order of the table.

    refused: why a method does not fit the network. noise_effect: change of the deletion area by noise on the map.
    """

    photographs: int
    metrics: Mapping[str, MetricResult]
    costs: Mapping[str, Mapping[str, float]]
    converged: Mapping[str, float]
    refused: Mapping[str, str]
    noise_effect: Mapping[str, Mean]

    @property
    def methods(self) -> list[str]:
        """Keys of the methods that have figures."""
        return list(self.costs)


def summary_of(
    records: Sequence[Mapping[str, Any]], metrics: Sequence[str], resamples: int, seed: int
) -> ComparisonSummary:
    """Summarise the records of all cases."""
    refused = {record["method"]: record["refused"] for record in records if "refused" in record}
    by_method: dict[str, dict[str, Mapping[str, Any]]] = {}
    for record in records:
        if record["method"] not in refused:
            by_method.setdefault(record["method"], {})[record["photograph"]] = record
    by_method = {key: by_method[key] for key in EXPLAINERS if key in by_method}
    common = sorted(set.intersection(*map(set, by_method.values()))) if by_method else []
    rows = {key: [own[one] for one in common] for key, own in by_method.items()}
    values = {name: {key: _column(own, name) for key, own in rows.items()} for name in metrics}
    noise = (
        {key: Mean.of(values[NOISE][key] - values[PLAIN][key], resamples, seed) for key in rows}
        if {PLAIN, NOISE} <= set(metrics)
        else {}
    )
    return ComparisonSummary(
        len(common),
        {name: _compared(name, values[name], resamples, seed) for name in metrics},
        {key: {cost: _mean(own, cost) for cost in COSTS} for key, own in rows.items()},
        {key: _mean(own, "converged") for key, own in rows.items()},
        refused,
        noise,
    )


def frame_of(summary: ComparisonSummary) -> pd.DataFrame:
    """One row per method and metric, and per method and cost."""
    rows = []
    for key in summary.methods:
        first = {"method": key, "label": EXPLAINERS[key].label}
        for name, result in summary.metrics.items():
            spec, one = METRICS[name], result.means[key]
            other = result.differences.get(key, Mean(math.nan, UNDEFINED, 0))
            rows.append(
                first
                | {"group": spec.group, "metric": name, "better": spec.better, "n": one.n, "mean": one.value}
                | {"low": one.interval.low, "high": one.interval.high, "mark": result.mark(key)}
                | {"difference": other.value, "difference_low": other.interval.low}
                | {"difference_high": other.interval.high}
            )
        rows += [
            first | {"group": "cost", "metric": cost, "better": "lower", "n": summary.photographs, "mean": value}
            for cost, value in summary.costs[key].items()
        ]
    return pd.DataFrame(rows)


def _compared(name: str, values: Mapping[str, Values], resamples: int, seed: int) -> MetricResult:
    means = {key: Mean.of(own, resamples, seed) for key, own in values.items()}
    sign = 1 if METRICS[name].better == "lower" else -1
    rivals = {
        key: sign * one.value
        for key, one in means.items()
        if EXPLAINERS[key].category not in NEVER_BEST and not math.isnan(one.value)
    }
    if METRICS[name].control or not rivals:
        return MetricResult(means, None, {})
    best = min(rivals, key=rivals.__getitem__)
    others = {key: Mean.of(own - values[best], resamples, seed) for key, own in values.items() if key != best}
    return MetricResult(means, best, others)


def _column(records: Sequence[Mapping[str, Any]], name: str) -> Values:
    found = [record["values"][name] for record in records]
    return np.array([math.nan if value is None else value for value in found], dtype=np.float64)


def _mean(records: Sequence[Mapping[str, Any]], name: str) -> float:
    found = [float(record[name]) for record in records if record[name] is not None]
    return float(np.mean(found)) if found else math.nan
