"""`retina-xai evaluate NAME`: lesion sensitivity on one data set of the registry."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from retina_xai.app.cli import path_options, prepared
from retina_xai.app.cli.cluster_options import Scheduler, Workers
from retina_xai.app.cli.command_options import Device, Method, OnDevice, Settings, Weights
from retina_xai.evaluation.datasets.base import DatasetSpec


def command_for(spec: DatasetSpec) -> Callable[..., None]:
    """The command of a data set."""

    def evaluate(  # noqa: PLR0913
        data: Annotated[Path, _folder_option(spec)],
        out: path_options.OutPlace,
        split: Annotated[str, typer.Option(help=f"{', '.join(spec.splits)}.")] = spec.default_split,
        consensus: Annotated[
            str | None,
            typer.Option(help=f"{', '.join(spec.consensus_rules)}; the first that the version has by default."),
        ] = None,
        weights: Weights = None,
        method: Method = "retina",
        settings: Settings = None,
        device: OnDevice = Device.AUTO,
        workers: Workers = None,
        scheduler: Scheduler = None,
    ) -> None:
        from retina_xai.app.batch.photographs import reporter
        from retina_xai.app.cli.console import show_sensitivity
        from retina_xai.app.cli.progress import progress_over
        from retina_xai.evaluation.lesions.run import LocalizationSetup, evaluate_dataset
        from retina_xai.evaluation.lesions.sensitivity import Watch

        explainer = prepared.fundus_method(method, settings)
        executor = prepared.executor(workers, scheduler)
        with prepared.data_set(data, scheduler) as folder:
            dataset, classifier = spec.open(folder, split), prepared.classifier(weights, device.value)
            setup = LocalizationSetup(classifier, method, consensus, explainer=explainer)
            with progress_over(len(dataset), "evaluating") as progress:
                watch = Watch(
                    reporter(progress.done, lambda image, _: f"p(RDR) {image.score:.3f}"),
                    steps=progress.steps_of(executor),
                    executor=executor,
                )
                report = evaluate_dataset(dataset, setup, out, watch)
        show_sensitivity(report, out)

    return evaluate


def _folder_option(spec: DatasetSpec) -> Any:
    help_text = f"Folder of the data set, {path_options.STORE}, of which a copy is made: {spec.layout}."
    return typer.Option(parser=path_options.path_or_url, help=help_text)
