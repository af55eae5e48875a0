"""`--set` in every command that takes it: it reaches the method or experiment, and a resumed run compares it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.command_line import FACTORY, command
from helpers.tiny_network import photographs
from PIL import Image

from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.io.images import read_image, write_png
from retina_xai.localization import localize
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.phantoms.datasets import PhantomSet, write_diaretdb1
from retina_xai.training.phantoms.phantom import make_phantom

SHORT = ("--set", "game.iterations=2", "--set", "fraction=0.5")


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command, in an empty folder with a factory `tiny_factory:make`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_factory.py").write_text(FACTORY)
    return command(monkeypatch, capsys)


def refused(found, message):
    code, _, err = found
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_localize_explains_and_finds_candidates_with_the_settings_given(call, tmp_path, weights):
    write_png(tmp_path / "eye.png", make_phantom(3, 192, 240, grade=3).pixels)
    run = ("localize", "eye.png", "--weights", weights, "--out", "out")
    code, _, err = call(*run, *SHORT)
    assert (code, err) == (0, "")
    record = json.loads((tmp_path / "out" / "eye.json").read_text())
    assert record["method"]["settings"]["iterations"] == 2
    assert record["binarisation"]["fraction_of_maximum"] == record["method"]["settings"]["fraction"] == 0.5
    protocol = fundus_explainer("retina")
    asked = replace(protocol, game=replace(protocol.game, iterations=2), fraction=0.5)
    photograph, classifier = read_image(tmp_path / "eye.png"), load_classifier(weights)
    expected = localize(photograph, classifier, asked)
    stored = np.asarray(Image.open(tmp_path / "out" / "eye_evidence.png"))
    assert np.array_equal(stored, np.rint(expected.evidence * 65535).astype(np.uint16))
    assert [lesion["score"] for lesion in record["lesions"]] == [lesion.score for lesion in expected.lesions]
    usual = localize(photograph, classifier, protocol)
    assert not np.array_equal(usual.evidence, expected.evidence)
    assert expected.lesions
    refused(call(*run, *SHORT[:2]), "made with other settings (method)")
    refused(
        call(*run, "--set", "masks=3"),
        "method retina has no setting 'masks', it has score, game.score, game.game, game.lam",
    )
    refused(call(*run, "--set", "fraction=x"), "--set fraction=x: expected a number")
    refused(call(*run, "--set", "fraction=3"), "fraction 3.0: give a share of the maximum from 0 to 1")


def test_evaluate_counts_with_the_settings_given(call, tmp_path, weights):
    write_diaretdb1(tmp_path / "data", 2, 1, PhantomSet(height=96, width=120))
    run = ("evaluate", "diaretdb1", "--data", "data", "--split", "all", "--weights", weights, "--out", "out")
    code, _, err = call(*run, *SHORT)
    assert (code, err) == (0, "")
    settings = json.loads((tmp_path / "out" / "result.json").read_text())["settings"]
    assert settings["fraction"] == 0.5
    assert settings["method"]["method"]["settings"]["iterations"] == 2
    refused(call(*run, *SHORT[2:]), "made with other settings (method)")
    refused(call(*run, "--set", "size=3"), "method retina has no setting 'size'")


def test_an_experiment_runs_with_the_settings_given(call, tmp_path):
    photographs(tmp_path / "in", ("a", "b"))
    run = ("experiment", "reference-entropy", "--images", "in", "--model", "tiny_factory:make", "--out", "out")
    code, _, err = call(*run, "--set", "shown=1")
    assert (code, err) == (0, "")
    assert json.loads((tmp_path / "out" / "result.json").read_text())["settings"]["shown"] == 1
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 1
    refused(call(*run, "--set", "shown=2"), "made with other settings (settings)")
    refused(call(*run, "--set", "shown=2.5"), "--set shown=2.5: expected a whole number")
    refused(call(*run, "--set", "lr=1"), "experiment reference-entropy has no setting 'lr', it has shown")


def test_methods_of_the_comparison_can_be_chosen(call, tmp_path):
    photographs(tmp_path / "in", ("a",))
    run = ("experiment", "deletion", "--images", "in", "--model", "tiny_factory:make", "--out", "out")
    quick = ("--iterations", "2", "--set", "resamples=20", "--set", "shown=0")
    code, _, err = call(*run, *quick, "--set", "methods=fgvis,saliency,random")
    assert (code, err) == (0, "")
    figures = json.loads((tmp_path / "out" / "result.json").read_text())["figures"]
    assert {name.removeprefix("auc.") for name in figures if name.startswith("auc.")} == {"fgvis", "saliency", "random"}
    refused(call(*run, *quick, "--set", "methods=fgvis,random"), "made with other settings (settings)")
    refused(call(*run, "--set", "methods=rise"), "methods rise: add fgvis")
    refused(call(*run, "--set", "methods=fgvis,magic"), "unknown method 'magic': choose one of fgvis, ")


def test_the_help_lists_every_method(call):
    _, text, _ = call("explain", "--help")
    assert "grad-cam" in text
    assert "NAME=VALUE" in text


def test_settings_that_only_concern_the_execution_may_change(call, tmp_path):
    photographs(tmp_path / "in", ("a",))
    run = ("explain", "in", "--model", "tiny_factory:make", "--out", "out", "--method", "occlusion", "--no-trust")
    assert call(*run)[0] == 0
    code, text, _ = call(*run, "--set", "batch=3")
    assert (code, text.count("done before")) == (0, 1)
    assert FGVis(batch_size=3).settings() == FGVis().settings()
