"""`retina-xai evaluate reliance`: how much of the score depends on the lesions that experts marked."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import path_options, prepared
from retina_xai.app.cli.cluster_options import Scheduler, Workers

Folder = Annotated[Path, typer.Option(parser=path_options.path, help="Folder of any annotated data set.")]
Split = Annotated[str | None, typer.Option(help="Split of the data set; its own default otherwise.")]
Consensus = Annotated[str | None, typer.Option(help="Consensus rule; the first of the data set by default.")]


def reliance(  # noqa: PLR0913
    data: Folder,
    out: path_options.Out,
    split: Split = None,
    consensus: Consensus = None,
    weights: Annotated[Path | None, typer.Option(help="Weights (safetensors); the package's by default.")] = None,
    method: Annotated[str, typer.Option(help="Method whose evidence is measured beside the lesions.")] = "retina",
    repetitions: Annotated[int, typer.Option(help="Random places per photograph.")] = 10,
    seed: Annotated[int, typer.Option(help="Of random places and bootstrap.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Remove the experts' lesions, the evidence, or random areas of equal size: how much of the score goes along."""
    from retina_xai.app.batch.photographs import reporter
    from retina_xai.app.cli.console import show_reliance
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.evaluation.datasets.registry import dataset_in
    from retina_xai.evaluation.lesions.reliance import RelianceWatch, evaluate_reliance, settings_for
    from retina_xai.evaluation.lesions.reliance_table import write_reliance
    from retina_xai.evaluation.lesions.run import LocalizationSetup

    spec = dataset_in(data)
    dataset = spec.open(data, split or spec.default_split)
    classifier, executor = prepared.classifier(weights, device), prepared.executor(workers, scheduler)
    setup = LocalizationSetup(classifier, method, consensus, seed)
    settings = settings_for(dataset, setup, repetitions)
    with progress_over(len(dataset), "evaluating") as progress:
        watch = RelianceWatch(
            reporter(progress.done, lambda one, _: f"p(RDR) {one.score:.3f}"), progress.steps_of(executor), executor
        )
        results = evaluate_reliance(dataset, setup, out, settings, watch)
    show_reliance(dataset, settings, write_reliance(out / "result.json", dataset, settings, results), out)
