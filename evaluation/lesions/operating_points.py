"""Sensitivity and false positives at a threshold on the evidence, as an earlier lesion sensitivity run measured them.

A candidate remains if its largest evidence is at least t. Over the images of that run (`retina_xai.metrics.froc`):

    sensitivity(t)               = annotated regions in which a remaining candidate peaks / annotated regions
    false positives per image(t) = remaining candidates that peak in no region / images

The scores come from the records of the run (OUT/images), which are matched with OUT/result.json by image hash. The
figures apply only to the weights and the method of that run; `fits` compares them with those in use.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retina_xai.errors import InputError
from retina_xai.evaluation.lesions.report import EXPERIMENT
from retina_xai.evaluation.lesions.sensitivity import load_image_result
from retina_xai.io.files import parse_json
from retina_xai.metrics.overlap import ANY


@dataclass(frozen=True)
class OperatingPoint:
    """At one threshold: annotated regions found and in all, false candidates, images."""

    found: int
    lesions: int
    false: int
    images: int

    @property
    def sensitivity(self) -> float:
        """Share of the annotated regions found; NaN without any."""
        return self.found / self.lesions if self.lesions else float("nan")

    @property
    def false_positives_per_image(self) -> float:
        """False candidates per image; NaN without any image."""
        return self.false / self.images if self.images else float("nan")


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """One run: `lesions` best score of each annotated region (0: missed) and `false` those of false candidates."""

    lesions: npt.NDArray[np.float64]
    false: npt.NDArray[np.float64]
    images: int
    model_sha256: str
    method: Mapping[str, Any]
    consensus: str
    data: str

    def at(self, threshold: float) -> OperatingPoint:
        """Counts of what remains at a threshold in [0, 1]; a region that was missed is found at no threshold."""
        found = int(((self.lesions >= threshold) & (self.lesions > 0)).sum())
        return OperatingPoint(found, len(self.lesions), int((self.false >= threshold).sum()), self.images)

    def fits(self, model_sha256: str, method: str, settings: Mapping[str, Any]) -> bool:
        """Whether the run used these weights, and this method with these settings."""
        wanted = json.loads(json.dumps({"name": method, "settings": dict(settings)}))
        return self.model_sha256 == model_sha256 and dict(self.method) == wanted


def read_measured(result: Path) -> MeasuredRun | None:
    """The figures of the run that wrote this result.json; None for another file, or if all records are absent.

    Raises:
        InputError: some of the records that the file names are absent or damaged.
    """
    try:
        content = parse_json(result.read_text(encoding="utf-8"))
        if content.get("experiment") != EXPERIMENT:
            return None
        wanted = {image["sha256"]: image["name"] for image in content["images"]}
        facts, consensus = content["settings"]["method"], content["consensus"]["meaning"]
        model, method = facts["model"]["sha256"], facts["method"]
        data = f"{content['dataset'].get('title', 'data set')} {content['dataset']['split']}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    records = [load_image_result(path) for path in sorted((result.parent / "images").glob("*.npz"))]
    found = {one.sha256: one for one in records if one is not None and one.sha256 in wanted}
    if not found:
        return None
    if lost := sorted(name for sha256, name in wanted.items() if sha256 not in found):
        raise InputError(f"{result}: no record of {lost[0]} ({len(lost)} lost); run the evaluation again")
    lesions = np.concatenate([one.lesion_scores[ANY] for one in found.values()])
    false = np.concatenate([one.scores[one.false] for one in found.values()])
    return MeasuredRun(lesions, false, len(found), model, method, consensus, data)
