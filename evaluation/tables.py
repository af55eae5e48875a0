"""Tables as text, for Markdown files, the terminal and HTML pages, and figures with their intervals as text."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from retina_xai.metrics.intervals import wilson


@dataclass(frozen=True)
class TextTable:
    """A table of texts; the first `keys` columns are the index of the frame that it was made of."""

    keys: int
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "TextTable":
        """Index and cells of a frame."""
        names = [str(name or "") for name in frame.index.names]
        keys = [index if isinstance(index, tuple) else (index,) for index in frame.index]
        cells = frame.to_numpy().tolist()
        rows = tuple((*map(str, key), *map(str, row)) for key, row in zip(keys, cells, strict=True))
        return cls(len(names), (*names, *map(str, frame.columns)), rows)


def markdown(frame: pd.DataFrame) -> str:
    """A table of texts in Markdown, its index first; every cell on one line."""
    table = TextTable.of(frame)
    rule = ["---"] * table.keys + ["---:"] * len(frame.columns)
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in (table.head, rule, *table.rows))


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


def percent(value: float, low: float = math.nan, high: float = math.nan, *, digits: int = 1) -> str:
    """A share in [0, 1] as "61.3 % (45.0-75.2)"; without an interval where it is undefined; undefined is NaN."""
    if math.isnan(value):
        return "NaN"
    return f"{value:.{digits}%}".replace("%", " %") + _interval(100 * low, 100 * high, digits)


def rate_cell(figures: Mapping[str, float], name: str) -> str:
    """The rate of that name as text, with its interval."""
    return percent(figures[name], figures[f"{name}.low"], figures[f"{name}.high"])


def number(value: float, digits: int = 4, low: float = math.nan, high: float = math.nan) -> str:
    """A number as "0.812 (0.755-0.861)"; without an interval where it is undefined; undefined is NaN."""
    return "NaN" if math.isnan(value) else f"{value:.{digits}f}" + _interval(low, high, digits)


def _interval(low: float, high: float, digits: int) -> str:
    return "" if math.isnan(low) else f" ({low:.{digits}f}-{high:.{digits}f})"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
