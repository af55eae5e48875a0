"""ROC curve and calibration of a two-class score as PNG; used by training and by evaluation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retina_xai.io.files import replacing
from retina_xai.metrics.classification import CalibrationBin, Confusion


def draw_roc(path: Path, points: Sequence[Confusion], area: float, what: str = "validation") -> None:
    """Sensitivity over 1 - specificity of every threshold; `what` names the photographs in the title."""
    with axes_in(path, f"ROC on {what}, AUROC {area:.3f}") as axes:
        axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="chance")
        axes.plot([1 - point.specificity for point in points], [point.sensitivity for point in points], label="network")
        axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
        axes.legend(loc="lower right")


def draw_calibration(path: Path, table: Sequence[CalibrationBin], what: str = "validation") -> None:
    """Share of positives over the mean score of each bin, labelled with the number of photographs in the bin."""
    filled = [row for row in table if row.count]
    with axes_in(path, f"Calibration on {what}") as axes:
        axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="perfect")
        means = [row.score_sum / row.count for row in filled]
        shares = [row.positives / row.count for row in filled]
        axes.plot(means, shares, marker="o", label="network")
        for row, mean, share in zip(filled, means, shares, strict=True):
            axes.annotate(f"{row.count}", (mean, share), textcoords="offset points", xytext=(6, -10), fontsize=8)
        axes.set(xlabel="mean score p(RDR)", ylabel="share of RDR", xlim=(0, 1), ylim=(-0.02, 1.02), aspect="equal")
        axes.legend(loc="upper left")


@contextmanager
def axes_in(path: Path, title: str) -> Iterator[Axes]:
    """Axes of a new square figure, which is written as PNG (atomic) at the end of the `with` block."""
    # a Figure without pyplot needs no display and has no global state
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, parse_math=False)
    yield axes
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110)
