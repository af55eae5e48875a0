"""`retina-xai export`: the classifier for other platforms."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import path_options, prepared
from retina_xai.model_export.registry import EXPORT_FORMATS

FORMATS = "; ".join(f"{name}: {one.title}" for name, one in EXPORT_FORMATS.items())


def export(
    out: Annotated[Path, typer.Option(parser=path_options.path, help="File or folder to write.")],
    format: Annotated[str, typer.Option(help=f"{FORMATS}.")],
    weights: Annotated[Path | None, typer.Option(help="Weights (safetensors); the package's by default.")] = None,
) -> None:
    """Export the classifier with its preprocessing, threshold, calibration and card."""
    from retina_xai.app.cli.console import show_line
    from retina_xai.model_export.registry import export_model

    export_model(format, out, prepared.classifier(weights, "cpu"))
    show_line(f"{format}: {out}")
