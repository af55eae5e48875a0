"""Figures of explanations for papers, as PNG, PDF or SVG.

    plot(result, "figure.pdf", images=images, network=network)                                  one explanation
    plot({"FGVis": first, "Grad-CAM": second}, "figure.pdf", images=images, network=network)    several methods

Every image has one row. One explanation has its panels as columns; several have one column each, beside the photograph,
and one row per panel. Evidence is in [0, 1] on matplotlib's "viridis", over a photograph in the colours of
`drawing.overlay`. Attributions keep their sign: the sum over the channels, at its own resolution, on "RdBu_r" with 0 in
the middle (red speaks for the class). That scale ends at the 99.5th percentile of the absolute values, so that single
pixels do not hide the others; its bar has pointed ends then.

Pictures are embedded in PDF and SVG with their own pixels. Text stays text, and no file holds a date, so the same
explanation gives the same file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor

from retina_xai import drawing
from retina_xai.errors import InputError, UsageError
from retina_xai.explainers.explainer import Explanation
from retina_xai.io.files import replacing
from retina_xai.models.network import Network
from retina_xai.models.scores import score_spec

Pictures = Tensor | npt.NDArray[np.uint8]
Explanations = Explanation | Mapping[str, Explanation]

WIDTH = 7.2
"""Inches: the text width of a page with two columns."""

LARGEST, LABEL_HEIGHT, BAR_WIDTH = 1.8, 0.34, 0.25
"""Inches: the largest width of a panel, the height of the two lines above it, and the width of its colour bar."""

GAPS: Mapping[str, Any] = {"w_pad": 0.02, "h_pad": 0.02, "wspace": 0.02, "hspace": 0.02}
SIGNED_END = 0.995
NO_DATE: Mapping[str, dict[str, Any]] = {".png": {}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
"""File endings, with the metadata that leave the date out."""

STYLE: Any = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.linewidth": 0.5,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "retina-xai",
}


@dataclass(frozen=True)
class PlottedImage:
    """One image of one explanation: its name, its row in the batch, and the pixels of the photograph if known."""

    label: str
    result: Explanation
    row: int
    pixels: npt.NDArray[np.uint8] | None
    network: Network | None

    @property
    def target(self) -> str:
        """The explained class, by name where the network is known."""
        index = int(self.result.target[self.row])
        return self.network.classes[index] if self.network else f"class {index}"

    @property
    def score(self) -> str:
        """The score of the class, and that of the explained image where there is one."""
        before, after = float(self.result.score_before[self.row]), float(self.result.score_after[self.row])
        change = "" if np.isnan(after) else f" \N{RIGHTWARDS ARROW} {after:.3f}"
        return f"{score_spec(self.result.score).symbol} {before:.3f}{change}"


@dataclass(frozen=True)
class PanelSpec:
    """A kind of panel: its title, whether it can be drawn, the function that draws it, and the text of its figures."""

    title: str
    fits: Callable[[PlottedImage], bool]
    draw: Callable[[Axes, PlottedImage], None]
    detail: Callable[[PlottedImage], str] = lambda shown: ""


def plot(
    explanation: Explanations,
    path: Path | str | None = None,
    *,
    images: Pictures | None = None,
    network: Network | None = None,
    panels: Sequence[str] | None = None,
    dpi: int = 300,
) -> Figure:
    """Draw explanations of the same N images, and write the figure if a path is given.

    Args:
        explanation: one explanation, or several by the label of their column.
        path: file to write: .png, .pdf or .svg.
        images: the explained images: pixels, RGB uint8 (N, H, W, 3), or with `network` the normalised tensor
            (N, 3, H, W). Without them there is no photograph, no overlay and no explained image.
        network: gives the names of the classes, and the pixels of normalised images.
        panels: keys of `PANELS`. Default: for one explanation all that say something new, for several the overlay.
        dpi: dots per inch of PNG files.

    Returns:
        The figure, (7.2 inches wide or less); `Figure.savefig` writes other formats.

    Raises:
        UsageError: an unknown panel or file ending, a panel that needs what is missing, or dpi below 1.
        InputError: explanations of different images, volumes, or images of another size.
        OutputError: the file cannot be written.
    """
    _check_file(path, dpi)
    named = {"": explanation} if isinstance(explanation, Explanation) else dict(explanation)
    _check_same_images(named)
    pixels = _pixels(images, network, next(iter(named.values())))
    grid = _grid(named, pixels, network, panels)
    with mpl.rc_context(STYLE):
        figure = _drawn(grid, dpi)
        if path is not None:
            ending = Path(path).suffix.lower()
            with replacing(Path(path)) as partial:
                figure.savefig(partial, format=ending[1:], dpi=dpi, metadata=NO_DATE[ending])
    return figure


def _grid(
    named: Mapping[str, Explanation],
    pixels: Sequence[npt.NDArray[np.uint8] | None],
    network: Network | None,
    panels: Sequence[str] | None,
) -> list[list[tuple[PanelSpec, PlottedImage]]]:
    """The panels, row by row."""
    rows = []
    for row, picture in enumerate(pixels):
        shown = [PlottedImage(label, result, row, picture, network) for label, result in named.items()]
        if len(shown) == 1:
            rows.append([(_panel(key, shown[0]), shown[0]) for key in panels or _telling(shown[0])])
        else:
            wanted = panels or ["evidence" if picture is None else "overlay"]
            first = [] if picture is None else [(PANELS["photograph"], shown[0])]
            lines = [[(_panel(key, one), one) for one in shown] for key in wanted]
            rows += [[*first, *line] for line in lines]
    return rows


def _telling(shown: PlottedImage) -> list[str]:
    """The panels of one explanation: its mask, or its values with their sign."""
    wanted = (
        ("photograph", "mask", "complement", "explained", "evidence")
        if shown.result.mask is not None
        else ("photograph", "overlay", "evidence", "attribution")
    )
    return [key for key in wanted if PANELS[key].fits(shown)]


def _panel(key: str, shown: PlottedImage) -> PanelSpec:
    if key not in PANELS:
        raise UsageError(f"unknown panel {key!r}: choose of {', '.join(PANELS)}")
    if not PANELS[key].fits(shown):
        raise UsageError(f"panel {key!r}: needs the images and the network, or a mask, that this explanation lacks")
    return PANELS[key]


def _drawn(grid: Sequence[Sequence[tuple[PanelSpec, PlottedImage]]], dpi: int) -> Figure:
    columns = max(map(len, grid))
    side = min(LARGEST, WIDTH / columns)
    height = (side - BAR_WIDTH + LABEL_HEIGHT) * len(grid)
    figure = Figure(figsize=(side * columns, height), dpi=dpi, layout=ConstrainedLayoutEngine(**GAPS))
    axes = figure.subplots(len(grid), columns, squeeze=False)
    for line, row in zip(axes, grid, strict=True):
        for place in line:
            place.set_axis_off()
        for place, (panel, shown) in zip(line, row, strict=False):
            panel.draw(place, shown)
            place.set_title(_caption(panel, shown), pad=2, parse_math=False)
    return figure


def _caption(panel: PanelSpec, shown: PlottedImage) -> str:
    """Two lines: what the panel is, or of which method, and its figures."""
    if panel is PANELS["photograph"]:
        return f"{shown.target}\n{shown.score.split()[0]} {float(shown.result.score_before[shown.row]):.3f}"
    detail = panel.detail(shown)
    if not shown.label:
        return f"{panel.title}\n{detail}"
    return f"{shown.label}\n{', '.join(filter(None, [panel.title, detail]))}"


def _size(shown: PlottedImage) -> str:
    return " x ".join(map(str, shown.result.attribution.shape[2:]))


def _mean(shown: PlottedImage) -> str:
    return "" if shown.result.mask is None else f"mean {float(shown.result.mask[shown.row].mean()):.3f}"


def _draw_photograph(axes: Axes, shown: PlottedImage) -> None:
    axes.imshow(np.asarray(shown.pixels), interpolation="none")


def _draw_overlay(axes: Axes, shown: PlottedImage) -> None:
    evidence = _evidence(shown)
    axes.imshow(drawing.overlay(np.asarray(shown.pixels), evidence), interpolation="none")
    scale = mpl.colors.Normalize(0, float(evidence.max()) or 1)
    _bar(axes, mpl.cm.ScalarMappable(scale, drawing.EVIDENCE_COLOURS))


def _draw_evidence(axes: Axes, shown: PlottedImage) -> None:
    evidence = _evidence(shown)
    _bar(axes, axes.imshow(evidence, cmap="viridis", vmin=0, vmax=float(evidence.max()) or 1, interpolation="none"))


def _draw_attribution(axes: Axes, shown: PlottedImage) -> None:
    values = shown.result.attribution[shown.row].detach().float().sum(dim=0).cpu().numpy()
    largest = float(np.abs(values).max())
    end = float(np.quantile(np.abs(values), SIGNED_END)) or largest or 1.0
    picture = axes.imshow(values, cmap="RdBu_r", vmin=-end, vmax=end, interpolation="none")
    _bar(axes, picture, "both" if largest > end else "neither")


def _draw_mask(axes: Axes, shown: PlottedImage) -> None:
    axes.imshow(_mask(shown), interpolation="none")


def _draw_complement(axes: Axes, shown: PlottedImage) -> None:
    axes.imshow(1 - _mask(shown), interpolation="none")


def _draw_explained(axes: Axes, shown: PlottedImage) -> None:
    if shown.network is not None and shown.result.explained is not None:
        axes.imshow(shown.network.preprocessing.to_pixels(shown.result.explained[shown.row]), interpolation="none")


def _bar(axes: Axes, values: mpl.cm.ScalarMappable, extend: str = "neither") -> None:
    place = axes.inset_axes((1.03, 0, 0.045, 1))
    bar = axes.figure.colorbar(values, cax=place, extend=extend)
    bar.ax.tick_params(labelsize=5, length=1.5, width=0.4, pad=1)
    ticks = np.linspace(*values.get_clim(), 3).tolist()
    bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])


def _evidence(shown: PlottedImage) -> npt.NDArray[np.float32]:
    return shown.result.evidence[shown.row].detach().float().cpu().numpy()


def _mask(shown: PlottedImage) -> npt.NDArray[np.float32]:
    """The mask (H, W, 3), a mask of one channel as grey values."""
    if shown.result.mask is None:
        return np.zeros((1, 1, 3), np.float32)
    mask = shown.result.mask[shown.row].detach().float().cpu()
    return mask.expand(3, *mask.shape[1:]).permute(1, 2, 0).numpy()


def _has_pixels(shown: PlottedImage) -> bool:
    return shown.pixels is not None


def _has_mask(shown: PlottedImage) -> bool:
    return shown.result.mask is not None and shown.result.mask.shape[1] in (1, 3)


def _has_explained(shown: PlottedImage) -> bool:
    return shown.network is not None and shown.result.explained is not None


PANELS: dict[str, PanelSpec] = {
    "photograph": PanelSpec("photograph", _has_pixels, _draw_photograph),
    "overlay": PanelSpec("evidence over it", _has_pixels, _draw_overlay),
    "evidence": PanelSpec("evidence", lambda shown: True, _draw_evidence),
    "attribution": PanelSpec("attribution", lambda shown: True, _draw_attribution, _size),
    "mask": PanelSpec("mask", _has_mask, _draw_mask, _mean),
    "complement": PanelSpec("1 - mask", _has_mask, _draw_complement),
    "explained": PanelSpec("explained", _has_explained, _draw_explained, lambda shown: shown.score),
}
"""The panels by the names that `plot` takes."""


def _pixels(
    images: Pictures | None, network: Network | None, result: Explanation
) -> list[npt.NDArray[np.uint8] | None]:
    """The photographs (H, W, 3), or None for each image."""
    count, size = len(result.evidence), tuple(result.evidence.shape[1:])
    if images is None:
        return [None] * count
    if isinstance(images, Tensor):
        if network is None:
            raise UsageError("images are a normalised tensor: give the network too, or pixels (N, H, W, 3) uint8")
        found = [network.preprocessing.to_pixels(image) for image in images]
    else:
        found = list(images[None] if images.ndim == 3 else images)
    if len(found) != count or any(one.shape != (*size, 3) or one.dtype != np.uint8 for one in found):
        came = f"{tuple(images.shape)} {images.dtype}"
        raise InputError(f"images are {came}: expected {count} RGB pictures of {size} pixels, those explained")
    return list(found)


def _check_file(path: Path | str | None, dpi: int) -> None:
    if dpi < 1:
        raise UsageError(f"dpi {dpi}: give at least 1")
    if path is not None and Path(path).suffix.lower() not in NO_DATE:
        raise UsageError(f"{path}: figures are written as {', '.join(NO_DATE)}; choose one of these endings")


def _check_same_images(named: Mapping[str, Explanation]) -> None:
    shapes = {tuple(one.evidence.shape) for one in named.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        came = ", ".join(map(str, sorted(shapes))) or "no explanation"
        raise InputError(f"evidence has shapes {came}: give explanations of the same images, each (N, H, W)")
