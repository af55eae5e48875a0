"""The group `retina-xai evaluate`: one command for each data set of the registry, and those that take any data set."""

import typer

from retina_xai.app.cli.evaluate_baselines import baselines
from retina_xai.app.cli.evaluate_dataset import command_for
from retina_xai.app.cli.evaluate_folds import folds
from retina_xai.app.cli.evaluate_grades import grades
from retina_xai.app.cli.evaluate_reliance import reliance
from retina_xai.evaluation.datasets.registry import DATASETS

evaluation_app = typer.Typer(no_args_is_help=True, help="Measure localization on annotated photographs.")
for command in (grades, folds, reliance, baselines):
    evaluation_app.command()(command)
for spec in DATASETS.values():
    about = f"Measure lesion sensitivity on {spec.title}, beside chance."
    evaluation_app.command(spec.key, help=about)(command_for(spec))
