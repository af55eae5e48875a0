"""`retina-xai compare`: every explanation method on the same photographs, with every metric and its cost."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import path_options, prepared
from retina_xai.app.cli.cluster_options import Scheduler, Workers
from retina_xai.app.cli.command_options import FILE, MODEL, Device, OnDevice

Images = Annotated[
    Path | None, typer.Option(parser=path_options.path_or_url, help=f"Folder of photographs, {path_options.STORE}.")
]
Marked = Annotated[
    Path | None,
    typer.Option(
        "--annotated",
        parser=path_options.path,
        help="Folder of an annotated data set instead of --images; its masks are the truth of localisation.",
    ),
]
Split = Annotated[str, typer.Option(help="Of the annotated data set; its own default otherwise.")]
RDR = "rdr: the classifier of fundus photographs."
Methods = Annotated[str, typer.Option(help="all, or names separated by commas; a random map is always added.")]
Metrics = Annotated[
    str,
    typer.Option(
        help="Groups or metrics separated by commas (faithfulness, controls, localisation, complexity, "
        "randomisation, robustness), or all; by default those that do not explain a photograph again."
    ),
]
Boxes = Annotated[
    Path | None,
    typer.Option(
        parser=path_options.path,
        help="Boxes of the objects, for the metrics of localisation: a CSV file, or a folder of Pascal VOC XML files.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A setting of the comparison, such as iterations=100 or masks=1000."
    ),
]


def compare(  # noqa: PLR0913
    model: Annotated[str, typer.Option(help=f"{MODEL} {RDR}")],
    out: path_options.OutPlace,
    images: Images = None,
    annotated: Marked = None,
    split: Split = "",
    weights: Annotated[Path | None, typer.Option(help=FILE)] = None,
    methods: Methods = "all",
    metrics: Metrics = "",
    boxes: Boxes = None,
    limit: Annotated[int | None, typer.Option(help="At most so many photographs, drawn by the seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of the choice and of everything random.")] = 0,
    settings: Settings = None,
    device: OnDevice = Device.AUTO,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Compare explanation methods on any network and photographs: metrics, controls, chance and cost on one page."""
    from retina_xai.app.batch.comparison import CompareRequest, prepare_comparison
    from retina_xai.app.batch.photographs import reporter
    from retina_xai.app.cli.console import show_comparison
    from retina_xai.app.cli.options import Given
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.evaluation.experiments.base import run_experiment

    request = CompareRequest(
        images, model, weights, methods, metrics, limit, seed, device.value, boxes, annotated, split
    )
    chosen, subject = prepare_comparison(request, Given({}, settings or ()))
    cases, executor = chosen.cases(subject), prepared.executor(workers, scheduler)
    with progress_over(len(cases), "comparing") as progress:
        report = reporter(progress.done, lambda _, seconds: f"{seconds:.1f} s")
        outcome = run_experiment(chosen, subject, out, report, cases, executor)
    show_comparison(chosen.title, outcome, out)
    outcome.cases.raise_failures()
