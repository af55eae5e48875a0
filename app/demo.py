"""The whole job without any data: phantoms, training, localization, evaluation, report, in a few minutes on two cores.

Procedural photographs (`training.phantoms`) are written in the official layouts, and everything after that is the
code that real photographs go through. The network really learns: what it reaches is measured on phantoms that it
has not seen, and said at the end. An interrupted demo goes on where it stopped.
"""

import shlex
import shutil
from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from retina_xai.app.batch.localize import LocalizeRun, localize_batch
from retina_xai.app.batch.photographs import reporter
from retina_xai.app.cli.console import console, show_line, show_sensitivity
from retina_xai.app.cli.progress import progress_over
from retina_xai.errors import InputError
from retina_xai.evaluation.datasets.registry import DATASETS
from retina_xai.evaluation.lesions.run import LocalizationSetup, evaluate_dataset
from retina_xai.evaluation.lesions.sensitivity import Watch
from retina_xai.evaluation.lesions.summary import SensitivitySummary
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.config import TrainingConfig
from retina_xai.training.fit import train
from retina_xai.training.phantoms.datasets import DEMO_DIARETDB1, DEMO_EYEPACS, write_diaretdb1, write_eyepacs

PATIENTS = 200
ANNOTATED = 44
SHOWN = 4
SEED = 1
METHOD = "retina"
DATASET = "diaretdb1"
"""The layout of the annotated phantoms, a key of `DATASETS`."""

WANTED_AUROC = 0.95


def run_demo(out: Path) -> None:
    """Leave data, weights, localized photographs and report.html below OUT, and print what was reached.

    Raises:
        InputError: OUT holds something that no demo wrote, or cannot be written.
    """
    _claim(out)
    graded = _once(out / "phantoms" / "eyepacs", lambda folder: write_eyepacs(folder, PATIENTS, SEED, DEMO_EYEPACS))
    annotated = _once(
        out / "phantoms" / DATASET, lambda folder: write_diaretdb1(folder, ANNOTATED, SEED + 1, DEMO_DIARETDB1)
    )
    with as_file(files("retina_xai.training") / "configs" / "demo.toml") as path:
        config = TrainingConfig.from_toml(path)
    trained = train(graded, out / "training", config, resume=True)
    classifier = load_classifier(trained.weights)
    dataset = DATASETS[DATASET].open(annotated, "test")
    shown = [case.image for case in dataset.cases[:SHOWN]]
    with progress_over(len(shown), "localizing") as localizing:
        run = LocalizeRun(classifier, out / "localized", METHOD)
        localize_batch(shown, run, localizing.done, localizing.steps)
    with progress_over(len(dataset), "evaluating") as evaluating:
        watch = Watch(reporter(evaluating.done, lambda image, _: f"p(RDR) {image.score:.3f}"), steps=evaluating.steps)
        report = evaluate_dataset(dataset, LocalizationSetup(classifier, METHOD), out / "evaluation", watch)
    show_sensitivity(report, out / "evaluation")
    _show_verdict(trained.metrics, report.summary)
    show_line(view_command(out, trained.weights))


def view_command(out: Path, weights: Path) -> str:
    """The command that opens all that a demo left in the viewer."""
    options = {"--data": out / "phantoms" / DATASET, "--weights": weights, "--results": out}
    named = " ".join(f"{name} {shlex.quote(str(place))}" for name, place in options.items())
    return f"look at it: retina-xai view {named} --method {METHOD}"


def _claim(out: Path) -> None:
    known = {"phantoms", "training", "localized", "evaluation"}
    if out.exists() and (not out.is_dir() or {path.name for path in out.iterdir()} - known):
        raise InputError(f"{out}: holds something that no demo wrote; choose another --out")


def _once(folder: Path, write: Callable[[Path], Path]) -> Path:
    """Write a data set beside its final place and move it there, so that what is there is whole."""
    if not folder.exists():
        console.print(f"drawing {folder.name} phantoms ...")
        partial = folder.with_name(f".{folder.name}-partial")
        shutil.rmtree(partial, ignore_errors=True)
        write(partial)
        partial.rename(folder)
    return folder


def _show_verdict(metrics: Mapping[str, Any], summary: SensitivitySummary) -> None:
    area = metrics["auroc"]
    reached = "reached" if area >= WANTED_AUROC else "not reached"
    console.print(f"AUROC on held-out phantoms: {area:.3f} ({WANTED_AUROC} {reached})")
    for name, one in summary.types.items():
        figure = one.figures["pixel"]
        beats = "above" if figure.value > figure.chance_interval.high else "not above"
        found = f"{figure.value:.0%} of the annotated pixels found, {beats} chance ({figure.chance:.0%})"
        console.print(f"{name.replace('_', ' ')}: {found}")
