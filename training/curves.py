"""The learning curve of a training as PNG."""

from collections.abc import Sequence
from pathlib import Path

from retina_xai.curves import axes_in
from retina_xai.training.module import EpochScore


def draw_learning(path: Path, stages: Sequence[Sequence[EpochScore]]) -> None:
    """Losses and validation AUROC over the epochs of all stages; grey lines separate the stages."""
    scores = [score for stage in stages for score in stage]
    epochs = range(1, len(scores) + 1)
    with axes_in(path, "Learning curve") as axes:
        axes.plot(epochs, [score.train_loss for score in scores], label="loss, training")
        axes.plot(epochs, [score.loss for score in scores], label="loss, validation")
        axes.plot(epochs, [score.auroc for score in scores], label="AUROC, validation", color="black")
        begun = 0
        for stage in stages[:-1]:
            begun += len(stage)
            axes.axvline(begun + 0.5, color="0.7", linewidth=1)
        axes.set(xlabel="epoch", ylim=(0, None))
        axes.legend(loc="best")
