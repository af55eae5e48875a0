"""The group `retina-xai evaluate`: the commands that are not of one data set."""

import typer

from retina_xai.app.cli.evaluate_baselines import baselines
from retina_xai.app.cli.evaluate_folds import folds
from retina_xai.app.cli.evaluate_grades import grades
from retina_xai.app.cli.evaluate_reliance import reliance

evaluation_app = typer.Typer(no_args_is_help=True, help="Measure localization on annotated photographs.")
for command in (grades, folds, reliance, baselines):
    evaluation_app.command()(command)
