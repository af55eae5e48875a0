"""`retina-xai evaluate grades`: the classifier on any labelled photographs."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import labels, path_options, prepared
from retina_xai.app.cli.cluster_options import Scheduler, Workers


def grades(  # noqa: PLR0913
    data: labels.AnyFolders,
    out: path_options.OutPlace,
    table: labels.Table = None,
    image_column: labels.ImageColumn = None,
    label_column: labels.LabelColumn = None,
    patient_column: labels.PatientColumn = None,
    patient_pattern: labels.PatientPattern = None,
    positive: labels.Positive = None,
    unknown: labels.Unknown = None,
    allow_missing: Annotated[bool, typer.Option(help="Count rows without an image instead of refusing them.")] = False,
    limit: Annotated[int | None, typer.Option(help="At most so many photographs, drawn by the seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw and of the bootstrap.")] = 0,
    weights: Annotated[Path | None, typer.Option(help="Weights (safetensors); the package's by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Measure the classifier on any labelled photographs: AUROC, rates at the threshold, calibration, decisions."""
    from retina_xai.app.cli.console import show_grades
    from retina_xai.app.cli.progress import grades_progress
    from retina_xai.evaluation.grades.run import GradesEvaluation, evaluate_grades
    from retina_xai.grades.options import LabelOptions
    from retina_xai.grades.reading import read_labelled

    columns = {"table": table, "image_column": image_column, "label_column": label_column}
    patients = {"patient_column": patient_column, "patient_pattern": patient_pattern}
    options = LabelOptions.given(**columns, **patients, positive=positive, unknown=unknown)
    executor = prepared.executor(workers, scheduler)
    with ExitStack() as copies:
        folders = [copies.enter_context(prepared.data_set(folder, scheduler)) for folder in data]
        found = read_labelled(folders, options, allow_missing)
        evaluation = GradesEvaluation(prepared.classifier(weights, device), options, limit, seed)
        with grades_progress(len(evaluation.chosen(found))) as on_item:
            outcome = evaluate_grades(found, evaluation, out, on_item, executor)
    show_grades(outcome, out)
    outcome.run.raise_failures()
