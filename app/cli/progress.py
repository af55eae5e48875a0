"""Progress in the terminal: a bar over the photographs, and a line about the steps of a photograph that takes long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from retina_xai.app.cli.console import console, show_line
from retina_xai.io.names import printable

if TYPE_CHECKING:
    from torch import Tensor

    from retina_xai.evaluation.grades.scoring import OnScore
    from retina_xai.explainers.explainer import Plan, StepsOf
    from retina_xai.games.engine import OnStep
    from retina_xai.runner import Executor

DELAY = 1.0
"""Seconds until the line of a photograph is shown, so that it does not flicker for fast ones."""

INTERVAL = 0.1
"""Seconds between two changes of the line. Between them no score is read, which would stop a GPU."""


class BatchProgress(Progress):
    """A bar over the items of a batch, and below it a line about the steps of the current item."""

    def __init__(self, total: int, verb: str) -> None:
        self.steps_line = ""
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        super().__init__(*columns, TimeRemainingColumn(), console=console)
        self._task = self.add_task(verb, total=total)
        self._slow = False

    def get_renderables(self) -> Iterator[RenderableType]:
        """The bar, and the line if there is one."""
        yield self.make_tasks_table(self.tasks)
        if self.steps_line:
            yield Text(self.steps_line, no_wrap=True, overflow="ellipsis")

    def done(self, name: str, message: str) -> None:
        """Report an item in one line that stays."""
        self.clear()
        show_line(f"{name}: {message}", self.console)
        self.advance(self._task)

    def steps_of(self, executor: "Executor") -> "StepsOf":
        """The steps of work that an executor does; only those of work in this process are shown."""
        from retina_xai.explainers.explainer import no_steps
        from retina_xai.runner import in_turn

        return self.steps if executor is in_turn else no_steps

    def steps(self, label: str, plan: "Plan") -> "OnStep | None":
        """The `on_step` of the method that now explains an item; None if the output is no terminal."""
        if not self.console.is_terminal:
            return None
        return StepCounter(self, label, plan, time.monotonic() + (0 if self._slow else DELAY))

    def clear(self) -> None:
        """Remove the line; that of the next item is shown at once if there was one."""
        self._slow, self.steps_line = bool(self.steps_line), ""


class StepCounter:
    """Counts games and steps of one item; a step that is not above the last one begins the next game."""

    def __init__(self, progress: BatchProgress, label: str, plan: "Plan", due: float) -> None:
        self._progress, self._label, self._plan, self._due = progress, printable(label), plan, due
        self.game, self.step = 1, -1

    def __call__(self, step: int, scores: "Tensor") -> None:
        """Count a step, and show it if it is time."""
        self.game += step <= self.step
        self.step = step
        if (now := time.monotonic()) >= self._due:
            self._due = now + INTERVAL
            self._progress.steps_line = f"{self._label}: {self._place()}, score {float(scores[0]):.2f}"

    def _place(self) -> str:
        games, steps = self._plan
        step = f"step {self.step}/{max(steps, self.step)}"
        return step if games == 1 else f"game {self.game}/{max(games, self.game)}, {step}"


@contextmanager
def progress_over(total: int, verb: str) -> Iterator[BatchProgress]:
    """The progress of a batch of `total` items, shown during the `with` block."""
    with BatchProgress(total, verb) as progress:
        try:
            yield progress
        finally:
            progress.clear()


@contextmanager
def grades_progress(total: int) -> "Iterator[OnScore]":
    """A progress bar over `total` photographs; yields the function to call after each."""
    from retina_xai.app.batch.photographs import reporter

    with progress_over(total, "scoring") as progress:
        yield reporter(progress.done, lambda score, _: f"{score.verdict.decision} ({score.verdict.score:.3f})")
