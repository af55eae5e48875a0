"""The findings for one photograph: its verdict, its evidence with candidates, and the method of the explanation."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from retina_xai.app.viewer.components.canvas import HeatLayer
from retina_xai.app.viewer.encoding import heat_layer
from retina_xai.app.viewer.jobs import Job
from retina_xai.checks import check_share
from retina_xai.errors import InputError
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.games.engine import OnStep
from retina_xai.io.images import Photograph
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.candidates import lesion_candidates
from retina_xai.localization import Localization, localize, with_effects
from retina_xai.metrics.trust import sufficiency
from retina_xai.models.checkpoint import CLASSES, RdrClassifier

SAME_PLACE = "Candidates at this place of the picture in {} eyes: dust on the lens or sensor?"


@dataclass(frozen=True)
class Question:
    """The evidence asked for: a method of `registry.FUNDUS_METHODS` and a class of the network."""

    method: str
    target: str = CLASSES[-1]


@dataclass(frozen=True, eq=False)
class Evidence:
    """The answer: evidence (H, W) float32 in [0, 1] in file pixels and its candidates, highest score first.

    `settings` are those of the method. Candidates begin at `candidate_fraction` of the maximum. The scores are of the
    target: of the photograph, without its evidence, and of the evidence alone; NaN where a method has none. `earlier`
    says that it was read from an earlier run. `remarks` has a line for each candidate, by id, of which that run said
    that other eyes have one at the same place of the sensor. `localization`: what was computed, for DICOM photographs.
    """

    question: Question
    evidence: np.ndarray
    candidates: tuple[Annotation, ...]
    settings: Mapping[str, Any]
    candidate_fraction: float
    before: float = math.nan
    without: float = math.nan
    alone: float = math.nan
    iterations: int = 0
    converged: bool = True
    earlier: bool = False
    remarks: Mapping[str, str] = field(default_factory=dict)
    localization: Localization | None = None

    @cached_property
    def heat(self) -> HeatLayer:
        """The evidence as the canvas takes it, encoded once."""
        return heat_layer(self.evidence)


def find_evidence(photograph: Photograph, classifier: RdrClassifier, question: Question, job: Job) -> Evidence:
    """Explain a photograph, ungradable or not.

    Raises:
        UsageError: unknown method or class.
    """
    job.check()
    found = localized(photograph, classifier, question, job.on_step)
    explanation = found.explanation
    plain = Evidence(
        question,
        found.evidence,
        found.lesions,
        fundus_explainer(question.method).settings(),
        found.candidate_fraction,
        localization=found if photograph.identity is not None else None,
    )
    if explanation is None:
        return plain
    return replace(
        plain,
        before=float(explanation.score_before[0]),
        without=float(explanation.score_after[0]),
        alone=sufficiency(classifier.model, found.image[0], explanation),
        iterations=int(explanation.iterations[0]),
        converged=bool(torch.all(explanation.converged)),
    )


def localized(
    photograph: Photograph, classifier: RdrClassifier, question: Question, on_step: OnStep | None = None
) -> Localization:
    """The result from which evidence is made.

    Raises:
        UsageError: unknown method or class.
    """
    explainer, target = fundus_explainer(question.method), CLASSES.index(question.target)
    found = localize(photograph, classifier, explainer, target=target, ungradable=True, on_step=on_step)
    return with_effects(found, classifier)


def evidence_of_record(
    record: Mapping[str, Any], evidence: np.ndarray, question: Question, places: Mapping[int, str] | None = None
) -> Evidence:
    """The answer in the record of an earlier `localize`, which does not hold the score of the evidence alone.

    `places` say, by the number of a lesion of the record, in how many eyes there is a candidate at the same place.

    Raises:
        InputError: a damaged record.
    """
    try:
        told, fraction = record["explanation"], record["binarisation"]["fraction_of_maximum"]
        before, without = told["score_before"], told["score_after"]
        for name, share in (("fraction", fraction), ("score", before), ("score", 0 if without is None else without)):
            check_share(f"{name} of an earlier result", share)
        numbers = {_centre(one["x"], one["y"]): number for number, one in enumerate(record["lesions"], 1)}
        candidates = _candidates_of_record(record, evidence, fraction)
        eyes = {one.id: (places or {}).get(numbers.get(_centre(*one.shape.centroid), 0)) for one in candidates}
        return Evidence(
            question,
            evidence,
            candidates,
            dict(record["method"]["settings"]),
            fraction,
            before=before,
            without=math.nan if without is None else without,
            iterations=int(told["iterations"]),
            converged=bool(told["converged"]),
            earlier=True,
            remarks={name: SAME_PLACE.format(told) for name, told in eyes.items() if told},
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        detail = error if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(f"the record of an earlier result is damaged ({detail}); localize again") from error


def _candidates_of_record(record: Mapping[str, Any], evidence: np.ndarray, fraction: float) -> tuple[Annotation, ...]:
    """The candidates of the stored evidence; each has the effect of the record's candidate with the same centre."""
    effects = {_centre(one["x"], one["y"]): one.get("effect") for one in record["lesions"]}
    found = lesion_candidates(evidence, fraction)
    return tuple(replace(one, effect=effects.get(_centre(*one.shape.centroid))) for one in found)


def _centre(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)
