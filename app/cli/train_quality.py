"""`retina-xai train-quality`: the learned quality score."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import path_options


def train_quality(
    good: Annotated[list[Path], typer.Option(parser=path_options.path, help="Folder of photographs of good quality.")],
    bad: Annotated[list[Path], typer.Option(parser=path_options.path, help="Folder of photographs of bad quality.")],
    out: path_options.Out,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(parser=path_options.path, help="Folder of other photographs; good where the rules say so."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many photographs of a folder.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draws and the folds.")] = 0,
) -> None:
    """Fit the learned quality score; each of the folders may be given several times."""
    from retina_xai.app.batch.photographs import reporter
    from retina_xai.app.cli.console import show_quality
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.training.quality import QualitySettings, quality_sources
    from retina_xai.training.quality import train_quality as fit

    settings = QualitySettings(limit=limit, seed=seed)
    sources = quality_sources({"good": good, "bad": bad, "unlabelled": unlabelled or []}, settings)
    with progress_over(len(sources), "measuring") as progress:
        metrics, outcome = fit(sources, out, settings, reporter(progress.done, lambda samples, _: samples[0].rules))
    show_quality(metrics, out)
    outcome.raise_failures()
