"""The DiaretDB1 experiment from end to end: localize every photograph, count, and write table, pictures and report.

Protocol: FGVis supplement A4.2 (`retina_xai.localization`) against the experts' consensus (`datasets.diaretdb1`),
counted as in `lesions.sensitivity`. Photographs that the quality check calls ungradable are explained all
the same: the data set has none to spare, and leaving them out would flatter the figures.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retina_xai import drawing
from retina_xai.evaluation.datasets.diaretdb1 import CaseTruth, Diaretdb1
from retina_xai.evaluation.lesions.report import PictureRow, write_page, write_result
from retina_xai.evaluation.lesions.sensitivity import Explained, SensitivitySettings, Watch, evaluate
from retina_xai.evaluation.lesions.summary import ImageResult, Summary
from retina_xai.explainers.explainer import Explainer
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.io.images import Photograph, write_png
from retina_xai.localization import DEFAULT_METHOD, localize
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.records import run_facts

PANELS = {
    "experts": "expert consensus",
    "prediction": "evidence, outlined by the experts' consensus",
}


@dataclass(frozen=True)
class Experiment:
    """What is evaluated: a classifier and a method, under a consensus rule; `seed` is of chance and bootstrap.

    Without an `explainer`, the method has its settings for fundus photographs.
    """

    classifier: RdrClassifier
    method: str = DEFAULT_METHOD
    consensus: str = "votes"
    seed: int = 0
    explainer: Explainer | None = None

    @property
    def chosen(self) -> Explainer:
        """The configured method."""
        return self.explainer or fundus_explainer(self.method)

    def settings(self) -> SensitivitySettings:
        """The settings of the counting, with the method's own facts."""
        facts = run_facts(self.classifier, self.method, self.chosen.settings())
        fraction = self.chosen.candidate_fraction
        return SensitivitySettings(consensus=self.consensus, fraction=fraction, seed=self.seed, method=facts)


def evaluate_diaretdb1(
    dataset: Diaretdb1, experiment: Experiment, out: Path, watch: Watch | None = None
) -> tuple[Summary, SensitivitySettings]:
    """Run the experiment into OUT (result.json, report.html, overlays/); an interrupted run goes on where it stopped.

    Raises:
        InputError, UsageError: data, method or OUT that do not fit (see `lesion_sensitivity.evaluate`).
    """
    settings = experiment.settings()
    explainer = experiment.chosen

    def explain(photograph: Photograph) -> Explained:
        result = localize(photograph, experiment.classifier, explainer, ungradable=True)
        return Explained(result.evidence, result.field_of_view, result.verdict.score)

    def draw(photograph: Photograph, truth: CaseTruth, explained: Explained) -> None:
        for panel, pixels in _panels(photograph, truth, explained).items():
            write_png(_picture(out, truth.name, panel), pixels)

    on_item = watch.on_item if watch else Watch().on_item
    summary = evaluate(dataset.cases, explain, out, settings, Watch(on_item, draw))
    facts: dict[str, Any] = {"dataset": {"version": dataset.version, "split": dataset.split, "images": len(dataset)}}
    write_result(out / "result.json", summary, settings, facts)
    write_page(out / "report.html", summary, settings, [_row(out, image) for image in summary.images])
    return summary, settings


def _panels(photograph: Photograph, truth: CaseTruth, explained: Explained) -> dict[str, np.ndarray]:
    evidence = drawing.overlay(photograph.pixels, explained.evidence)
    return {
        "experts": drawing.contours(photograph.pixels, truth.masks),
        "prediction": drawing.contours(evidence, truth.masks),
    }


def _picture(out: Path, name: str, panel: str) -> Path:
    return out / "overlays" / f"{name}_{panel}.png"


def _row(out: Path, image: ImageResult) -> PictureRow:
    panels = [(label, _picture(out, image.name, panel)) for panel, label in PANELS.items()]
    return PictureRow(f"{image.name}: p(RDR) {image.score:.3f}", panels)
