"""`retina-xai evaluate folds`: out-of-fold figures of the runs of a cross-validation."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import path_options

Runs = Annotated[list[Path], typer.Option("--run", parser=path_options.path, help="Output folder of a training.")]
Against = Annotated[
    list[Path] | None,
    typer.Option("--against", parser=path_options.path, help="Runs of another recipe, for differences."),
]


def folds(
    run: Runs,
    out: path_options.Out,
    against: Against = None,
    part: Annotated[str, typer.Option(help="validation, or test: look at it once, at the end.")] = "validation",
    seed: Annotated[int, typer.Option(help="Of the bootstrap over patients.")] = 0,
) -> None:
    """Score every photograph by the run that did not learn from it: AUROC by data set and grade, and differences."""
    from retina_xai.app.cli.console import print_table, show_line
    from retina_xai.evaluation.grades.folds import evaluate_folds

    titles = (f"AUROC on the {part} part (95 % interval by patient)", "Difference to the other runs")
    for title, table in zip(titles, evaluate_folds(run, against or [], part, out, seed), strict=False):
        print_table(table, title)
    show_line(f"results: {out / 'result.json'}")
