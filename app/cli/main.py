"""The commands: each parses its options, calls one function and reports."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from retina_xai import __version__
from retina_xai.app.cli import archive_commands, dicom_options, labels, path_options, prepared
from retina_xai.app.cli.calibrate import calibrate
from retina_xai.app.cli.cluster_options import Scheduler, Workers
from retina_xai.app.cli.command_options import (
    EXPERIMENT,
    FILE,
    MODEL,
    SCORE,
    Device,
    Game,
    Iterations,
    Lam,
    Lr,
    Method,
    OnDevice,
    Settings,
    Weights,
)
from retina_xai.app.cli.compare import compare
from retina_xai.app.cli.evaluate import evaluation_app
from retina_xai.app.cli.export_model import export
from retina_xai.app.cli.fit_vebi import fit_vebi
from retina_xai.app.cli.train_quality import train_quality
from retina_xai.evaluation.datasets.registry import DATASETS
from retina_xai.explainers.registry import EXPLAINERS

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Find the lesions behind a classifier's referral for diabetic retinopathy, and explain any classifier. "
    "Research use only.",
)
app.add_typer(evaluation_app, name="evaluate")
app.command()(train_quality)
app.command()(calibrate)
app.command()(export)
app.command()(archive_commands.pull)
app.command()(archive_commands.push)
app.command()(archive_commands.deidentify)
app.command()(compare)
app.command()(fit_vebi)


@app.command()
def train(  # noqa: PLR0913
    data: labels.Folders,
    out: path_options.Out,
    config: Annotated[Path | None, typer.Option(help="Settings (TOML); the defaults of the package otherwise.")] = None,
    table: labels.Table = None,
    image_column: labels.ImageColumn = None,
    label_column: labels.LabelColumn = None,
    patient_column: labels.PatientColumn = None,
    patient_pattern: labels.PatientPattern = None,
    positive: labels.Positive = None,
    unknown: labels.Unknown = None,
    devices: Annotated[
        int | None, typer.Option(help="Processes on this machine, one GPU each, or on the CPU; -1: one per GPU.")
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(help="Machines, when torchrun or srun started a process on each.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue an interrupted run.")] = False,
    allow_missing: Annotated[bool, typer.Option(help="Count rows without an image instead of refusing them.")] = False,
) -> None:
    """Train the classifier on image-level labels: grades, or any labels of which --positive names the positive ones."""
    from retina_xai.app.cli.console import show_training
    from retina_xai.training.config import TrainingConfig
    from retina_xai.training.fit import train as fit

    settings = TrainingConfig() if config is None else TrainingConfig.from_toml(config)
    columns = {"table": table, "image_column": image_column, "label_column": label_column}
    patients = {"patient_column": patient_column, "patient_pattern": patient_pattern}
    settings = settings.with_data(**columns, **patients, positive=positive, unknown=unknown)
    settings = settings.with_hardware(devices=devices, num_nodes=nodes)
    show_training(fit(data, out, settings, resume=resume, allow_missing=allow_missing))


@app.command()
def localize(  # noqa: PLR0913
    paths: path_options.Paths,
    out: path_options.OutPlace,
    weights: Weights = None,
    method: Method = "retina",
    settings: Settings = None,
    ungradable: Annotated[bool, typer.Option(help="Explain ungradable photographs too.")] = False,
    eye_pattern: labels.EyePattern = None,
    frame: dicom_options.Frame = None,
    identified: dicom_options.Identified = False,
    dicom: dicom_options.Dicom = False,
    fhir: dicom_options.Fhir = False,
    device: OnDevice = Device.AUTO,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Find the evidence for referral and the lesion candidates in photographs; flag places that may be dust."""
    from retina_xai.app.batch.localize import LocalizeRun, localize_batch
    from retina_xai.app.cli.console import show_places
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.io.images import find_images

    explainer = prepared.fundus_method(method, settings)
    found = find_images(paths)
    reader = prepared.reader(frame, identified)
    classifier = prepared.classifier(weights, device.value)
    run = LocalizeRun(classifier, out, method, ungradable, explainer, eye_pattern, reader, dicom, fhir)
    executor = prepared.executor(workers, scheduler)
    with progress_over(len(found), "localizing") as progress:
        places = localize_batch(found, run, progress.done, progress.steps_of(executor), executor)
    show_places(places, out)


