"""Out-of-fold figures of a cross-validation: what recipes are compared by.

    retina-xai evaluate folds --run RUN [--run RUN ...] [--against RUN ...] [--part validation] --out DIR

A run is the output folder of a training; its scores.csv holds the photographs that this run did not learn from. With
all folds, every photograph is scored by a network that never saw its patient. A photograph that several runs scored
(several seeds, or the test part) has the mean of its scores.

Figures are per data set and never pooled, because sets differ in camera and in the share of patients with disease. The
epoch of each run was chosen on its validation part, so out-of-fold figures compare recipes; the figures of a model card
come from the test part (`data.test_fold`), which is looked at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.tables import markdown, number
from retina_xai.grades.photographs import REFERABLE
from retina_xai.grades.tables import rows_of
from retina_xai.io.files import write_csv, write_json, write_text
from retina_xai.metrics.classification import auroc, auroc_interval, calibration, expected_calibration_error
from retina_xai.metrics.classifier_figures import ScoredPhotographs
from retina_xai.metrics.intervals import bootstrap

COLUMNS = ("image", "patient", "level", "part", "score")
PARTS = ("validation", "test")
RESAMPLES = 1000
COMPARISONS = {"all": (0, 1, 2, 3, 4), "0 v 2": (0, 2), "0 v 3-4": (0, 3, 4)}
"""The grades of each AUROC; from `REFERABLE` on they are positive."""


@dataclass(frozen=True)
class FoldScores:
    """Scored photographs in order of their names: name, patient, grade, mean score and number of runs, (N,) each."""

    images: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    levels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    runs: npt.NDArray[np.int64]

    def where(self, chosen: npt.NDArray[np.bool_]) -> "FoldScores":
        """The photographs for which `chosen` (N,) is true."""
        return FoldScores(*(values[chosen] for values in vars(self).values()))

    def of_grades(self, comparison: str) -> "FoldScores":
        """The photographs with a grade of the comparison, a key of `COMPARISONS`."""
        return self.where(np.isin(self.levels, COMPARISONS[comparison]))

    @property
    def sample(self) -> ScoredPhotographs:
        """Truth, score and patient."""
        return ScoredPhotographs.of(self.levels >= REFERABLE, self.scores, self.patients)

    @property
    def sources(self) -> npt.NDArray[np.str_]:
        """The data set of each photograph (N,)."""
        return np.array([patient.partition(":")[0] for patient in self.patients])


def read_scores(runs: Sequence[Path], part: str) -> FoldScores:
    """The scores of all runs for one part.

    Raises:
        UsageError: no run, or an unknown part.
        InputError: a scores.csv is missing or damaged, has no row of this part, or runs differ in grade or patient.
    """
    if not runs or part not in PARTS:
        raise UsageError(f"part {part!r} of {len(runs)} runs: give at least one run, and {' or '.join(PARTS)}")
    scores: dict[str, list[float]] = {}
    labels: dict[str, tuple[str, int]] = {}
    for run in runs:
        path = run / "scores.csv"
        rows = [(line, row) for line, row in rows_of(path, COLUMNS) if row["part"] == part]
        if not rows:
            raise InputError(f"{path}: no photograph of the part {part}; train with a {part} fold, or choose another")
        for line, row in rows:
            label, score = _parsed(path, line, row)
            if labels.setdefault(row["image"], label) != label:
                raise InputError(f"{path}: line {line}: {row['image']} has another grade or patient in another run")
            scores.setdefault(row["image"], []).append(score)
    names = sorted(scores)
    return FoldScores(
        np.array(names),
        np.array([labels[name][0] for name in names]),
        np.array([labels[name][1] for name in names]),
        np.array([np.mean(scores[name]) for name in names]),
        np.array([len(scores[name]) for name in names]),
    )


def _parsed(path: Path, line: int, row: Mapping[str, str]) -> tuple[tuple[str, int], float]:
    try:
        score = float(row["score"])
    except ValueError:
        score = float("nan")
    if row["level"] not in "01234" or not 0 <= score <= 1:
        raise InputError(
            f"{path}: line {line}: grade {row['level']!r}, score {row['score']!r}; expected 0-4 and 0 to 1"
        )
    return (row["patient"], int(row["level"])), score


def fold_figures(scores: FoldScores, seed: int = 0) -> dict[str, dict[str, Any]]:
    """For each data set: counts, the AUROC of every comparison with its interval by patient, and the calibration error.

    A comparison without photographs of both sides is NaN.
    """
    figures: dict[str, dict[str, Any]] = {}
    for source in sorted(set(scores.sources.tolist())):
        here = scores.where(scores.sources == source)
        table = calibration(here.sample.labels, here.scores)
        figures[source] = {
            "photographs": len(here.images),
            "patients": len(set(here.patients.tolist())),
            "grades": [int((here.levels == grade).sum()) for grade in range(5)],
            "runs_per_photograph": float(here.runs.mean()),
            "auroc": {name: _auroc(here.of_grades(name), seed) for name in COMPARISONS},
            "expected_calibration_error": expected_calibration_error(table),
        }
    return figures


def _auroc(scores: FoldScores, seed: int) -> list[float]:
    """The value and both ends of its interval."""
    sample = scores.sample
    interval = auroc_interval(sample.labels, sample.scores, sample.patients, RESAMPLES, seed)
    return [auroc(sample.labels, sample.scores), interval.low, interval.high]


def fold_differences(scores: FoldScores, others: FoldScores, seed: int = 0) -> dict[str, dict[str, Any]]:
    """For each data set: AUROC minus that of other runs, on the photographs of both, with its interval by patient.

    Raises:
        InputError: no photograph is in both.
    """
    both = np.intersect1d(scores.images, others.images)
    if not len(both):
        raise InputError("no photograph was scored by both sides; compare runs over the same photographs")
    one, other = (side.where(np.isin(side.images, both)) for side in (scores, others))
    differences: dict[str, dict[str, Any]] = {}
    for source in sorted(set(one.sources.tolist())):
        sides = [side.where(one.sources == source) for side in (one, other)]
        gains = {name: _gain(sides[0].of_grades(name), sides[1].of_grades(name), seed) for name in COMPARISONS}
        differences[source] = {"photographs": len(sides[0].images), **gains}
    return differences


def _gain(one: FoldScores, other: FoldScores, seed: int) -> list[float]:
    """The difference of the AUROC, and both ends of its interval; the same patients are drawn on both sides."""
    members, labels = one.sample.members, one.sample.labels

    def gain(drawn: npt.NDArray[np.int64]) -> float:
        chosen = np.concatenate([members[patient] for patient in drawn])
        return auroc(labels[chosen], one.scores[chosen]) - auroc(labels[chosen], other.scores[chosen])

    interval = bootstrap(gain, len(members), RESAMPLES, seed)
    every = np.arange(len(members))
    return [gain(every) if len(every) else float("nan"), interval.low, interval.high]


def figures_table(figures: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each data set."""
    rows = {
        source: {
            "photographs": one["photographs"],
            "patients": one["patients"],
            "grades 0 to 4": " / ".join(map(str, one["grades"])),
            **{f"AUROC, {name}": number(value[0], 3, *value[1:]) for name, value in one["auroc"].items()},
            "calibration error": number(one["expected_calibration_error"], 3),
        }
        for source, one in figures.items()
    }
    return pd.DataFrame(rows).T.rename_axis("data set")


