"""Results of a training: the weights with their threshold, metrics.json and three figures.

All metrics are computed on the validation set, which was also used to choose the epoch and the threshold. So they are
optimistic; use an independent test set (`retina-xai evaluate grades`). The threshold on p(RDR) is the operating point
of the largest Youden's J, or of the highest sensitivity with a specificity of at least 0.9 (`threshold` in the
settings). It is 0.5 if the validation set has only one class. With `calibrate`, slope and shift of the logit are fitted
to the validation set first and are part of the weights; with one class, or a score that falls with the disease, the
network stays as it is. scores.csv holds the score of every photograph of the
validation and the test part (see `evaluation.grades.folds`).
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
from retina_xai.curves import draw_calibration, draw_roc
from retina_xai.errors import InputError
from retina_xai.grades.photographs import LabelledPhotograph, LabelledSet
from retina_xai.io.files import write_csv, write_json
from retina_xai.metrics.classification import OPERATING_POINTS, calibration, roc_curve
from retina_xai.metrics.classifier_figures import ScoredPhotographs, classifier_figures, figures_at
from retina_xai.metrics.platt import Platt, fit_platt, logits_of_scores
from retina_xai.models.checkpoint import ModelFacts, RdrClassifier, save_weights
from retina_xai.models.rdr import RdrNet
from retina_xai.training.config import TrainingConfig
from retina_xai.training.curves import draw_learning
from retina_xai.training.data.loading import StageData
from retina_xai.training.hardware import precision_of
from retina_xai.training.state import BestCheckpoint, RunFolder

SCORE_COLUMNS = ("image", "patient", "level", "part", "score")


@dataclass(frozen=True)
class Trained:
    """A finished training: best network, settings, photographs found, used (per part) and left out, and each stage."""

    net: RdrNet
    config: TrainingConfig
    found: LabelledSet
    parts: Mapping[str, list[LabelledPhotograph]]
    left_out: Mapping[str, str]
    history: list[BestCheckpoint]


def write_results(run: RunFolder, trained: Trained, data: StageData) -> dict[str, Any]:
    """Measure the network on the last stage's data, write all results, and return the content of metrics.json."""
    photographs = data.chosen("validation")
    labels, patients = [photo.positive for photo in photographs], [photo.patient for photo in photographs]
    scores = _scores(trained, data.plain("validation"))
    platt = _platt(trained.config, np.array(labels, bool), scores)
    if platt is not None:
        trained = replace(trained, net=trained.net.recalibrated(**asdict(platt)))
        scores = _scores(trained, data.plain("validation"))
    sample = ScoredPhotographs.of(labels, scores, patients, trained.config.seed)
    _write_scores(run, trained, data, scores)
    point = OPERATING_POINTS[trained.config.threshold](sample.labels, sample.scores)
    threshold = 0.5 if point is None or not 0 <= point.threshold <= 1 else point.threshold
    metrics = {
        **classifier_figures(sample),
        "sources": _sources(photographs, sample),
        "calibrated": platt and asdict(platt),
        "threshold": threshold,
        "threshold_rule": trained.config.threshold,
        "at_threshold": figures_at(sample, threshold),
        "training": _facts(trained),
    }
    facts = {**_facts(trained), "validation_auroc": None if np.isnan(metrics["auroc"]) else metrics["auroc"]}
    save_weights(run.weights, trained.net, replace(_model_facts(trained), threshold=threshold, training=facts))
    draw_roc(run.folder / "roc.png", roc_curve(sample.labels, sample.scores), metrics["auroc"])
    draw_calibration(run.folder / "calibration.png", calibration(sample.labels, sample.scores))
    draw_learning(run.folder / "learning_curve.png", [best.scores for best in trained.history])
    write_json(run.folder / "metrics.json", metrics)
    return metrics


def _platt(config: TrainingConfig, labels: np.ndarray, scores: np.ndarray) -> Platt | None:
    """Slope and shift of the logit, if the settings ask for them and the validation set allows a fit."""
    if not config.calibrate or len(set(labels.tolist())) < 2:
        return None
    try:
        return fit_platt(labels, logits_of_scores(scores))
    except InputError:
        return None


