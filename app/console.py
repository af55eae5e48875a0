"""What the terminal shows: progress while a batch runs, tables when it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from app.batch import OnDone
    from evaluation.lesion_sensitivity import SensitivitySettings
    from evaluation.sensitivity_summary import Summary
    from training.fit import TrainingResult

console = Console()


@contextmanager
def progress_over(total: int, verb: str) -> "Iterator[OnDone]":
    """A progress bar over `total` photographs; yields the function to call after each, which prints its one line."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task(verb, total=total)

        def on_done(path: Path, message: str) -> None:
            progress.console.print(f"{escape(path.name)}: {escape(message)}", soft_wrap=True, highlight=False)
            progress.advance(task)

        yield on_done


def print_table(frame: pd.DataFrame, title: str, caption: str = "") -> None:
    """A table of texts with its index, as wide as it needs to be."""
    table = Table(title=title, caption=caption or None, caption_justify="left")
    names = [str(name) for name in frame.index.names] if frame.index.nlevels > 1 else [str(frame.index.name or "")]
    for name in names:
        table.add_column(name)
    for name in frame.columns:
        table.add_column(str(name), justify="right")
    for index, row in zip(frame.index, frame.itertuples(index=False), strict=True):
        keys = index if isinstance(index, tuple) else (index,)
        table.add_row(*map(str, keys), *map(str, row))
    width = max(console.width, console.measure(table).maximum)
    console.print(table, width=width, soft_wrap=True)


def show_training(result: "TrainingResult") -> None:
    """The figures of the validation part, and where the weights are."""
    console.print(f"weights: {result.weights}", soft_wrap=True)
    console.print(pd.Series(_flat(result.metrics), dtype=object).to_string(), soft_wrap=True, highlight=False)


def show_sensitivity(summary: "Summary", settings: "SensitivitySettings", out: Path) -> None:
    """The table of lesion sensitivity with its chance rows, and where the report is."""
    from evaluation.report import caption, readable, table

    print_table(readable(table(summary)), "Lesion sensitivity", caption(summary, settings))
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)


def show_data(folder: Path, split: str, consensus: str) -> None:
    """Counts of a DiaretDB1 folder, or of one in the EyePACS layout."""
    if (folder / "trainLabels.csv").exists():
        _show_eyepacs(folder)
    else:
        _show_diaretdb1(folder, split, consensus)


def _show_diaretdb1(folder: Path, split: str, consensus: str) -> None:
    from evaluation.diaretdb1 import count_lesions, open_diaretdb1

    dataset = open_diaretdb1(folder, split)
    rule = "graded" if dataset.version == "1" else consensus
    counts = count_lesions(dataset, rule)
    title = f"DiaretDB1 v{dataset.version}, {split}: {len(dataset)} images, consensus: {rule}"
    print_table(counts.astype(str), title)


def _show_eyepacs(folder: Path) -> None:
    from training.config import Data
    from training.eyepacs import read_eyepacs

    found = read_eyepacs(folder, Data(), allow_missing=True)
    grades = pd.Series([photo.level for photo in found.photographs]).value_counts().sort_index()
    counts = grades.rename_axis("grade").to_frame("photographs").astype(str)
    print_table(counts, f"EyePACS layout: {len(found.photographs)} photographs with a grade")


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(content, dict):
        return {prefix: content}
    return {
        key: value
        for name, part in content.items()
        for key, value in _flat(part, f"{prefix}.{name}" if prefix else str(name)).items()
    }
