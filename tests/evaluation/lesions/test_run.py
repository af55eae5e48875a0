"""The evaluation of a method on a data set: the settings that it passes on, what it explains, and what it writes."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers.marked_phantoms import marked_phantom
from PIL import Image

from retina_xai.errors import UsageError
from retina_xai.evaluation.datasets.masks_folder import open_masks_folder
from retina_xai.evaluation.lesions import run
from retina_xai.evaluation.lesions.run import LocalizationSetup, evaluate_dataset
from retina_xai.explainers.random_map import RandomMap
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.fundus.quality import gradability
from retina_xai.io.images import read_image
from retina_xai.localization import localize
from retina_xai.models.checkpoint import load_classifier


@pytest.fixture(scope="module")
def classifier(weights):
    return load_classifier(weights)


@pytest.fixture
def dataset(tmp_path):
    """One phantom with its exact masks of two lesion types."""
    return open_masks_folder(marked_phantom(tmp_path / "data"))


def test_settings_have_the_methods_candidate_threshold_and_the_rule_of_the_data_set(dataset, classifier):
    retina = LocalizationSetup(classifier, "retina", seed=5).settings(dataset)
    assert (retina.fraction, retina.consensus, retina.seed) == (0.08, "single", 5)
    saliency = LocalizationSetup(classifier, "saliency").settings(dataset)
    assert (saliency.fraction, saliency.seed) == (0.04, 0)
    assert saliency.method["method"] == {"name": "saliency", "settings": fundus_explainer("saliency").settings()}
    assert saliency.method["model"]["sha256"] == classifier.sha256
    with pytest.raises(UsageError, match="consensus 'votes': expected one of single for data"):
        LocalizationSetup(classifier, "saliency", "votes").settings(dataset)


def test_result_pictures_and_page_of_a_data_set_with_two_lesion_types(dataset, classifier, tmp_path):
    out = tmp_path / "out"
    report = evaluate_dataset(dataset, LocalizationSetup(classifier, "saliency"), out)
    result = json.loads((out / "result.json").read_text())
    assert list(result["lesion_types"]) == ["haemorrhages", "hard_exudates", "any"]
    assert result["dataset"]["name"] == "masks-folder"
    assert result["consensus"] == {
        "rule": "single",
        "meaning": "a pixel is a lesion where the mask, as distributed, is above 0",
    }
    truth = dataset.cases[0].truth(None, (96, 120)).masks
    for name, mask in truth.items():
        assert result["lesion_types"][name]["counts"]["pixels"] == mask.sum() > 0
    found = localize(dataset.cases[0].photograph(), classifier, fundus_explainer("saliency"), ungradable=True)
    predicted = (found.evidence >= 0.04 * found.evidence.max()) & (found.evidence > 0.01)
    assert report.summary.prediction.predicted_pixels == predicted.sum() > 0
    assert report.summary.prediction.field_pixels == found.field_of_view.sum()
    assert sorted(path.name for path in (out / "overlays").iterdir()) == ["eye_experts.png", "eye_prediction.png"]
    experts = read_image(out / "overlays" / "eye_experts.png").pixels
    changed = (experts != dataset.cases[0].photograph().pixels).any(axis=2)
    grown = cv2.dilate(np.logical_or.reduce(list(truth.values())).astype(np.uint8), np.ones((3, 3)))
    assert changed.any()
    assert not (changed & (grown == 0)).any(), "outlines lie on the lesions"
    assert "as distributed, one mask per lesion type" in (out / "report.html").read_text()


def test_ungradable_photographs_are_explained_too(dataset, classifier, tmp_path):
    case = dataset.cases[0]
    Image.fromarray(cv2.GaussianBlur(case.photograph().pixels, (0, 0), 12)).save(case.image)
    assert gradability(case.photograph()).verdict == "ungradable"
    report = evaluate_dataset(dataset, LocalizationSetup(classifier, "saliency"), tmp_path / "out")
    assert report.summary.prediction.predicted_pixels > 0


def test_the_seed_and_the_method_reach_the_figures(dataset, classifier, tmp_path):
    setups = {
        "a": LocalizationSetup(classifier, "saliency"),
        "again": LocalizationSetup(classifier, "saliency"),
        "seed": LocalizationSetup(classifier, "saliency", seed=1),
        "method": LocalizationSetup(classifier, "grad-cam"),
    }
    images = {name: evaluate_dataset(dataset, one, tmp_path / name).summary.images[0] for name, one in setups.items()}
    assert images["a"].chance == images["again"].chance
    assert images["a"].chance != images["seed"].chance
    assert images["a"].prediction == images["seed"].prediction != images["method"].prediction


def test_the_configured_method_is_the_one_that_explains(dataset, classifier, tmp_path):
    photograph = dataset.cases[0].photograph()
    for seed in (0, 3):
        setup = LocalizationSetup(classifier, "random", explainer=RandomMap(seed))
        image = evaluate_dataset(dataset, setup, tmp_path / str(seed)).summary.images[0]
        expected = localize(photograph, classifier, RandomMap(seed), ungradable=True).evidence
        inside = expected[expected > 0]
        assert image.field_levels[1:].sum() == len(inside) > 0
        assert np.average(np.arange(len(image.field_levels))[1:], weights=image.field_levels[1:]) == pytest.approx(
            65535 * inside.mean(dtype=float), abs=1
        )
        assert image.scores.max() == pytest.approx(expected.max())


def test_the_consensus_rule_reaches_the_masks(diaretdb1, classifier, tmp_path, monkeypatch):
    from retina_xai.evaluation.datasets.diaretdb1 import open_diaretdb1

    dataset = open_diaretdb1(diaretdb1, "train")
    shown = []
    monkeypatch.setattr(run, "_panels", lambda photograph, truth, explained: shown.append(truth) or {})
    monkeypatch.setattr(run, "_row", lambda out, image: run.PictureRow(image.name, []))
    for rule in ("votes", "graded"):
        report = evaluate_dataset(dataset, LocalizationSetup(classifier, "saliency", rule), tmp_path / rule)
        expected = dataset.cases[0].truth(rule, (90, 120)).masks["haemorrhages"].sum()
        assert report.summary.types["haemorrhages"].counts.pixels == expected
        assert shown[-1].consensus == report.settings.consensus == rule
    with pytest.raises(UsageError, match="made with other settings"):
        evaluate_dataset(replace(dataset), LocalizationSetup(classifier, "saliency", "votes"), tmp_path / "graded")
