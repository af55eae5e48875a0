"""Score and threshold for a site: known shifts are found, figures are out of fold, and the weights hold both."""

import csv
import json

import numpy as np
import pytest
import torch
from helpers.command_line import command, one_line

from retina_xai.evaluation.grades import scoring
from retina_xai.evaluation.grades.site import fit_site
from retina_xai.fundus.quality import Gradability
from retina_xai.io.images import write_png
from retina_xai.metrics.classification import OPERATING_POINTS
from retina_xai.metrics.platt import logits_of_scores
from retina_xai.models.checkpoint import load_classifier
from retina_xai.verdict import Verdict


def drawn(count=4000, slope=0.6, shift=-1.5, seed=0):
    """Labels whose log odds are slope * z + shift."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, count)
    return rng.random(count) < 1 / (1 + np.exp(-(slope * logits + shift))), logits


@pytest.mark.parametrize("rule", OPERATING_POINTS)
def test_the_threshold_follows_the_rule(rule):
    labels, logits = drawn()
    fit = fit_site(labels, logits, rule)
    called = fit.platt.scores(logits) >= fit.threshold
    sensitivity, specificity = called[labels].mean(), (~called[~labels]).mean()
    expected = {"sensitivity": sensitivity >= 0.9, "specificity": specificity >= 0.9, "youden": sensitivity > 0.6}
    assert expected[rule]


@pytest.fixture
def site(tmp_path, monkeypatch):
    """60 photographs of 30 patients; their score is their brightness, too low for the threshold."""
    folder, rng = tmp_path / "site", np.random.default_rng(1)
    rows = []
    for number in range(60):
        positive = number % 4 >= 2
        level = int(np.clip(rng.normal(95 if positive else 45, 22), 1, 250))
        write_png(folder / f"p{number}.png", np.full((64, 64, 3), level, np.uint8))
        rows.append((f"p{number}", 2 if positive else 0, number // 2))
    with (folder / "own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "patient"), *rows])

    def predict(photograph, classifier):
        return Verdict(Gradability("good", ""), int(photograph.pixels[0, 0, 0]) / 255, classifier.facts.threshold)

    monkeypatch.setattr(scoring, "predict", predict)
    return folder


def test_the_command_writes_weights_with_the_fit(site, weights, tmp_path, monkeypatch, capsys):
    call = command(monkeypatch, capsys)
    line = ("calibrate", "--data", site, "--labels", site / "own.csv", "--patient-column", "patient")
    code, text, error = call(*line, "--weights", weights, "--out", tmp_path / "out")
    assert code == 0, error
    assert "after, out of fold: sensitivity" in text
    facts = json.loads((tmp_path / "out" / "calibration.json").read_text())
    assert facts["before"]["sensitivity"] < 0.3
    assert facts["after"]["sensitivity"] > 0.7
    assert facts["after"]["ece"] < facts["before"]["ece"]
    before, after = load_classifier(weights), load_classifier(tmp_path / "out" / "rdr.safetensors")
    assert after.facts.threshold == facts["threshold"]
    assert after.facts.training["site"]["photographs"] == 60
    images = torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    logits = logits_of_scores(before.scores(images).double().numpy())
    expected = 1 / (1 + np.exp(-(facts["slope"] * logits + facts["shift"])))
    np.testing.assert_allclose(after.scores(images).numpy(), expected, atol=1e-5)
    code, text, _ = call(*line, "--weights", weights, "--out", tmp_path / "out")
    assert code == 0
    assert "done before" in text


def test_too_few_photographs_of_a_class_are_one_line(site, weights, tmp_path, monkeypatch, capsys):
    rows = (site / "own.csv").read_text().splitlines()
    (site / "own.csv").write_text("\n".join(rows[:1] + [row for row in rows[1:] if ",0," in row] + rows[3:5]) + "\n")
    for path in site.glob("*.png"):
        if f"{path.stem}," not in (site / "own.csv").read_text():
            path.unlink()
    line = ("calibrate", "--data", site, "--labels", site / "own.csv", "--weights", weights)
    code, _, error = command(monkeypatch, capsys)(*line, "--out", tmp_path / "out")
    assert code == 3
    assert "at least 20 of each are needed" in one_line(error)
    code, _, error = command(monkeypatch, capsys)(*line, "--out", tmp_path / "out", "--rule", "best")
    assert code == 2
    assert "rule 'best': choose one of youden" in one_line(error)