def differences_table(differences: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each data set."""
    rows = {
        source: {
            "photographs": one["photographs"],
            **{f"difference, {name}": "{:+.3f} ({:+.3f} to {:+.3f})".format(*one[name]) for name in COMPARISONS},
        }
        for source, one in differences.items()
    }
    return pd.DataFrame(rows).T.rename_axis("data set")


def evaluate_folds(
    runs: Sequence[Path], against: Sequence[Path], part: str, out: Path, seed: int = 0
) -> list[pd.DataFrame]:
    """Write result.json, table.md and scores.csv to OUT, and return the tables.

    Raises:
        UsageError, InputError: as `read_scores`.  OutputError: OUT cannot be written.
    """
    scores = read_scores(runs, part)
    result: dict[str, Any] = {"part": part, "runs": len(runs), "figures": fold_figures(scores, seed)}
    tables = [figures_table(result["figures"])]
    if against:
        result["differences"] = fold_differences(scores, read_scores(against, part), seed)
        tables.append(differences_table(result["differences"]))
    write_csv(out / "scores.csv", COLUMNS, _rows(scores, part))
    write_json(out / "result.json", result)
    write_text(out / "table.md", "\n\n".join([f"# Scores of the {part} part", *map(markdown, tables)]) + "\n")
    return tables


def _rows(scores: FoldScores, part: str) -> list[tuple[Any, ...]]:
    columns = (scores.images.tolist(), scores.patients.tolist(), scores.levels.tolist(), scores.scores.tolist())
    return [(image, patient, level, part, repr(score)) for image, patient, level, score in zip(*columns, strict=True)]
