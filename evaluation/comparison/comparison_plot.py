"""The figure of a comparison: one panel per metric and cost, one line per method, with intervals and chance."""

import io
import math
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retina_xai.evaluation.comparison.registry import METRICS
from retina_xai.evaluation.comparison.summary import COSTS, ComparisonSummary
from retina_xai.explainers.registry import EXPLAINERS
from retina_xai.plotting import NO_DATE, STYLE, WIDTH

CHANCE = "random"
COLUMNS = 3
DECADES = 20
"""A cost whose largest value is more than so many times the smallest has a logarithmic axis."""

ARROWS = {"lower": "\N{DOWNWARDS ARROW}", "higher": "\N{UPWARDS ARROW}"}
"""Which direction is better."""

COST_TITLES = {"seconds": "seconds per photograph", "passes": "bare passes", "memory": "memory (MiB)"}
BEST, TIED, OTHER = "#00796b", "#4db6ac", "0.45"


def drawn(summary: ComparisonSummary, endings: Sequence[str] = (".png", ".pdf")) -> dict[str, bytes]:
    """The figure as files by their ending."""
    panels = [*summary.metrics, *COSTS]
    rows = math.ceil(len(panels) / COLUMNS)
    with mpl.rc_context(STYLE):
        size = (WIDTH, rows * (0.5 + 0.13 * len(summary.methods)))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).flatten()
        for axes, name in zip(grid, panels, strict=False):
            (_draw_cost if name in COSTS else _draw_metric)(axes, summary, name)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        places = np.arange(len(summary.methods))[::-1]
        grid[0].set_yticks(places, [EXPLAINERS[key].label for key in summary.methods])
        return {ending: _file(figure, ending) for ending in endings}


def _draw_metric(axes: Axes, summary: ComparisonSummary, name: str) -> None:
    spec, result = METRICS[name], summary.metrics[name]
    for place, key in enumerate(reversed(summary.methods)):
        one = result.means[key]
        if math.isnan(one.value):
            continue
        colour = {"best": BEST, "tied": TIED}.get(result.mark(key), OTHER)
        axes.plot([one.interval.low, one.interval.high], [place, place], color=colour, linewidth=1.2)
        axes.plot(one.value, place, marker="o", markersize=3, color=colour)
    if CHANCE in result.means and not math.isnan(chance := result.means[CHANCE].value):
        axes.axvline(chance, color="0.6", linestyle="--", linewidth=0.6, zorder=0)
    _finish(axes, f"{spec.label} {ARROWS[spec.better]}")


def _draw_cost(axes: Axes, summary: ComparisonSummary, name: str) -> None:
    values = [summary.costs[key][name] for key in reversed(summary.methods)]
    axes.barh(range(len(values)), np.nan_to_num(values), height=0.6, color=OTHER)
    defined = [value for value in values if value > 0]
    if defined and max(defined) > DECADES * min(defined):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    _finish(axes, COST_TITLES[name])


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, pad=3)
    axes.grid(axis="x", alpha=0.3, linewidth=0.4)
    axes.tick_params(labelsize=6, length=2, width=0.4)


def _file(figure: Figure, ending: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=ending[1:], dpi=200, metadata=NO_DATE[ending])
    return buffer.getvalue()
