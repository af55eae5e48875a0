"""`retina-xai fit-vebi`: which filters of a network are relevant for each class of photographs."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import path_options, prepared
from retina_xai.app.cli.cluster_options import Scheduler, Workers
from retina_xai.app.cli.command_options import FILE, MODEL, Device, OnDevice

Images = Annotated[
    Path, typer.Option(parser=path_options.path_or_url, help=f"Folder of photographs, {path_options.STORE}.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of the fit, such as mu=5 or labels=names."),
]


def fit_vebi(  # noqa: PLR0913
    images: Images,
    model: Annotated[str, typer.Option(help=MODEL)],
    out: path_options.OutPlace,
    weights: Annotated[Path | None, typer.Option(help=FILE)] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many photographs, drawn by the seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of the choice.")] = 0,
    settings: Settings = None,
    device: OnDevice = Device.AUTO,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Find the filters of a network that are relevant for each class, for `explain --method vebi`."""
    from retina_xai.app.batch.experiments import load_networks
    from retina_xai.app.batch.photographs import reporter
    from retina_xai.app.cli.console import show_experiment
    from retina_xai.app.cli.options import Given, configured
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.evaluation.experiments.base import Subject, images_below, run_experiment
    from retina_xai.evaluation.vebi.relevance_fit import RelevanceFit

    chosen = configured(RelevanceFit(), "fit-vebi", Given({}, settings or ()))
    found = images_below(images)
    networks = load_networks([model], [] if weights is None else [weights], device.value)
    subject = Subject(networks, found, limit, seed)
    cases, executor = chosen.cases(subject), prepared.executor(workers, scheduler)
    with progress_over(len(cases), "fitting") as progress:
        report = reporter(progress.done, lambda _, seconds: f"{seconds:.1f} s")
        outcome = run_experiment(chosen, subject, out, report, cases, executor)
    show_experiment(chosen.title, outcome, out)
    outcome.cases.raise_failures()
