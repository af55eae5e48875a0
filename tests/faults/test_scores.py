"""A score that is not a number in [0, 1] is an error of that photograph, never a decision."""

import json

import pandas as pd
import pytest
import torch
from helpers.command_line import command
from helpers.viewer_services import open_at
from helpers.waiting import until

from retina_xai.app.viewer.session import Session
from retina_xai.app.viewer.worklist import FAILED
from retina_xai.io.images import write_png
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.training.phantoms.phantom import make_phantom

NAMES = ("a", "b", "c")
BAD = "b"


@pytest.fixture
def folder(tmp_path):
    for seed, name in enumerate(NAMES):
        write_png(tmp_path / "in" / f"{name}.png", make_phantom(seed, 400, 480, grade=3).pixels)
    return tmp_path / "in"


@pytest.fixture(params=[float("nan"), float("inf"), -0.5, 1.5])
def odd_score(monkeypatch, request):
    """The network gives an impossible score for the second photograph that it is asked for, and 0.9 otherwise."""
    asked = []

    def scores(self, images):
        asked.append(images)
        return torch.tensor([request.param if len(asked) == 2 else 0.9])

    monkeypatch.setattr("retina_xai.models.checkpoint.self_test_score", lambda classifier: 0.5)
    monkeypatch.setattr("retina_xai.models.checkpoint._check_self_test", lambda path, classifier, stored: None)
    monkeypatch.setattr(RdrClassifier, "scores", scores)
    return request.param


def test_predict_leaves_the_photograph_out_and_names_it(odd_score, monkeypatch, capsys, tmp_path, folder, weights):
    out = tmp_path / "scores.csv"
    code, text, err = command(monkeypatch, capsys)("predict", folder, "--out", out, "--weights", weights)
    assert (code, err) == (5, "error: 1 of 3 photographs failed (b.png); the others are done\n")
    assert f"b.png: no decision, score {odd_score}: expected a number from 0 to 1; check the weights" in text
    assert [path.rsplit("/", 1)[1] for path in pd.read_csv(out)["path"]] == ["a.png", "c.png"]


def test_predict_of_that_photograph_alone_fails(odd_score, monkeypatch, capsys, tmp_path, folder, weights):
    RdrClassifier.scores(None, None)
    out = tmp_path / "scores.csv"
    code, _, err = command(monkeypatch, capsys)("predict", folder / "b.png", "--out", out, "--weights", weights)
    assert code == 3 and "b.png: no decision, score" in err


def test_localize_writes_no_result_for_it(odd_score, monkeypatch, capsys, tmp_path, folder, weights):
    arguments = ["localize", folder, "--out", tmp_path / "out", "--weights", weights, "--method", "saliency"]
    code, _, err = command(monkeypatch, capsys)(*arguments)
    assert code == 5 and "failed (b.png)" in err
    assert not list((tmp_path / "out").glob("b*"))
    assert json.loads((tmp_path / "out" / "a.json").read_text())["prediction"]["decision"] == "refer"


def test_evaluate_grades_counts_it_as_failed(odd_score, monkeypatch, capsys, tmp_path, folder, weights):
    (folder / "labels.csv").write_text("image,label\na,0\nb,2\nc,3\n")
    arguments = ["evaluate", "grades", "--data", folder, "--labels", folder / "labels.csv", "--weights", weights]
    code, _, err = command(monkeypatch, capsys)(*arguments, "--out", tmp_path / "out")
    assert code == 5 and "failed (b)" in err
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["counts"]["failed"] == 1 and result["figures"]["images"] == 2


def test_the_viewer_shows_it_as_unreadable(odd_score, tmp_path, folder, weights):
    served, session = open_at(tmp_path, weights, paths=(folder,)), Session()
    session.score(served.folder.items, served)
    until(lambda: all(job.ended for job in session.scoring.values()))
    session.collect()
    assert [one.decision for one in session.scored.values()].count(FAILED) == 1
    assert len(session.scored) == 3
