"""The figures of lesion reliance: medians over photographs with bootstrap intervals, as result.json and as a table.

Units of the bootstrap are patients, as far as names of photographs tell them, otherwise photographs. Photographs
without a lesion, and those whose margin is not positive, are left out and counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retina_xai.evaluation.datasets.base import AnnotatedDataset
from retina_xai.evaluation.lesions.reliance import AREAS, ImageReliance, RelianceSettings
from retina_xai.evaluation.tables import number, percent
from retina_xai.grades.photographs import official_patient
from retina_xai.io.files import write_json
from retina_xai.io.versions import versions
from retina_xai.metrics.intervals import Interval, bootstrap

FIGURES = ("removed", "kept")
LABELS = {
    "lesions": "experts' lesions",
    "random_lesions": "the same areas elsewhere",
    "evidence": "evidence",
    "random_evidence": "the same areas elsewhere (evidence)",
}
DIFFERENCES = (("lesions", "random_lesions"), ("evidence", "random_evidence"))


@dataclass(frozen=True)
class Median:
    """A median over photographs and its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class RelianceSummary:
    """Medians by kind of area: `area`, `score_without` and `FIGURES`; paired `differences` to the random areas.

    `measured` of the `images` have a lesion and a positive margin; `without_lesion` have none.
    """

    images: int
    without_lesion: int
    measured: int
    areas: dict[str, dict[str, Median]]
    differences: dict[str, dict[str, Median]]
    misplaced: float


def summarise_reliance(results: Sequence[ImageReliance], settings: RelianceSettings) -> RelianceSummary:
    """The medians of all photographs that have a lesion and a positive margin."""
    marked = [one for one in results if one.areas]
    used = [one for one in marked if one.log_odds > one.log_odds_of_reference]
    units = _units(used)

    def median(values: Sequence[float]) -> Median:
        array = np.array(values, dtype=np.float64)
        interval = bootstrap(_median_of(array, units), len(units), settings.resamples, settings.seed, settings.level)
        return Median(float(np.median(array)) if len(array) else float("nan"), interval)

    areas = {
        name: {
            "area": median([one.areas[name].area for one in used]),
            "score_without": median([_score(one.areas[name].without) for one in used]),
            **{key: median([getattr(one.areas[name], key) for one in used]) for key in FIGURES},
        }
        for name in AREAS
    }
    differences = {
        name: {
            key: median([getattr(one.areas[name], key) - getattr(one.areas[other], key) for one in used])
            for key in FIGURES
        }
        for name, other in DIFFERENCES
    }
    placed = [one.misplaced for one in used if not np.isnan(one.misplaced)]
    misplaced = float(np.mean(placed)) if placed else float("nan")
    return RelianceSummary(len(results), len(results) - len(marked), len(used), areas, differences, misplaced)


def write_reliance(
    path: Path, dataset: AnnotatedDataset, settings: RelianceSettings, results: Sequence[ImageReliance]
) -> RelianceSummary:
    """Write result.json: summary, settings, versions, and each photograph. Returns the summary."""
    summary = summarise_reliance(results, settings)
    content: dict[str, Any] = {
        "schema_version": 1,
        "experiment": "lesion_reliance",
        "dataset": dataset.facts(),
        "consensus": {"rule": settings.consensus, "meaning": dataset.consensus_rules[settings.consensus]},
        "settings": asdict(settings),
        "versions": versions(),
        "summary": asdict(summary),
        "images": [asdict(one) for one in results],
    }
    write_json(path, content)
    return summary


def reliance_table(summary: RelianceSummary) -> pd.DataFrame:
    """One row per kind of area, and the paired differences, as texts."""
    rows = {}
    for name, figures in summary.areas.items():
        rows[LABELS[name]] = {
            "area": percent(figures["area"].value),
            "score without": number(figures["score_without"].value, 2),
            **{f"margin {key}": _text(figures[key]) for key in FIGURES},
        }
        if name in dict(DIFFERENCES).values():
            first = next(one for one, other in DIFFERENCES if other == name)
            told = {f"margin {key}": _text(summary.differences[first][key]) for key in FIGURES}
            rows[f"{LABELS[first]}, difference"] = {"area": "", "score without": "", **told}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "area"
    return frame


def reliance_caption(dataset: AnnotatedDataset, settings: RelianceSettings, summary: RelianceSummary) -> str:
    """The text below the table."""
    return (
        f"{dataset.label}, split '{dataset.split}': {summary.measured} of {summary.images} photographs; "
        f"{summary.without_lesion} have no lesion (consensus '{settings.consensus}'). Medians over photographs, in "
        f"brackets {settings.level:.0%} bootstrap intervals over patients or photographs. area: share of the field of "
        "view. score without: p(RDR) when the area is removed. margin: log-odds of RDR, minus those of the reference "
        "alone. removed: share of the margin that is gone without the area. kept: share that the area alone keeps. "
        f"elsewhere: turned, mirrored and moved at random inside the field of view, {settings.repetitions} times; "
        f"{summary.misplaced:.1%} of their pixels are on lesions, because some regions fit nowhere else. "
        "difference: paired, lesions or evidence minus elsewhere."
    )


def _units(results: Sequence[ImageReliance]) -> list[npt.NDArray[np.int64]]:
    """The photographs of each patient."""
    patients: dict[str, list[int]] = {}
    for index, one in enumerate(results):
        patients.setdefault(official_patient(Path(one.name).stem) or one.name, []).append(index)
    return [np.array(indices, dtype=np.int64) for indices in patients.values()]


def _median_of(
    values: npt.NDArray[np.float64], units: list[npt.NDArray[np.int64]]
) -> Callable[[npt.NDArray[np.int64]], float]:
    return lambda drawn: float(np.median(values[np.concatenate([units[unit] for unit in drawn])]))


def _score(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))


def _text(median: Median) -> str:
    return number(median.value, 2, median.interval.low, median.interval.high)
