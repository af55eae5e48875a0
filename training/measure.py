"""What a training reports: the weights with their threshold, metrics.json and three pictures.

All figures are of the validation part, which also chose the epoch and the threshold: they lean to the bright side,
and a set that the training never saw is the test. Intervals: AUROC by bootstrap over patients, shares by Wilson.
The threshold on p(RDR) is Youden's point, or the point of highest sensitivity with a specificity of at least 0.9
(`threshold` in the settings); 0.5 where the validation part holds one class only and neither exists.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import lightning
import monai
import numpy as np
import torch

import retina_xai
from retina_xai.io.files import write_json
from retina_xai.metrics.classification import (
    Confusion,
    auroc,
    auroc_interval,
    brier,
    calibration,
    confusion,
    expected_calibration_error,
    roc_curve,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
    youden_point,
)
from retina_xai.metrics.intervals import wilson
from retina_xai.models.checkpoint import ModelFacts, RdrClassifier, save_weights
from retina_xai.models.rdr import RdrNet
from retina_xai.training.config import TrainingConfig
from retina_xai.training.curves import draw_calibration, draw_learning, draw_roc
from retina_xai.training.data.photographs import REFERABLE, Labelled, Photographs
from retina_xai.training.state import Keeper, RunFolder

THRESHOLDS = {"youden": youden_point, "specificity": sensitivity_at_specificity}


@dataclass(frozen=True)
class Trained:
    """A finished training: best network, settings, data found, parts, what was left out, each stage's keeper."""

    net: RdrNet
    config: TrainingConfig
    found: Photographs
    parts: Mapping[str, list[Labelled]]
    left_out: Mapping[str, str]
    history: list[Keeper]


def write_results(run: RunFolder, trained: Trained, loader: Iterable[Any]) -> dict[str, Any]:
    """Measure the network on the validation loader, write everything, and return the content of metrics.json."""
    scores = _scores(trained, loader)
    photographs = trained.parts["validation"]
    labels = np.array([photo.level >= REFERABLE for photo in photographs])
    patients = np.array([photo.patient for photo in photographs])
    point = THRESHOLDS[trained.config.threshold](labels, scores)
    threshold = 0.5 if point is None or not 0 <= point.threshold <= 1 else point.threshold
    metrics = _metrics(labels, scores, patients, trained.config.seed)
    metrics["sources"] = _sources(photographs, labels, scores, trained.config.seed)
    metrics |= {
        "threshold": threshold,
        "threshold_rule": trained.config.threshold,
        "at_threshold": _point(confusion(labels, scores, threshold)),
        "training": _facts(trained),
    }
    facts = {**_facts(trained), "validation_auroc": None if np.isnan(metrics["auroc"]) else metrics["auroc"]}
    save_weights(run.weights, trained.net, replace(_model_facts(trained), threshold=threshold, training=facts))
    draw_roc(run.folder / "roc.png", roc_curve(labels, scores), metrics["auroc"])
    draw_calibration(run.folder / "calibration.png", calibration(labels, scores))
    draw_learning(run.folder / "learning_curve.png", [keeper.scores for keeper in trained.history])
    write_json(run.folder / "metrics.json", metrics)
    return metrics


def _scores(trained: Trained, loader: Iterable[Any]) -> np.ndarray:
    """p(RDR) (N,) of the validation photographs, in their order."""
    on_gpu = trained.config.hardware.accelerator != "cpu" and torch.cuda.is_available()
    # one memory format, whether the network was just trained (channels last) or read from a finished run's state
    net = trained.net.to("cuda" if on_gpu else "cpu").to(memory_format=torch.contiguous_format).eval()
    classifier = RdrClassifier(net, _model_facts(trained))
    parts = [classifier.scores(images).cpu().double() for images, _ in loader]
    return np.asarray(torch.cat(parts).numpy())


def _metrics(labels: np.ndarray, scores: np.ndarray, patients: np.ndarray, seed: int) -> dict[str, Any]:
    table = calibration(labels, scores)
    interval = auroc_interval(labels, scores, patients, seed=seed)
    return {
        "images": len(labels),
        "patients": len(set(patients.tolist())),
        "positives": int(labels.sum()),
        "auroc": auroc(labels, scores),
        "auroc_interval": [interval.low, interval.high],
        "sensitivity_at_90_specificity": _point(sensitivity_at_specificity(labels, scores)),
        "specificity_at_90_sensitivity": _point(specificity_at_sensitivity(labels, scores)),
        "brier": brier(labels, scores),
        "expected_calibration_error": expected_calibration_error(table),
        "calibration": [asdict(row) for row in table],
    }


def _sources(photographs: list[Labelled], labels: np.ndarray, scores: np.ndarray, seed: int) -> dict[str, Any]:
    """Counts, AUROC and its interval for each set the photographs come from."""
    sources = np.array([photo.source for photo in photographs])
    patients = np.array([photo.patient for photo in photographs])
    keys = ("images", "patients", "positives", "auroc", "auroc_interval")
    figures = {}
    for source in sorted(set(sources.tolist())):
        here = sources == source
        one = _metrics(labels[here], scores[here], patients[here], seed)
        figures[source] = {key: one[key] for key in keys}
    return figures


def _point(point: Confusion | None) -> dict[str, Any] | None:
    """Counts, ratios and their Wilson intervals at one threshold (null: every score is below it)."""
    if point is None:
        return None
    found = wilson(point.true_positives, point.true_positives + point.false_negatives)
    spared = wilson(point.true_negatives, point.true_negatives + point.false_positives)
    return {
        **asdict(point),
        "threshold": point.threshold if np.isfinite(point.threshold) else None,
        "sensitivity": point.sensitivity,
        "sensitivity_interval": [found.low, found.high],
        "specificity": point.specificity,
        "specificity_interval": [spared.low, spared.high],
    }


def _facts(trained: Trained) -> dict[str, Any]:
    """How the weights came about: counts, split, stages and versions; no names, no paths."""
    config = trained.config
    parts = {part: _count(photos) for part, photos in trained.parts.items()}
    stages = [
        {"kind": stage.kind, "size": stage.size, "epochs": len(keeper.scores), "best_epoch": keeper.best_epoch + 1}
        for stage, keeper in zip(config.stages, trained.history, strict=True)
    ]
    return {
        **parts,
        "labelled_photographs": len(trained.found.photographs),
        "rows_without_image": trained.found.rows_without_image,
        "images_without_row": trained.found.images_without_row,
        "left_out": len(trained.left_out),
        "split": "given" if config.data.split else f"fold {config.data.fold} of {config.data.folds}",
        "seed": config.seed,
        "stages": stages,
        "versions": {
            "retina_xai": retina_xai.__version__,
            "torch": torch.__version__.split("+")[0],
            "lightning": lightning.__version__,
            "monai": monai.__version__,
        },
    }


def _count(photographs: list[Labelled]) -> dict[str, Any]:
    grades = Counter(photo.level for photo in photographs)
    patients = {photo.patient for photo in photographs}
    sources = Counter(photo.source for photo in photographs)
    return {
        "images": len(photographs),
        "patients": len(patients),
        "grades": [grades[grade] for grade in range(5)],
        "sources": dict(sorted(sources.items())),
    }


def _model_facts(trained: Trained) -> ModelFacts:
    network, size = trained.config.network, trained.config.stages[-1].size
    return ModelFacts(network.architecture, network.width, trained.config.preprocessing.at(size))
