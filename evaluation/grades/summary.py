"""Figures of scored photographs: discrimination, operating point, calibration and a confusion by label.

The figures are over the gradable photographs (quality good or usable), at the threshold itself. Screening refers every
photograph that is not reported as negative, so sensitivity and specificity are given a second time for the decisions of
`verdict`, with "not sure" and "ungradable" counted as referred. Photographs that could not be scored are in no figure;
they are counted and listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retina_xai.grades.photographs import LabelledPhotograph
from retina_xai.metrics.classifier_figures import ScoredPhotographs, classifier_figures, figures_at
from retina_xai.verdict import DECISIONS, NO_REFERABLE_DR, Verdict

Scored = tuple[LabelledPhotograph, Verdict]


@dataclass(frozen=True)
class GradesSummary:
    """All figures as plain values.

    figures: of the gradable photographs, with `at_threshold`.  with_undecided_referred: rates of the decisions.
    by_label: for each label, the number of photographs with each decision, and of those that failed.
    gradable: what the figures are of, for the curves.
    """

    figures: dict[str, Any]
    with_undecided_referred: dict[str, Any]
    by_label: list[dict[str, Any]]
    gradable: ScoredPhotographs


def summarise(
    scored: Sequence[Scored], failed: Sequence[LabelledPhotograph], threshold: float, seed: int = 0
) -> GradesSummary:
    """Figures at the weights' threshold; `seed` is the bootstrap's.

    Args:
        scored: photographs with their verdicts.
        failed: those that could not be scored.
    """
    graded = [(photo, verdict) for photo, verdict in scored if verdict.gradability.verdict != "ungradable"]
    gradable = _sample([(photo, verdict.score) for photo, verdict in graded], seed)
    referred = [(photo, float(verdict.decision != NO_REFERABLE_DR)) for photo, verdict in scored]
    every = _sample(referred, seed)
    figures = {**classifier_figures(gradable), "at_threshold": figures_at(gradable, threshold)}
    return GradesSummary(figures, figures_at(every, 0.5), _by_label(scored, failed), gradable)


def _sample(photographs: Sequence[tuple[LabelledPhotograph, float]], seed: int) -> ScoredPhotographs:
    labels, patients = [photo.positive for photo, _ in photographs], [photo.patient for photo, _ in photographs]
    return ScoredPhotographs.of(labels, [score for _, score in photographs], patients, seed)


def _by_label(scored: Sequence[Scored], failed: Sequence[LabelledPhotograph]) -> list[dict[str, Any]]:
    """Counts for each label, negative labels first."""
    decisions = [(photo, verdict.decision) for photo, verdict in scored] + [(photo, "failed") for photo in failed]
    counts: dict[tuple[bool, str], dict[str, int]] = {}
    for photo, decision in decisions:
        row = counts.setdefault((photo.positive, photo.label), dict.fromkeys((*DECISIONS, "failed"), 0))
        row[decision] += 1
    return [
        {"label": label, "positive": positive, "photographs": sum(row.values()), **row}
        for (positive, label), row in sorted(counts.items())
    ]
