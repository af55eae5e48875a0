"""Evaluate a classifier on any labelled photographs: score them, measure, write the report.

The command is

    retina-xai evaluate grades --data DIR [--labels FILE] [--positive NPDR,PDR] [--weights FILE] --out DIR [--limit N]
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retina_xai.errors import RetinaXaiError, UsageError
from retina_xai.evaluation.grades.report import write_report, write_scores
from retina_xai.evaluation.grades.scoring import ImageScore, OnScore, score_photographs
from retina_xai.evaluation.grades.summary import GradesSummary, summarise
from retina_xai.grades.options import LabelOptions
from retina_xai.grades.photographs import LabelledPhotograph, LabelledSet
from retina_xai.io.versions import versions
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.runner import Executor, RunOutcome, claim, in_turn

COMMAND = "evaluate grades"


@dataclass(frozen=True)
class GradesEvaluation:
    """What to evaluate: the classifier, how labels are read, and at most `limit` photographs, drawn by the seed."""

    classifier: RdrClassifier
    options: LabelOptions = field(default_factory=LabelOptions)
    limit: int | None = None
    seed: int = 0

    def chosen(self, found: LabelledSet) -> list[LabelledPhotograph]:
        """The photographs to score, in the order of their names.

        Raises:
            UsageError: a limit below 1.
        """
        photographs = list(found.photographs)
        if self.limit is None:
            return photographs
        if self.limit < 1:
            raise UsageError(f"limit {self.limit}: expected at least 1 photograph")
        drawn = np.random.default_rng(self.seed).permutation(len(photographs))[: self.limit]
        return [photographs[index] for index in sorted(drawn.tolist())]


@dataclass(frozen=True)
class GradesOutcome:
    """The summary, what it is of, and what became of each photograph."""

    summary: GradesSummary
    facts: dict[str, Any]
    run: RunOutcome[LabelledPhotograph, ImageScore]


def evaluate_grades(
    found: LabelledSet,
    evaluation: GradesEvaluation,
    out: Path,
    on_item: OnScore = lambda _: None,
    executor: Executor = in_turn,
) -> GradesOutcome:
    """Score the chosen photographs of `found`, and write the report of all that could be scored to OUT.

    An interrupted run continues. Failed photographs are listed in the result; `run.raise_failures()` raises them.

    Raises:
        UsageError: OUT was made with other weights or versions, or a limit below 1.
        OutputError: OUT cannot be written.
    """
    photographs = evaluation.chosen(found)
    with claim(out, {"command": COMMAND, "weights": evaluation.classifier.sha256, "versions": versions()}):
        run = score_photographs(photographs, evaluation.classifier, out, on_item, executor)
        scored = [(item.source, score.verdict) for item, score in run.results]
        failed = {item.source: _reason(item.source, error) for item, error in run.failures}
        summary = summarise(scored, list(failed), evaluation.classifier.facts.threshold, evaluation.seed)
        counts = {
            "photographs": len(photographs),
            "ungradable": sum(verdict.gradability.verdict == "ungradable" for _, verdict in scored),
            "failed": len(failed),
        }
        facts = {
            "command": COMMAND,
            "counts": {**counts, **_set_facts(found)},
            "failed": [{"image": photo.image, "error": reason} for photo, reason in failed.items()],
            **_facts(evaluation, found),
        }
        write_scores(out / "scores.csv", scored, failed)
        write_report(out, facts, summary)
    return GradesOutcome(summary, facts, run)


def _facts(evaluation: GradesEvaluation, found: LabelledSet) -> dict[str, Any]:
    """How labels were read, and the weights; of the table only its name, as a path may hold private data."""
    facts, options = evaluation.classifier.facts, evaluation.options
    network = {"architecture": facts.architecture, "width": facts.width, "size": facts.preprocessing.size}
    return {
        "labels": {**asdict(options), "table": options.table and options.table.name, "patients_by": found.patient_rule},
        "weights": {"sha256": evaluation.classifier.sha256, **network, "threshold": facts.threshold},
        "limit": evaluation.limit,
        "seed": evaluation.seed,
        "versions": versions(),
    }


def _set_facts(found: LabelledSet) -> dict[str, int]:
    return {
        "labelled": len(found.photographs),
        "rows_without_image": found.rows_without_image,
        "images_without_row": found.images_without_row,
        "rows_without_label": found.rows_without_label,
    }


def _reason(photo: LabelledPhotograph, error: RetinaXaiError) -> str:
    """The error without the folders of the photograph."""
    return str(error).replace(str(photo.path), photo.path.name)
