"""Pictures for the experiments: labelled sheets of images, and curves, as RGB arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

INCH = 2.0
DOTS = 110
LABEL = 0.36
"""Inches that a label takes above its picture."""

COLUMNS = 4
"""Panels in a row of `trade_offs`."""

HEAD = 1.25
"""Inches that the head of a row takes at its left."""


@dataclass(frozen=True)
class Tile:
    """One picture (H, W, 3) or (H, W) uint8 of a sheet and the text above it, of at most two lines."""

    pixels: np.ndarray
    label: str


def sheet(rows: Sequence[Sequence[Tile]], heads: Sequence[str] | None = None, title: str = "") -> np.ndarray:
    """Rows of pictures, each row with its head at the left, as one RGB uint8 array."""
    columns = max(len(row) for row in rows)
    top = LABEL if title else 0.05
    width, height = columns * INCH + (HEAD if heads else 0), len(rows) * (INCH + LABEL) + top
    figure = Figure(figsize=(width, height), dpi=DOTS)
    left = HEAD / width if heads else 0.0
    for number, row in enumerate(rows):
        bottom = (height - top - (number + 1) * (INCH + LABEL)) / height
        if heads:
            figure.text(0.02, bottom + INCH / 2 / height, heads[number], va="center", fontsize=8, parse_math=False)
        for column, tile in enumerate(row):
            axes = figure.add_axes(
                (left + (column * INCH + 0.04) / width, bottom, (INCH - 0.08) / width, INCH / height)
            )
            axes.imshow(tile.pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_title(tile.label, fontsize=7, pad=2, parse_math=False)
            axes.axis("off")
    if title:
        figure.text(0.02, 1 - LABEL / 2 / height, title, va="center", fontsize=9, parse_math=False)
    return rendered(figure)


def curves(lines: Mapping[str, tuple[np.ndarray, np.ndarray]], axes_labels: tuple[str, str], title: str) -> np.ndarray:
    """Curves y over x in one plot, with a legend."""
    figure = Figure(figsize=(6.4, 4.4), dpi=DOTS, layout="constrained")
    axes = figure.add_subplot()
    for number, (label, (xs, ys)) in enumerate(lines.items()):
        axes.plot(xs, ys, label=label, color=f"C{number}", linewidth=2 if number == 0 else 1.2)
    axes.set(xlabel=axes_labels[0], ylabel=axes_labels[1], title=title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return rendered(figure)


def ratios(xs: Sequence[float], ys: Sequence[float], axes_labels: tuple[str, str], title: str) -> np.ndarray:
    """Points (x, y), y a ratio on a logarithmic axis with a line at 1."""
    figure = Figure(figsize=(6.4, 4.4), dpi=DOTS, layout="constrained")
    axes = figure.add_subplot()
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.axhline(1, color="grey", linewidth=1)
    axes.scatter(xs, ys, s=18, color="C0", zorder=3)
    axes.set(xlabel=axes_labels[0], ylabel=axes_labels[1], title=title)
    return rendered(figure)


@dataclass(frozen=True)
class TradeOffCurve:
    """One curve of `trade_offs`: its name and its points (M,), x and y in [0, 1], by rising parameter."""

    name: str
    xs: np.ndarray
    ys: np.ndarray


MARKERS = "osD^vP*Xp<>h"
STYLES = ("-", "--", ":", "-.")


def trade_offs(panels: Mapping[str, Sequence[TradeOffCurve]], x_label: str, y_label: str) -> np.ndarray:
    """One plot of rates in [0, 1] per panel, four in a row, with one legend of the curves' names below all.

    Every curve ends with a marker of its own, so that curves differ in grey print too. Dots mark where both rates are
    equal.
    """
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(2.9 * COLUMNS, 2.9 * rows + 0.9), dpi=DOTS, layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True).flatten()
    handles: dict[str, Line2D] = {}
    for axes, (title, curves_of) in zip(grid, panels.items(), strict=False):
        axes.plot((0, 1), (0, 1), color="0.6", linewidth=0.8, linestyle=(0, (1, 3)))
        for number, curve in enumerate(curves_of):
            look = {
                "color": f"C{number % 10}",
                "linestyle": STYLES[number % len(STYLES)],
                "marker": MARKERS[number % len(MARKERS)],
            }
            last = [len(curve.xs) - 1]
            (handles[curve.name],) = axes.plot(
                curve.xs, curve.ys, **look, markevery=last, linewidth=1.2, alpha=0.8, clip_on=False
            )
        axes.set_title(title, fontsize=8, parse_math=False)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        axes.grid(alpha=0.3)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes in grid[-COLUMNS:]:
        axes.set_xlabel(x_label, fontsize=8)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=5, fontsize=8)
    figure.supylabel(y_label, fontsize=8)
    return rendered(figure)


def bars(values: Mapping[str, Sequence[float]], series: Sequence[str], label: str, title: str) -> np.ndarray:
    """Horizontal bars: for each name one value per series, the first name on top."""
    figure = Figure(figsize=(7.2, 1.2 + 0.32 * len(values)), dpi=DOTS, layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(values))[::-1]
    thick = 0.8 / len(series)
    for number, name in enumerate(series):
        lengths = [row[number] for row in values.values()]
        axes.barh(places + thick * ((len(series) - 1) / 2 - number), lengths, thick, label=name)
    axes.set_yticks(places, list(values), fontsize=8)
    axes.set(xlabel=label, title=title)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8)
    return rendered(figure)


def rendered(figure: Figure) -> np.ndarray:
    """A figure's picture, RGB uint8 (H, W, 3)."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(pixels[..., :3])
