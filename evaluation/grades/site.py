"""Fit score and threshold to a site's own labelled photographs: other cameras and patients shift both.

    retina-xai calibrate --data DIR [--labels FILE] [--rule youden] --out DIR

The logit of the score gets a slope and a shift (`metrics.platt`); the threshold is the one of the rule. The AUROC does
not change. They are stored in new weights OUT/rdr.safetensors: slope and shift in the last layer, so that these weights
are used like any others.

The figures are out of fold, five folds by patient, because those of the photographs that a threshold was chosen on are
optimistic. They are of the gradable photographs, before and after.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from retina_xai.errors import InputError, RetinaXaiError, UsageError
from retina_xai.evaluation.grades.run import GradesEvaluation
from retina_xai.evaluation.grades.scoring import ImageScore, OnScore, score_photographs
from retina_xai.grades.options import LabelOptions
from retina_xai.grades.photographs import LabelledPhotograph, LabelledSet
from retina_xai.io.files import write_json
from retina_xai.io.versions import versions
from retina_xai.metrics.classification import (
    OPERATING_POINTS,
    calibration,
    expected_calibration_error,
)
from retina_xai.metrics.classifier_figures import ScoredPhotographs, figures_at
from retina_xai.metrics.platt import Platt, fit_platt, logits_of_scores
from retina_xai.models.checkpoint import RdrClassifier, save_weights
from retina_xai.runner import RunOutcome, claim

COMMAND = "calibrate"
FOLDS = 5
LEAST = 20
"""Photographs of each class, below which slope and threshold are mostly chance."""

WEIGHTS_NAME = "rdr.safetensors"


@dataclass(frozen=True)
class SiteSettings:
    """The weights to start from, how labels are read, the rule of the threshold, and the seed of the folds."""

    classifier: RdrClassifier
    options: LabelOptions = field(default_factory=LabelOptions)
    rule: str = "youden"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rule not in OPERATING_POINTS:
            raise UsageError(f"rule {self.rule!r}: choose one of {', '.join(OPERATING_POINTS)}")


@dataclass(frozen=True)
class SiteFit:
    """Slope and shift of the logit, and the threshold of the score that they give."""

    platt: Platt
    threshold: float


def calibrate_site(
    found: LabelledSet, settings: SiteSettings, out: Path, on_item: OnScore = lambda _: None
) -> tuple[dict[str, Any], RunOutcome[LabelledPhotograph, ImageScore]]:
    """Score the photographs, fit, and write OUT/rdr.safetensors and OUT/calibration.json. An interrupted run goes on.

    Returns:
        The content of calibration.json, and what became of each photograph.

    Raises:
        InputError: too few gradable photographs of a class, or scores that fall where the disease is.
        UsageError: OUT was made with other weights, labels or rule. OutputError: OUT cannot be written.
    """
    classifier = settings.classifier
    options = {**asdict(settings.options), "table": settings.options.table and settings.options.table.name}
    claimed = {"weights": classifier.sha256, "labels": options, "rule": settings.rule, "seed": settings.seed}
    with claim(out, {"command": COMMAND, **claimed, "versions": versions()}):
        photographs = GradesEvaluation(classifier, settings.options).chosen(found)
        run = score_photographs(photographs, classifier, out, on_item)
        graded = [
            (item.source, one.verdict) for item, one in run.results if one.verdict.gradability.verdict != "ungradable"
        ]
        labels = np.array([photo.positive for photo, _ in graded])
        patients = np.array([photo.patient for photo, _ in graded])
        scores = np.array([verdict.score for _, verdict in graded], float)
        _check_counts(labels, run.failures)
        fit = fit_site(labels, logits_of_scores(scores), settings.rule)
        figures = _figures(labels, patients, scores, settings)
        facts = {**figures, **asdict(fit.platt), "threshold": fit.threshold, "photographs": len(labels)}
        _save_adapted(out / WEIGHTS_NAME, classifier, fit, facts)
        write_json(out / "calibration.json", {**claimed, **facts})
    return facts, run


def fit_site(labels: np.ndarray, logits: np.ndarray, rule: str) -> SiteFit:
    """The fit to labels (N,) bool and logits (N,), both classes present.

    Raises:
        InputError: the slope is not positive.
    """
    platt = fit_platt(labels, logits)
    point = OPERATING_POINTS[rule](labels, platt.scores(logits))
    return SiteFit(platt, 0.5 if point is None else float(np.clip(point.threshold, 0, 1)))


def _check_counts(labels: np.ndarray, failures: Sequence[tuple[Any, RetinaXaiError]]) -> None:
    positives = int(labels.sum())
    if min(positives, len(labels) - positives) < LEAST:
        failed = f"; {len(failures)} failed, the first: {failures[0][1]}" if failures else ""
        raise InputError(
            f"{positives} positive and {len(labels) - positives} negative gradable photographs: at least {LEAST} of "
            f"each are needed for a threshold{failed}"
        )


def _figures(
    labels: np.ndarray, patients: np.ndarray, scores: np.ndarray, settings: SiteSettings
) -> dict[str, dict[str, Any]]:
    """Rates and calibration error before, and after out of fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    logits, after, called = logits_of_scores(scores), np.zeros(len(scores)), np.zeros(len(scores))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=settings.seed)
    for others, own in folds.split(logits, labels, patients):
        fit = fit_site(labels[others], logits[others], settings.rule)
        after[own] = fit.platt.scores(logits[own])
        called[own] = after[own] >= fit.threshold
    former = (scores >= settings.classifier.facts.threshold).astype(float)
    return {
        name: {
            **figures_at(
                ScoredPhotographs.of(labels.tolist(), decided.tolist(), patients.tolist(), settings.seed), 0.5
            ),
            "ece": expected_calibration_error(calibration(labels, shown)),
        }
        for name, shown, decided in (("before", scores, former), ("after", after, called))
    }


def _save_adapted(path: Path, classifier: RdrClassifier, fit: SiteFit, facts: dict[str, Any]) -> None:
    """Write the network with slope and shift in its last layer, and the threshold."""
    net = classifier.model.recalibrated(**asdict(fit.platt))
    training = {**classifier.facts.training, "site": {**facts, "weights_before": classifier.sha256}}
    save_weights(path, net, replace(classifier.facts, threshold=fit.threshold, training=training))
