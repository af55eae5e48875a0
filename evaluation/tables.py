"""Tables as text: Markdown for files, and shares with their intervals as people read them."""

import math
from collections.abc import Sequence

import pandas as pd

from retina_xai.metrics.intervals import wilson


def markdown(frame: pd.DataFrame) -> str:
    """A table of texts with its index as the first column; every cell on one line."""
    head = [str(frame.index.name or ""), *map(str, frame.columns)]
    rows = [[str(index), *map(str, row)] for index, row in zip(frame.index, frame.to_numpy().tolist(), strict=True)]
    rule = ["---"] + ["---:"] * len(frame.columns)
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in (head, rule, *rows))


def share_of(successes: int, trials: int) -> dict[str, float]:
    """A share in [0, 1] as figures: "" its value, "low" and "high" the ends of its 95 % Wilson interval."""
    interval = wilson(successes, trials)
    return {"": successes / trials if trials else math.nan, "low": interval.low, "high": interval.high}


def mean_of(values: Sequence[float | None]) -> float:
    """Mean of the values that are defined, as records hold them: undefined is None; NaN where none is defined."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else math.nan


def named(name: str, parts: dict[str, float]) -> dict[str, float]:
    """Figures under one name: `{"": 1, "low": 0}` becomes `{name: 1, name.low: 0}`."""
    return {f"{name}.{part}" if part else name: value for part, value in parts.items()}


def percent(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """A share in [0, 1] as "61.3 % (45.0-75.2)", without the interval where that is undefined."""
    if math.isnan(value):
        return "NaN"
    return f"{value:.1%}".replace("%", " %") + ("" if math.isnan(low) else f" ({100 * low:.1f}-{100 * high:.1f})")


def number(value: float, digits: int = 4) -> str:
    """A number with that many digits after the point; undefined is NaN."""
    return "NaN" if math.isnan(value) else f"{value:.{digits}f}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
