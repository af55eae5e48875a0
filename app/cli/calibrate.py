"""`retina-xai calibrate`: score and threshold for a site's own photographs."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import labels, path_options, prepared


def calibrate(  # noqa: PLR0913
    data: labels.Folders,
    out: path_options.Out,
    table: labels.Table = None,
    image_column: labels.ImageColumn = None,
    label_column: labels.LabelColumn = None,
    patient_column: labels.PatientColumn = None,
    patient_pattern: labels.PatientPattern = None,
    positive: labels.Positive = None,
    unknown: labels.Unknown = None,
    allow_missing: Annotated[bool, typer.Option(help="Count rows without an image instead of refusing them.")] = False,
    rule: Annotated[
        str, typer.Option(help="Of the threshold: youden, or 0.9 of specificity or sensitivity is kept.")
    ] = "youden",
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0,
    weights: Annotated[Path | None, typer.Option(help="Weights (safetensors); the package's by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Fit score and threshold to your own labelled photographs; writes new weights."""
    from retina_xai.app.cli.console import show_calibration
    from retina_xai.app.cli.progress import grades_progress
    from retina_xai.evaluation.grades.site import SiteSettings, calibrate_site
    from retina_xai.grades.options import LabelOptions
    from retina_xai.grades.reading import read_labelled

    columns = {"table": table, "image_column": image_column, "label_column": label_column}
    patients = {"patient_column": patient_column, "patient_pattern": patient_pattern}
    options = LabelOptions.given(**columns, **patients, positive=positive, unknown=unknown)
    found = read_labelled(data, options, allow_missing)
    classifier = prepared.classifier(weights, device)
    with grades_progress(len(found.photographs)) as on_item:
        facts, run = calibrate_site(found, SiteSettings(classifier, options, rule, seed), out, on_item)
    show_calibration(facts, out)
    run.raise_failures()
