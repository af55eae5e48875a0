"""Lesion sensitivity of a method on an annotated data set: explain, count, and write the result, pictures and report.

Each photograph is localized (`retina_xai.localization`) and its evidence is compared with the experts' consensus as in
`lesions.sensitivity`. Photographs that the quality check calls ungradable are explained too: annotated data sets are
small, and without these photographs the figures would be optimistic.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from retina_xai import drawing
from retina_xai.evaluation.datasets.base import AnnotatedDataset, CaseTruth
from retina_xai.evaluation.lesions.report import LesionReport, write_result
from retina_xai.evaluation.lesions.report_page import PictureRow, write_page
from retina_xai.evaluation.lesions.sensitivity import Explained, SensitivitySettings, Watch, evaluate
from retina_xai.evaluation.lesions.summary import ImageResult
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
class LocalizationSetup:
    """A classifier, a method and a consensus rule; None is the default rule of the data set.

    `seed` is used for chance and bootstrap. Without an `explainer`, the method has its settings for fundus photographs.
    """

    classifier: RdrClassifier
    method: str = DEFAULT_METHOD
    consensus: str | None = None
    seed: int = 0
    explainer: Explainer | None = None

    @property
    def chosen(self) -> Explainer:
        """The configured method."""
        return self.explainer or fundus_explainer(self.method)

    def settings(self, dataset: AnnotatedDataset) -> SensitivitySettings:
        """The settings of the counting, with the facts about the method.

        Raises:
            UsageError: unknown method, or a rule that the data set does not have.
        """
        return SensitivitySettings(
            consensus=dataset.consensus(self.consensus),
            fraction=self.chosen.candidate_fraction,
            seed=self.seed,
            method=run_facts(self.classifier, self.method, self.chosen.settings()),
        )


def evaluate_dataset(
    dataset: AnnotatedDataset, setup: LocalizationSetup, out: Path, watch: Watch | None = None
) -> LesionReport:
    """Write result.json, report.html and overlays/ into OUT; an interrupted run continues where it stopped.

    Raises:
        InputError, UsageError: data, method or OUT cannot be used (see `sensitivity.evaluate`).
    """
    settings = setup.settings(dataset)
    explainer = setup.chosen
    watch = watch or Watch()
    steps = watch.steps

    def explain(photograph: Photograph) -> Explained:
        on_step = steps(f"evaluating {photograph.name}", explainer.plan())
        result = localize(photograph, setup.classifier, explainer, ungradable=True, on_step=on_step)
        return Explained(result.evidence, result.field_of_view, result.verdict.score)

    def draw(photograph: Photograph, truth: CaseTruth, explained: Explained) -> None:
        for panel, pixels in _panels(photograph, truth, explained).items():
            write_png(_picture(out, truth.name, panel), pixels)

    summary = evaluate(dataset.cases, explain, out, settings, replace(watch, observe=draw))
    report = LesionReport(dataset, settings, summary)
    write_result(out / "result.json", report)
    write_page(out / "report.html", report, [_row(out, image) for image in summary.images])
    return report


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
