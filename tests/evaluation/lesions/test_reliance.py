"""Lesion reliance of a data set: areas, random places, resume, medians by patient, and the command."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.command_line import command
from PIL import Image

from retina_xai.errors import UsageError
from retina_xai.evaluation.datasets.masks_folder import open_masks_folder
from retina_xai.evaluation.lesions.reliance import (
    AREAS,
    AreaReliance,
    ImageReliance,
    RelianceSettings,
    RelianceWatch,
    evaluate_reliance,
    measure_photograph,
    settings_for,
)
from retina_xai.evaluation.lesions.reliance_table import (
    reliance_caption,
    reliance_table,
    summarise_reliance,
    write_reliance,
)
from retina_xai.evaluation.lesions.run import LocalizationSetup
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.lesions.candidates import binarise
from retina_xai.localization import localize
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.phantoms.phantom import PhantomSettings, make_phantom

SETTINGS = RelianceSettings("single", repetitions=3, resamples=50)


@pytest.fixture(scope="module")
def classifier(weights):
    return load_classifier(weights)


@pytest.fixture
def dataset(tmp_path):
    """Two phantoms with haemorrhages, and one without a lesion."""
    for name, seed, grade in (("1_left", 3, 3), ("1_right", 5, 3), ("2_left", 4, 0)):
        phantom = make_phantom(seed, 192, 240, grade, PhantomSettings(types=("haemorrhages",)))
        mask = phantom.masks["haemorrhages"]
        for place, pixels in (("images", phantom.pixels), ("HE", mask)):
            (tmp_path / "data" / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "data" / place / f"{name}.png")
    return open_masks_folder(tmp_path / "data")


def test_areas_are_lesions_evidence_and_equal_areas_beside_the_lesions(dataset, classifier):
    case = dataset.cases[0]
    found = localize(case.photograph(), classifier, fundus_explainer("saliency"), ungradable=True)
    lesions = case.truth(None, found.evidence.shape).masks["haemorrhages"]
    result = measure_photograph(found, classifier, lesions, SETTINGS)
    inside = found.field_of_view
    assert list(result.areas) == list(AREAS)
    assert result.areas["lesions"].area == pytest.approx((lesions & inside).sum() / inside.sum())
    candidates = binarise(found.evidence, found.candidate_fraction) & inside
    assert result.areas["evidence"].area == pytest.approx(candidates.sum() / inside.sum())
    assert result.areas["random_lesions"].area == pytest.approx(result.areas["lesions"].area)
    assert 0 <= result.misplaced < 0.5
    with torch.no_grad():
        kept = 1 - torch.from_numpy(found.fundus.geometry.map_from_file((lesions & inside).astype(float)))
        logits = classifier.model(torch.cat([found.image, found.image * kept, 0 * found.image]))
    whole, without, nothing = (logits[:, 1] - logits[:, 0]).tolist()
    assert result.areas["lesions"].without == pytest.approx(without, abs=1e-4)
    expected = (whole - without) / (whole - nothing) if whole > nothing else np.nan
    assert result.areas["lesions"].removed == pytest.approx(expected, abs=1e-3, nan_ok=True)


def test_random_areas_lie_on_no_lesion(dataset, classifier, monkeypatch):
    from retina_xai.evaluation.lesions import reliance as module

    case = dataset.cases[0]
    found = localize(case.photograph(), classifier, fundus_explainer("saliency"), ungradable=True)
    lesions = np.zeros(found.evidence.shape, bool)
    lesions[90:100, 110:125] = True
    seen = []
    original = module._moved
    monkeypatch.setattr(module, "_moved", lambda *given: seen.append(original(*given)) or seen[-1])
    measure_photograph(found, classifier, lesions, SETTINGS)
    placed = seen[: SETTINGS.repetitions]
    assert all(mask.sum() == 150 and not (mask & lesions).any() for mask in placed)
    assert not np.array_equal(placed[0], placed[1])


def test_a_run_resumes_and_photographs_without_lesions_are_counted(dataset, classifier, tmp_path):
    setup = LocalizationSetup(classifier, "saliency")
    settings = replace(settings_for(dataset, setup, 2), resamples=20)
    done = []
    watch = RelianceWatch(on_item=done.append)
    first = evaluate_reliance(dataset, setup, tmp_path / "out", settings, watch)
    again = evaluate_reliance(dataset, setup, tmp_path / "out", settings, watch)
    assert [one.seconds is None for one in done] == [False] * 3 + [True] * 3
    assert repr(first) == repr(again)
    assert [bool(one.areas) for one in first] == [True, True, False]
    summary = write_reliance(tmp_path / "out" / "result.json", dataset, settings, first)
    assert (summary.images, summary.without_lesion) == (3, 1)
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert told["experiment"] == "lesion_reliance"
    assert len(told["images"]) == 3
    with pytest.raises(UsageError, match=r"made with other settings \(repetitions\)"):
        evaluate_reliance(dataset, setup, tmp_path / "out", replace(settings, repetitions=3), watch)


def known(name, removed, *, margin=2.0):
    """A photograph whose lesions take `removed` of the margin, and random areas a tenth of that."""
    shares = {"lesions": removed, "random_lesions": removed / 10, "evidence": 1.0, "random_evidence": 0.0}
    areas = {key: AreaReliance(0.1, 0.0, 0.0, share, share) for key, share in shares.items()}
    return ImageReliance(f"{name}.png", 0.9, margin, 0.0, 0.0, areas)


def test_medians_are_over_photographs_and_intervals_over_patients():
    values = [0.1, 0.2, 0.5, 0.8, 0.9]
    apart = summarise_reliance([known(f"photo {k}", value) for k, value in enumerate(values)], SETTINGS)
    assert apart.areas["lesions"]["removed"].value == 0.5
    assert apart.differences["lesions"]["removed"].value == pytest.approx(0.45)
    assert apart.areas["lesions"]["score_without"].value == 0.5
    interval = apart.areas["lesions"]["removed"].interval
    assert interval.low < 0.5 < interval.high
    together = summarise_reliance(
        [known(f"7_{side}", value) for side, value in zip(("left", "right"), (0.2, 0.8), strict=True)], SETTINGS
    )
    one = together.areas["lesions"]["removed"]
    assert (one.interval.low, one.interval.high) == (one.value, one.value) == (0.5, 0.5)


def test_photographs_without_a_positive_margin_are_left_out():
    summary = summarise_reliance([known("a", 0.4), known("b", np.nan, margin=-1.0)], SETTINGS)
    assert (summary.images, summary.measured, summary.without_lesion) == (2, 1, 0)
    assert summary.areas["lesions"]["removed"].value == 0.4
    nothing = summarise_reliance([], SETTINGS)
    assert np.isnan(nothing.areas["lesions"]["removed"].value)


def test_the_table_has_a_row_per_area_and_per_difference(dataset):
    summary = summarise_reliance([known("a", 0.4), known("b", 0.6)], SETTINGS)
    table = reliance_table(summary)
    assert list(table.index) == [
        "experts' lesions",
        "the same areas elsewhere",
        "experts' lesions, difference",
        "evidence",
        "the same areas elsewhere (evidence)",
        "evidence, difference",
    ]
    assert table.loc["experts' lesions", "margin removed"].startswith("0.50 (0.40-")
    assert "2 of 2 photographs" in reliance_caption(dataset, SETTINGS, summary)


def test_the_command_writes_the_result(dataset, weights, tmp_path, monkeypatch, capsys):
    call = command(monkeypatch, capsys)
    out = tmp_path / "out"
    given = ("--data", tmp_path / "data", "--out", out, "--weights", weights, "--method", "saliency")
    code, shown, err = call("evaluate", "reliance", *given, "--repetitions", 2)
    assert (code, err) == (0, "")
    assert "Lesion reliance on" in shown
    assert json.loads((out / "result.json").read_text())["settings"]["repetitions"] == 2