def _write_scores(run: RunFolder, trained: Trained, data: StageData, validation: np.ndarray) -> None:
    """scores.csv: the validation and the test part; no figure of the test part is computed here."""
    tests = data.chosen("test")
    parts = {"validation": validation, "test": _scores(trained, data.plain("test")) if tests else np.empty(0)}
    rows = [
        (photo.image, photo.patient, photo.level, part, repr(float(score)))
        for part, scores in parts.items()
        for photo, score in zip(data.chosen(part), scores, strict=True)
    ]
    write_csv(run.folder / "scores.csv", SCORE_COLUMNS, rows)


def _scores(trained: Trained, loader: Iterable[Any]) -> np.ndarray:
    """p(RDR) (N,) of the validation photographs, in their order."""
    on_gpu = trained.config.hardware.accelerator != "cpu" and torch.cuda.is_available()
    # the same memory format for a network just trained (channels last) and one read from a checkpoint
    net = trained.net.to("cuda" if on_gpu else "cpu").to(memory_format=torch.contiguous_format).eval()
    classifier = RdrClassifier(net, _model_facts(trained))
    parts = [classifier.scores(images).cpu().double() for images, _ in loader]
    return np.asarray(torch.cat(parts).numpy())


def _sources(photographs: list[LabelledPhotograph], sample: ScoredPhotographs) -> dict[str, Any]:
    """Counts, AUROC and its interval for each data set."""
    sources = np.array([photo.source for photo in photographs])
    keys = ("images", "patients", "positives", "auroc", "auroc_interval")
    figures = {source: classifier_figures(sample.where(sources == source)) for source in sorted(set(sources.tolist()))}
    return {source: {key: one[key] for key in keys} for source, one in figures.items()}


def _facts(trained: Trained) -> dict[str, Any]:
    """Facts about the training: counts, split, stages and versions; no names of photographs, no paths."""
    config = trained.config
    parts = {part: _count(photos) for part, photos in trained.parts.items()}
    stages = [
        {"kind": stage.kind, "size": stage.size, "epochs": len(best.scores), "best_epoch": best.best_epoch + 1}
        for stage, best in zip(config.stages, trained.history, strict=True)
    ]
    return {
        **parts,
        "labelled_photographs": len(trained.found.photographs),
        "rows_without_image": trained.found.rows_without_image,
        "images_without_row": trained.found.images_without_row,
        "left_out": len(trained.left_out),
        **_own_labels(trained),
        "split": "given" if config.data.split else f"fold {config.data.fold} of {config.data.folds}",
        "seed": config.seed,
        "precision": precision_of(config.hardware),
        "stages": stages,
        "versions": {
            "retina_xai": retina_xai.__version__,
            "torch": torch.__version__.split("+")[0],
            "lightning": lightning.__version__,
            "monai": monai.__version__,
        },
    }


def _own_labels(trained: Trained) -> dict[str, Any]:
    """Rules for user-defined labels; empty for grades of which 2 to 4 are positive."""
    if not any(photo.own_label for photo in trained.found.photographs):
        return {}
    rules = {"positive": trained.config.data.positive, "patients_by": trained.found.patient_rule}
    return {"rows_without_label": trained.found.rows_without_label, **rules}


def _count(photographs: list[LabelledPhotograph]) -> dict[str, Any]:
    """Counts of photographs, patients, grades 0-4 and data sets, and of user-defined labels."""
    grades = Counter(photo.level for photo in photographs)
    patients = {photo.patient for photo in photographs}
    sources = Counter(photo.source for photo in photographs)
    labels, own = Counter(photo.label for photo in photographs), any(photo.own_label for photo in photographs)
    return {
        "images": len(photographs),
        "patients": len(patients),
        "grades": [grades[grade] for grade in range(5)],
        "sources": dict(sorted(sources.items())),
        **({"labels": dict(sorted(labels.items()))} if own else {}),
    }


def _model_facts(trained: Trained) -> ModelFacts:
    network, size = trained.config.network, trained.config.stages[-1].size
    return ModelFacts(network.architecture, network.width, trained.config.preprocessing.at(size))
