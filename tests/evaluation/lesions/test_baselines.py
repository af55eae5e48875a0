"""Fair baselines: the same post-processing, contrast without a network, shuffled weights, paired differences."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from helpers.command_line import command
from PIL import Image
from torch import nn

from retina_xai.errors import UsageError
from retina_xai.evaluation.datasets.masks_folder import open_masks_folder
from retina_xai.evaluation.lesions import comparison
from retina_xai.evaluation.lesions.baselines import (
    COMPARED,
    DeletedEvidence,
    EveryPixel,
    PostProcessed,
    compared_methods,
    shuffled_classifier,
)
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.retina import FLIPS, MAX_CHANGE, RetinaFGVis
from retina_xai.games.smoothing import gaussian_blur
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.phantoms.phantom import PhantomSettings, make_phantom


@pytest.fixture(scope="module")
def classifier(weights):
    return load_classifier(weights)


@pytest.fixture
def dataset(tmp_path):
    for name, seed, grade in (("a", 3, 3), ("b", 5, 3), ("c", 4, 0)):
        phantom = make_phantom(seed, 96, 120, grade, PhantomSettings(types=("haemorrhages",)))
        for place, pixels in (("images", phantom.pixels), ("HE", phantom.masks["haemorrhages"])):
            (tmp_path / "data" / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "data" / place / f"{name}.png")
    return open_masks_folder(tmp_path / "data")


@pytest.fixture(scope="module")
def image():
    return torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))


def processed(evidence_of, image, score):
    """The post-processing of the retina protocol, one view after the other."""
    total = 0
    for size, flip in product((96, round(96 * 10 / 7)), FLIPS):
        view = nn.functional.interpolate(image, (size, size), mode="bicubic") if size > 96 else image
        view = view.flip(flip) if flip else view
        deleted = evidence_of(view)[:, None] * (evidence_of(view)[:, None] > 0.01)
        change = (deleted * view.abs().clamp(max=MAX_CHANGE)).mean(dim=1, keepdim=True)
        change = change.flip(flip) if flip else change
        sigma = 4 / 448 * 96
        root = gaussian_blur(change, int(3 * sigma) + 1, sigma).clamp(min=0).sqrt()
        total = total + nn.functional.interpolate(root, (96, 96), mode="bilinear", antialias=True)
    change = score * (total / 8).square()[0, 0]
    return change / (change + RetinaFGVis().half_change)


def test_a_baseline_has_the_post_processing_of_our_protocol(classifier, image):
    found = PostProcessed(DeletedEvidence(base=Saliency()))(classifier.model, image, 1)
    score = classifier.scores(image)[0]
    expected = processed(lambda view: Saliency()(classifier.model, view, 1).evidence, image, score)
    torch.testing.assert_close(found.evidence[0], expected, atol=1e-4, rtol=1e-3)
    assert found.candidate_fraction == 0.08
    assert found.settings["method"] == "post-processed"
    assert found.settings["base"]["method"] == "saliency"
    plain = Saliency()(classifier.model, image, 1).evidence
    assert (found.evidence - plain).abs().max() > 0.1


def test_contrast_does_not_depend_on_the_network(classifier, image):
    explain = COMPARED["contrast"].make()
    found = explain(classifier.model, image, 1).evidence[0]
    torch.testing.assert_close(
        found, processed(lambda view: torch.ones_like(view[:, 0]), image, 1.0), atol=1e-5, rtol=1e-4
    )
    other = explain(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)), image, 1).evidence[0]
    torch.testing.assert_close(found, other)
    assert EveryPixel()(classifier.model, image, 1).evidence.min() == 1


def test_a_shuffled_network_still_depends_on_the_photograph(dataset, classifier):
    before = {name: value.clone() for name, value in classifier.model.state_dict().items()}
    shuffled = shuffled_classifier(classifier, dataset, seed=3)
    assert all(torch.equal(value, before[name]) for name, value in classifier.model.state_dict().items())
    weight, original = shuffled.model.features[0].weight, classifier.model.features[0].weight
    assert not torch.equal(weight, original)
    assert torch.equal(weight.flatten().sort().values, original.flatten().sort().values)
    assert not any(module.training for module in shuffled.model.modules())
    images = torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    assert shuffled.scores(images).std() > 1e-4
    assert shuffled.sha256 != classifier.sha256
    again = shuffled_classifier(classifier, dataset, seed=3)
    torch.testing.assert_close(again.scores(images), shuffled.scores(images))


def test_our_method_is_always_among_the_rows():
    assert [one.key for one in compared_methods(["contrast"])] == ["retina", "contrast"]
    assert [one.key for one in compared_methods()] == list(COMPARED)
    with pytest.raises(UsageError, match="unknown method 'magic': choose of retina, "):
        compared_methods(["magic"])


def test_differences_are_paired(monkeypatch):
    rng = np.random.default_rng(0)
    ours = np.concatenate([[0.5], rng.normal(0.5, 0.2, 400)])
    compared = comparison._compared(ours - 0.1, ours)
    assert compared.difference == pytest.approx(-0.1)
    assert compared.difference_interval.low == pytest.approx(-0.1)
    assert compared.difference_interval.high == pytest.approx(-0.1)
    assert compared.interval.high - compared.interval.low > 0.5
    assert np.isnan(comparison._compared(ours, ours).difference)


def test_the_command_writes_table_and_result(dataset, weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(comparison, "RESAMPLES", 20)
    call = command(monkeypatch, capsys)
    out = tmp_path / "out"
    methods = ("--method", "saliency-processed", "--method", "contrast", "--method", "shuffled")
    code, shown, err = call(
        "evaluate", "baselines", "--data", tmp_path / "data", "--out", out, "--weights", weights, *methods
    )
    assert (code, err) == (0, "")
    told = json.loads((out / "result.json").read_text())["methods"]
    assert list(told) == ["retina", "saliency-processed", "contrast", "shuffled"]
    own = json.loads((out / "retina" / "result.json").read_text())["lesion_types"]["any"]
    assert told["retina"]["average_precision"]["value"] == pytest.approx(own["average_precision"])
    assert told["retina"]["froc"]["value"] == pytest.approx(own["froc"]["mean"]["value"])
    assert told["retina"]["froc"]["difference"] is None
    for key in ("saliency-processed", "contrast", "shuffled"):
        other = json.loads((out / key / "result.json").read_text())["lesion_types"]["any"]
        expected = other["average_precision"] - own["average_precision"]
        assert told[key]["average_precision"]["difference"] == pytest.approx(expected)
    assert "Contrast, no network" in shown
    assert (out / "table.md").read_text().count("\n") == 6
