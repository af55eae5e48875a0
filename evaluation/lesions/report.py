"""The lesion sensitivity of one method on one data set, as result.json holds it: counts, figures, settings, images.

Undefined figures are null.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retina_xai.evaluation.datasets.base import AnnotatedDataset
from retina_xai.evaluation.lesions.sensitivity import SensitivitySettings
from retina_xai.evaluation.lesions.summary import Figure, FrocSummary, ImageResult, SensitivitySummary, TypeSummary
from retina_xai.io.files import write_json
from retina_xai.io.versions import versions
from retina_xai.metrics.froc import RATES

SCHEMA_VERSION = 1
EXPERIMENT = "lesion_sensitivity"


@dataclass(frozen=True)
class LesionReport:
    """What was evaluated on which data set with which settings, and the figures."""

    dataset: AnnotatedDataset
    settings: SensitivitySettings
    summary: SensitivitySummary


def write_result(path: Path, report: LesionReport) -> None:
    """Write result.json."""
    write_json(path, result_of(report))


def result_of(report: LesionReport) -> dict[str, Any]:
    """Content of result.json: counts, figures with intervals and chance, FROC, settings, versions, and each image."""
    summary, rule = report.summary, report.settings.consensus
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": EXPERIMENT,
        "consensus": {"rule": rule, "meaning": report.dataset.consensus_rules[rule]},
        "settings": asdict(report.settings),
        "versions": versions(),
        "dataset": report.dataset.facts(),
        "classification": asdict(summary.separation),
        "disputed": None if summary.disputed is None else asdict(summary.disputed),
        "prediction": {"counts": asdict(summary.prediction), "figures": _figures(summary.figures)},
        "lesion_types": {name: _type_of(one) for name, one in summary.types.items()},
        "images": [_image_of(image) for image in summary.images],
    }


def _type_of(one: TypeSummary) -> dict[str, Any]:
    return {
        "counts": asdict(one.counts),
        "figures": _figures(one.figures),
        "average_precision": one.average_precision,
        "average_precision_of_chance": one.prevalence,
        "froc": _froc_of(one.froc),
    }


def _figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: asdict(figure) for name, figure in figures.items()}


def _froc_of(one: FrocSummary) -> dict[str, Any]:
    """Figures and the corners of the curve: the first point of each sensitivity, and the last point."""
    curve = one.curve
    corners = np.flatnonzero(np.diff(curve.sensitivity, prepend=-1.0) > 0).tolist()
    if len(curve.sensitivity):
        corners = sorted({*corners, len(curve.sensitivity) - 1})
    return {
        "rates": list(RATES),
        "sensitivity_at_rates": list(one.at_rates),
        "chance_at_rates": [chance for chance, _ in one.chance_at_rates],
        "chance_intervals_at_rates": [asdict(interval) for _, interval in one.chance_at_rates],
        "mean": asdict(one.mean),
        "false_positives_per_image": curve.false_positives_per_image[corners].tolist(),
        "sensitivity": curve.sensitivity[corners].tolist(),
    }


def _image_of(image: ImageResult) -> dict[str, Any]:
    return {
        "name": image.name,
        "sha256": image.sha256,
        "score": image.score,
        "outside_pixels": image.outside_pixels,
        "prediction": asdict(image.prediction),
        "lesion_types": {name: asdict(counts) for name, counts in image.types.items()},
    }
