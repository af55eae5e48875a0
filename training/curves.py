"""Pictures of a training: ROC curve, calibration and learning curve, as PNG."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retina_xai.io.files import replacing
from retina_xai.metrics.classification import CalibrationBin, Confusion
from retina_xai.training.module import EpochScore


def draw_roc(path: Path, points: Sequence[Confusion], area: float) -> None:
    """Sensitivity over 1 - specificity of every threshold."""
    with _axes(path, f"ROC on validation, AUROC {area:.3f}") as axes:
        axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="chance")
        axes.plot([1 - point.specificity for point in points], [point.sensitivity for point in points], label="network")
        axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
        axes.legend(loc="lower right")


def draw_calibration(path: Path, table: Sequence[CalibrationBin]) -> None:
    """Share of positives over the mean score of each bin; the number of images beside each point."""
    filled = [row for row in table if row.count]
    with _axes(path, "Calibration on validation") as axes:
        axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="perfect")
        means = [row.score_sum / row.count for row in filled]
        shares = [row.positives / row.count for row in filled]
        axes.plot(means, shares, marker="o", label="network")
        for row, mean, share in zip(filled, means, shares, strict=True):
            axes.annotate(f"{row.count}", (mean, share), textcoords="offset points", xytext=(6, -10), fontsize=8)
        axes.set(xlabel="mean score p(RDR)", ylabel="share of RDR", xlim=(0, 1), ylim=(-0.02, 1.02), aspect="equal")
        axes.legend(loc="upper left")


def draw_learning(path: Path, stages: Sequence[Sequence[EpochScore]]) -> None:
    """Losses and validation AUROC over the epochs of all stages; a grey line where a stage begins."""
    scores = [score for stage in stages for score in stage]
    epochs = range(1, len(scores) + 1)
    with _axes(path, "Learning curve") as axes:
        axes.plot(epochs, [score.train_loss for score in scores], label="loss, training")
        axes.plot(epochs, [score.loss for score in scores], label="loss, validation")
        axes.plot(epochs, [score.auroc for score in scores], label="AUROC, validation", color="black")
        begun = 0
        for stage in stages[:-1]:
            begun += len(stage)
            axes.axvline(begun + 0.5, color="0.7", linewidth=1)
        axes.set(xlabel="epoch", ylim=(0, None))
        axes.legend(loc="best")


@contextmanager
def _axes(path: Path, title: str) -> Iterator[Axes]:
    # a Figure of its own needs no display and leaves no global state
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    yield axes
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110)
