"""`retina-xai evaluate baselines`: our method beside its baselines on one annotated data set."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import path_options, prepared
from retina_xai.app.cli.cluster_options import Scheduler, Workers
from retina_xai.app.cli.evaluate_reliance import Consensus, Folder, Split

Methods = Annotated[list[str] | None, typer.Option("--method", help="Only these rows and ours; repeatable.")]


def baselines(  # noqa: PLR0913
    data: Folder,
    out: path_options.Out,
    split: Split = None,
    consensus: Consensus = None,
    weights: Annotated[Path | None, typer.Option(help="Weights (safetensors); the package's by default.")] = None,
    method: Methods = None,
    seed: Annotated[int, typer.Option(help="Of chance, bootstrap and shuffled weights.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Compare with other methods under the same post-processing, contrast without a network, and shuffled weights."""
    from retina_xai.app.batch.photographs import reporter
    from retina_xai.app.cli.console import print_table, show_line
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.evaluation.datasets.registry import dataset_in
    from retina_xai.evaluation.lesions.baselines import compared_methods
    from retina_xai.evaluation.lesions.comparison import compare, comparison_table
    from retina_xai.evaluation.lesions.run import LocalizationSetup
    from retina_xai.evaluation.lesions.sensitivity import Watch

    methods, spec = compared_methods(method), dataset_in(data)
    dataset = spec.open(data, split or spec.default_split)
    classifier, executor = prepared.classifier(weights, device), prepared.executor(workers, scheduler)
    setup = LocalizationSetup(classifier, consensus=consensus, seed=seed)
    with progress_over(len(dataset) * len(methods), "comparing") as progress:
        watch = Watch(
            reporter(progress.done, lambda image, _: f"p(RDR) {image.score:.3f}"),
            steps=progress.steps_of(executor),
            executor=executor,
        )
        rows = compare(dataset, setup, methods, out, watch)
    print_table(comparison_table(rows), f"Methods on {dataset.label}, split '{dataset.split}'")
    show_line(f"results: {out / 'table.md'}")
