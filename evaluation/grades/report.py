"""What an evaluation of grades writes: result.json, table.md, scores.csv, roc.png and calibration.png."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from retina_xai.curves import draw_calibration, draw_roc
from retina_xai.evaluation.grades.summary import GradesSummary, Scored
from retina_xai.evaluation.tables import markdown, number, percent
from retina_xai.grades.photographs import LabelledPhotograph
from retina_xai.io.files import write_csv, write_json, write_text
from retina_xai.metrics.classification import calibration, roc_curve

SCORE_COLUMNS = ("image", "patient", "label", "positive", "rdr_score", "decision", "gradability", "reason")


def write_report(out: Path, facts: dict[str, Any], summary: GradesSummary) -> None:
    """Write result.json, table.md and both pictures; `facts` says what was evaluated and how."""
    sample = summary.gradable
    draw_roc(out / "roc.png", roc_curve(sample.labels, sample.scores), summary.figures["auroc"], "gradable photographs")
    draw_calibration(out / "calibration.png", calibration(sample.labels, sample.scores), "gradable photographs")
    tables = (figures_table(summary), label_table(summary), calibration_table(summary))
    text = "\n\n".join([f"# Grades\n\n{caption(facts, summary)}", *map(markdown, tables)])
    write_text(out / "table.md", text + "\n")
    figures = {"figures": summary.figures, "with_undecided_referred": summary.with_undecided_referred}
    write_json(out / "result.json", {**facts, **figures, "by_label": summary.by_label})


def write_scores(path: Path, scored: Sequence[Scored], failed: Mapping[LabelledPhotograph, str]) -> None:
    """One row per photograph; the reason of a failed one is its error."""
    rows: list[tuple[Any, ...]] = [
        (*_label(photo), verdict.score, verdict.decision, verdict.gradability.verdict, verdict.gradability.reason)
        for photo, verdict in scored
    ]
    rows += [(*_label(photo), math.nan, "failed", "", reason) for photo, reason in failed.items()]
    write_csv(path, SCORE_COLUMNS, rows)


def figures_table(summary: GradesSummary) -> pd.DataFrame:
    """The main figures with their 95 % intervals."""
    figures, at, all_at = summary.figures, summary.figures["at_threshold"], summary.with_undecided_referred
    rows = {
        "AUROC": number(figures["auroc"], 3, *figures["auroc_interval"]),
        "sensitivity": percent(at["sensitivity"], *at["sensitivity_interval"]),
        "specificity": percent(at["specificity"], *at["specificity_interval"]),
        "sensitivity, undecided referred": percent(all_at["sensitivity"], *all_at["sensitivity_interval"]),
        "specificity, undecided referred": percent(all_at["specificity"], *all_at["specificity_interval"]),
        "sensitivity at 90 % specificity": _rate(figures["sensitivity_at_90_specificity"], "sensitivity"),
        "specificity at 90 % sensitivity": _rate(figures["specificity_at_90_sensitivity"], "specificity"),
        "Brier score": number(figures["brier"], 3),
        "expected calibration error": number(figures["expected_calibration_error"], 3),
    }
    return pd.DataFrame({"value (95 % interval)": rows}).rename_axis("figure")


def label_table(summary: GradesSummary) -> pd.DataFrame:
    """Decisions by label."""
    table = pd.DataFrame(summary.by_label).set_index("label")
    return table.assign(positive=["yes" if positive else "no" for positive in table["positive"]])


def calibration_table(summary: GradesSummary) -> pd.DataFrame:
    """Mean score and share of positives in each bin of the score that holds photographs."""
    bins = [row for row in summary.figures["calibration"] if row["count"]]
    rows = {
        f"{row['low']:.1f}-{row['high']:.1f}": {
            "photographs": row["count"],
            "mean score": number(row["score_sum"] / row["count"], 3),
            "share of positives": number(row["positives"] / row["count"], 3),
        }
        for row in bins
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")


def caption(facts: dict[str, Any], summary: GradesSummary) -> str:
    """What the figures are of: counts, labels, threshold and intervals."""
    counts, labels, at = facts["counts"], facts["labels"], summary.figures["at_threshold"]
    return (
        f"{counts['photographs']} photographs, {counts['ungradable']} of them ungradable and {counts['failed']} failed;"
        f" figures of the {summary.figures['images']} gradable photographs of {summary.figures['patients']} patients"
        f" ({labels['patients_by']}), {summary.figures['positives']} positive (label {labels['positive']})."
        f" Threshold {facts['weights']['threshold']:.3f} (of the weights). 95 % intervals: AUROC by bootstrap over"
        f" patients, sensitivity and specificity by {at['rate_intervals']}."
    )


def _rate(point: dict[str, Any] | None, name: str) -> str:
    return "NaN" if point is None else percent(point[name], *point[f"{name}_interval"])


def _label(photo: LabelledPhotograph) -> tuple[str, str, str, bool]:
    return photo.image, photo.patient, photo.label, photo.positive
