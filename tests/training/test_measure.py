"""Metrics of a training, in total and per data set, against a slow implementation; undefined values are null."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from retina_xai.grades.photographs import LabelledPhotograph, LabelledSet
from retina_xai.metrics.classification import auroc_interval, sensitivity_at_specificity, youden_point
from retina_xai.metrics.classifier_figures import ScoredPhotographs, figures_at
from retina_xai.metrics.platt import Platt, logits_of_scores
from retina_xai.models.checkpoint import load_classifier
from retina_xai.models.rdr import RdrNet
from retina_xai.training.config import TrainingConfig
from retina_xai.training.data.loading import StageData
from retina_xai.training.measure import Trained, write_results
from retina_xai.training.module import EpochScore
from retina_xai.training.state import BestCheckpoint, RunFolder

SIZE = 32
CONFIG = TrainingConfig.from_mapping(
    {"stages": [{"size": SIZE, "epochs": 1}], "network": {"width": 0.05}, "hardware": {"accelerator": "cpu"}}
)
EYEPACS = [(f"{number}_{eye}", f"eyepacs:{number}") for number in (1, 2, 3, 4) for eye in ("left", "right")]
IDRID = [(f"IDRiD_{number:03}", f"idrid:{number:03}") for number in (1, 2, 3)]


def _photographs(levels: list[int]) -> list[LabelledPhotograph]:
    names = [*EYEPACS, *IDRID]
    return [LabelledPhotograph(*name, level, Path("x")) for name, level in zip(names, levels, strict=True)]


class GivenImages:
    """Stands for the last stage's data: the images of the validation part, and no test part."""

    def __init__(self, parts: dict[str, list[LabelledPhotograph]], images: torch.Tensor) -> None:
        self.parts, self.images = parts, images

    def chosen(self, part: str) -> list[LabelledPhotograph]:
        """All photographs of the part."""
        return self.parts.get(part, [])

    def plain(self, part: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The images in batches of four."""
        return [(self.images[start : start + 4], torch.zeros(4)) for start in range(0, len(self.chosen(part)), 4)]


def _measured(folder: Path, levels: list[int], config: TrainingConfig = CONFIG) -> tuple[dict[str, Any], np.ndarray]:
    """The content of metrics.json, and the scores (N,) by the weights that were written."""
    torch.manual_seed(0)
    images, photographs = torch.randn(len(levels), 3, SIZE, SIZE), _photographs(levels)
    checkpoint = BestCheckpoint(RunFolder(folder), config, 0)
    checkpoint.update(EpochScore(1.0, 1.0, 0.5), {})
    parts = {"training": photographs[:1], "validation": photographs}
    found = LabelledSet(tuple(photographs), 0, 0)
    trained = Trained(RdrNet(width=0.05), config, found, parts, {}, [checkpoint])
    write_results(RunFolder(folder), trained, cast(StageData, GivenImages(parts, images)))
    scores = load_classifier(folder / "rdr.safetensors").scores(images).double().numpy()
    return json.loads((folder / "metrics.json").read_text()), scores


def _slow_auroc(levels: np.ndarray, scores: np.ndarray) -> float:
    pairs = [
        (one > other) + 0.5 * (one == other)
        for one, level in zip(scores, levels, strict=True)
        for other, low in zip(scores, levels, strict=True)
        if level >= 2 > low
    ]
    return float(np.mean(pairs))


def test_every_data_set_has_its_own_metrics(tmp_path: Path) -> None:
    levels = [0, 2, 1, 3, 0, 4, 0, 2, 0, 2, 1]
    metrics, scores = _measured(tmp_path, levels)
    for source, here in (("eyepacs", slice(0, 8)), ("idrid", slice(8, 11))):
        figures = metrics["sources"][source]
        grades = np.array(levels[here])
        assert figures["auroc"] == pytest.approx(_slow_auroc(grades, scores[here]))
        assert (figures["images"], figures["positives"]) == (len(grades), int((grades >= 2).sum()))
        low, high = figures["auroc_interval"]
        assert low <= figures["auroc"] <= high
    assert metrics["auroc"] == pytest.approx(_slow_auroc(np.array(levels), scores))
    assert [metrics["sources"][source]["patients"] for source in ("eyepacs", "idrid")] == [4, 3]
    assert metrics["training"]["validation"]["sources"] == {"eyepacs": 8, "idrid": 3}


def test_intervals_are_by_patient_and_by_the_seed(tmp_path: Path) -> None:
    levels = [0, 2, 1, 3, 0, 4, 0, 2, 0, 2, 1]
    config = CONFIG.model_copy(update={"seed": 5})
    metrics, scores = _measured(tmp_path, levels, config)
    patients = [photo.patient for photo in _photographs(levels)]
    exact = auroc_interval(np.array(levels) >= 2, scores, np.array(patients), 1000, seed=5)
    assert metrics["auroc_interval"] == [exact.low, exact.high]
    sample = ScoredPhotographs.of(np.array(levels) >= 2, scores, patients, seed=5)
    assert metrics["at_threshold"] == figures_at(sample, metrics["threshold"])
    assert metrics["at_threshold"]["rate_intervals"] == "bootstrap over patients"


def test_the_threshold_follows_the_rule_of_the_settings(tmp_path: Path) -> None:
    levels = [0, 2, 1, 3, 0, 4, 0, 2, 0, 2, 1]
    for name, rule in (("youden", youden_point), ("specificity", sensitivity_at_specificity)):
        config = CONFIG.model_copy(update={"threshold": name})
        metrics, scores = _measured(tmp_path / name, levels, config)
        point = rule(np.array(levels) >= 2, scores)
        assert point is not None
        assert metrics["threshold"] == (point.threshold if point.threshold <= 1 else 0.5)
        assert load_classifier(tmp_path / name / "rdr.safetensors").facts.threshold == metrics["threshold"]
    assert json.loads((tmp_path / "youden" / "metrics.json").read_text())["threshold"] != metrics["threshold"]


def test_a_calibrated_network_keeps_the_order_of_its_scores(tmp_path: Path) -> None:
    levels = [0, 2, 1, 3, 0, 4, 0, 2, 0, 2, 1]
    before, plain = _measured(tmp_path / "plain", levels)
    assert before["calibrated"] is None
    order = np.argsort(plain)
    best = [0 if position < 6 else 2 for position in np.argsort(order)]  # grades that rise with the score, but one
    best[order[2]], best[order[8]] = 2, 0
    after, scores = _measured(tmp_path / "fitted", best, CONFIG.model_copy(update={"calibrate": True}))
    fit = after["calibrated"]
    assert fit["slope"] > 1
    expected = Platt(**fit).scores(logits_of_scores(plain))
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert scores.mean() == pytest.approx(np.mean(np.array(best) >= 2), abs=1e-3)


def test_scores_that_fall_with_the_disease_are_not_calibrated(tmp_path: Path) -> None:
    _, plain = _measured(tmp_path / "plain", [0] * 5 + [2] * 6)
    falling = [2 if position < 6 else 0 for position in np.argsort(np.argsort(plain))]
    config = CONFIG.model_copy(update={"calibrate": True})
    metrics, scores = _measured(tmp_path / "falling", falling, config)
    assert metrics["calibrated"] is None
    np.testing.assert_allclose(scores, plain, atol=1e-6)
    assert _measured(tmp_path / "one", [0] * 11, config)[0]["calibrated"] is None


@pytest.mark.parametrize(("grades", "positives"), [([0, 1, 0], 0), ([2, 3, 4], 3)])
def test_a_data_set_of_one_class_has_null_and_the_others_have_metrics(
    tmp_path: Path, grades: list[int], positives: int
) -> None:
    metrics, scores = _measured(tmp_path, [0, 2, 1, 3, 0, 4, 0, 2, *grades])
    alone = metrics["sources"]["idrid"]
    assert alone == {
        "images": 3,
        "patients": 3,
        "positives": positives,
        "auroc": None,
        "auroc_interval": [None, None],
    }
    other = metrics["sources"]["eyepacs"]["auroc"]
    assert other == pytest.approx(_slow_auroc(np.array([0, 2, 1, 3, 0, 4, 0, 2]), scores[:8]))
    assert metrics["auroc"] is not None
