"""What the viewer knows of one photograph: its verdict, its evidence with candidates, and how it was explained."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from retina_xai.app.viewer.jobs import Job
from retina_xai.explainers import Explainer, Explanation, FGVis, RetinaFGVis
from retina_xai.io.images import Photograph
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.candidates import candidate_fraction, lesion_candidates
from retina_xai.localization import localize, method_named
from retina_xai.metrics.trust import score_alone
from retina_xai.models.checkpoint import CLASSES, RdrClassifier


@dataclass(frozen=True)
class Question:
    """What is asked of a photograph: a method of `localization.METHODS` and a class of the network."""

    method: str
    target: str = CLASSES[-1]


@dataclass(frozen=True, eq=False)
class Evidence:
    """The answer: evidence (H, W) float32 in [0, 1] in file pixels and its candidates, highest score first.

    The scores are of the target: of the photograph, without its evidence, and of the evidence alone; NaN where a
    method has none. `earlier` says that it was read from an earlier run.
    """

    question: Question
    evidence: np.ndarray
    candidates: tuple[Annotation, ...]
    settings: Mapping[str, Any]
    before: float = math.nan
    without: float = math.nan
    alone: float = math.nan
    iterations: int = 0
    converged: bool = True
    earlier: bool = False


@dataclass(frozen=True)
class Watched:
    """A method for one class, watched as it works and cancelled where that is asked for."""

    explainer: Explainer
    target: int
    job: Job

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor | int | None = None) -> Explanation:
        """Explain images for the watched class, whatever `targets` says."""
        self.job.check()
        if isinstance(self.explainer, FGVis | RetinaFGVis):
            return self.explainer(model, images, self.target, on_step=self.job.on_step)
        return self.explainer(model, images, self.target)

    def settings(self) -> dict[str, Any]:
        """Those of the method."""
        return self.explainer.settings()


def find_evidence(photograph: Photograph, classifier: RdrClassifier, question: Question, job: Job) -> Evidence:
    """Explain a photograph, ungradable or not.

    Raises:
        UsageError: unknown method or class.
    """
    watched = Watched(method_named(question.method), CLASSES.index(question.target), job)
    found = localize(photograph, classifier, watched, ungradable=True)
    explanation = found.explanation
    settings = watched.settings()
    plain = Evidence(question, found.evidence, found.lesions, settings)
    if explanation is None:
        return plain
    return replace(
        plain,
        before=float(explanation.score_before[0]),
        without=float(explanation.score_after[0]),
        alone=score_alone(classifier.model, found.image[0], explanation),
        iterations=int(explanation.iterations[0]),
        converged=bool(torch.all(explanation.converged)),
    )


def evidence_of_record(record: Mapping[str, Any], evidence: np.ndarray, question: Question) -> Evidence:
    """The answer that an earlier run of `localize` left; it does not tell the score of the evidence alone."""
    told = record["explanation"]
    without = told["score_after"]
    return Evidence(
        question,
        evidence,
        tuple(lesion_candidates(evidence, candidate_fraction(record["method"]["settings"]))),
        record["method"]["settings"],
        before=told["score_before"],
        without=math.nan if without is None else without,
        iterations=told["iterations"],
        converged=told["converged"],
        earlier=True,
    )