@app.command()
def predict(  # noqa: PLR0913
    paths: path_options.Paths,
    out: path_options.OutTable,
    weights: Weights = None,
    frame: dicom_options.Frame = None,
    identified: dicom_options.Identified = False,
    device: OnDevice = Device.AUTO,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Score photographs without explaining them."""
    from retina_xai.app.batch.predict import predict_batch
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.io.images import find_images

    found = find_images(paths)
    classifier = prepared.classifier(weights, device.value)
    reader, executor = prepared.reader(frame, identified), prepared.executor(workers, scheduler)
    with progress_over(len(found), "scoring") as progress:
        predict_batch(found, classifier, out, progress.done, reader, executor)


@app.command()
def explain(  # noqa: PLR0913
    paths: path_options.Paths,
    model: Annotated[str, typer.Option(help=MODEL)],
    out: path_options.OutPlace,
    weights: Annotated[Path | None, typer.Option(help=FILE)] = None,
    method: Annotated[str, typer.Option(help=f"One of {', '.join(EXPLAINERS)}.")] = "fgvis",
    settings: Settings = None,
    game: Game = None,
    target: Annotated[
        str | None, typer.Option("--class", help="Class to explain, name or number; the most likely by default.")
    ] = None,
    score: Annotated[list[str] | None, typer.Option(help=SCORE)] = None,
    lam: Lam = None,
    lr: Lr = None,
    iterations: Iterations = None,
    stop_ratio: Annotated[
        list[float] | None, typer.Option(help="End deletion or repression at this share of the score.")
    ] = None,
    undefended: Annotated[bool, typer.Option(help="Do not cut gradients that invent evidence.")] = False,
    search: Annotated[
        bool, typer.Option("--search", help="The paper's search for lambda: 13 games of up to 500 steps. Slow.")
    ] = False,
    seed: Annotated[list[int] | None, typer.Option(help="Of everything random in the method.")] = None,
    trust: Annotated[
        bool, typer.Option(help="Judge each explanation, with two other seeds (three times the work).")
    ] = True,
    randomise: Annotated[bool, typer.Option(help="Also judge it by networks that lost their weights.")] = False,
    frame: dicom_options.Frame = None,
    identified: dicom_options.Identified = False,
    device: OnDevice = Device.AUTO,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Explain any classifier's photographs, with a trust block for each."""
    from retina_xai.app.batch.experiments import load_networks
    from retina_xai.app.batch.explain import chosen_explainer, explain_batch, judged_by, run_of
    from retina_xai.app.cli.options import Given
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.io.images import find_images

    given = {"game": game, "lam": lam, "lr": lr, "iterations": iterations, "stop_ratio": stop_ratio}
    options = {**given, "score": score, "defended": [False] if undefended else None, "seed": seed}
    explainer = chosen_explainer(method, Given(options, settings or ()), search)
    found = find_images(paths)
    (network,) = load_networks([model], [] if weights is None else [weights], device.value, explainer.score)
    run = run_of(network, out, (method, explainer), target, judged_by(trust, randomise))
    run = replace(run, reader=prepared.reader(frame, identified))
    executor = prepared.executor(workers, scheduler)
    with progress_over(len(found), "explaining") as progress:
        explain_batch(found, run, progress.done, progress.steps_of(executor), executor)


@app.command()
def experiment(  # noqa: PLR0913
    name: Annotated[str, typer.Argument(help=EXPERIMENT)],
    out: path_options.OutPlace,
    model: Annotated[
        list[str] | None, typer.Option(help=f"{MODEL} Several for the gallery; none for an8flower.")
    ] = None,
    images: path_options.Images = None,
    weights: Annotated[list[Path] | None, typer.Option(help=f"{FILE} One per --model.")] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many photographs (or classes), drawn by the seed.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the choice and of everything random.")] = 0,
    game: Game = None,
    target: Annotated[list[str] | None, typer.Option("--class", help="Class, name or number; give two.")] = None,
    lam: Lam = None,
    lr: Lr = None,
    iterations: Iterations = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the experiment; may be given several times."),
    ] = None,
    device: OnDevice = Device.AUTO,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Run one experiment of the paper on any network and any photographs."""
    from retina_xai.app.batch.experiments import Request, prepare
    from retina_xai.app.batch.photographs import reporter
    from retina_xai.app.cli.console import show_experiment
    from retina_xai.app.cli.options import Given
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.evaluation.experiments.base import run_experiment

    request = Request(name, tuple(model or ()), tuple(weights or ()), images, limit, seed, device.value)
    given = {"game": game, "classes": target, "lam": lam, "lr": lr, "iterations": iterations}
    chosen, subject = prepare(request, Given(given, settings or ()))
    cases, executor = chosen.cases(subject), prepared.executor(workers, scheduler)
    with progress_over(len(cases), name) as progress:
        report = reporter(progress.done, lambda _, seconds: f"{seconds:.1f} s")
        outcome = run_experiment(chosen, subject, out, report, cases, executor)
    show_experiment(chosen.title, outcome, out)
    outcome.cases.raise_failures()


@app.command()
def check_data(
    folder: Annotated[
        Path | None,
        typer.Argument(
            parser=path_options.path,
            help=f"Graded photographs (EyePACS, IDRiD), or an annotated data set ({', '.join(DATASETS)}).",
        ),
    ] = None,
    data: path_options.Data = None,
    split: Annotated[str, typer.Option(help="Split of an annotated data set.")] = "all",
    consensus: Annotated[
        str | None, typer.Option(help="Consensus rule of an annotated data set; its first rule by default.")
    ] = None,
) -> None:
    """Count what a data set holds, and find its faults, without running any method."""
    from retina_xai.app.cli.console import show_data
    from retina_xai.errors import UsageError

    place = folder or data
    if place is None:
        raise UsageError("no data set given: retina-xai check-data FOLDER")
    show_data(place, split, consensus)


@app.command()
def demo(out: path_options.OutDemo = Path("demo")) -> None:
    """Train, localize and evaluate on procedural photographs, without any data."""
    from retina_xai.app.demo import run_demo

    run_demo(out)


@app.command()
def view(  # noqa: PLR0913
    paths: path_options.Viewed = None,
    data: path_options.ViewedData = None,
    weights: Weights = None,
    method: Method = "retina",
    readings: Annotated[
        Path | None, typer.Option(help="Store of readings (SQLite); one in your data folder by default.")
    ] = None,
    results: path_options.Results = None,
    imagenet_model: Annotated[str | None, typer.Option(help=f"For the page of games. {MODEL}")] = None,
    imagenet_weights: Annotated[Path | None, typer.Option(help=FILE)] = None,
    ahead: Annotated[
        int,
        typer.Option(
            help="Photographs whose evidence is computed before it is asked for, the open one included.", min=0
        ),
    ] = 3,
    port: Annotated[int, typer.Option(help="On 127.0.0.1; other machines cannot reach it.", min=1, max=65535)] = 8501,
    device: OnDevice = Device.AUTO,
    identified: Annotated[
        bool,
        typer.Option(
            "--identified", help="Show patient and date of DICOM files, and export them in DICOM objects; never stored."
        ),
    ] = False,
) -> None:
    """Read photographs in the browser: worklist, examination, games."""
    from retina_xai.app.viewer.server import view as serve
    from retina_xai.app.viewer.services import ViewSettings

    found = (*(paths or ()), *(data or ()))
    networks = imagenet_model, imagenet_weights
    given = ViewSettings(found, weights, method, readings, tuple(results or ()), device.value, *networks, ahead=ahead)
    serve(replace(given, identified=identified), port)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Find the lesions behind a classifier's referral for diabetic retinopathy. Research use only."""
    if show:
        typer.echo(f"retina-xai {__version__}")
        raise typer.Exit


if __name__ == "__main__":
    from retina_xai.app.cli.entry_point import main

    main()
