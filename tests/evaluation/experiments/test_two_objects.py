"""A3.2: how far two explanations of one photograph are told apart."""

import json
import math

import numpy as np
import pytest
import torch
from helpers.networks import TinyNet
from helpers.tiny_network import CLASSES, photographs, tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.two_objects import TwoObjects, compare, kept
from retina_xai.explainers.fgvis import FGVis


def test_equal_disjoint_and_overlapping_maps():
    left, right, middle = np.zeros((3, 4, 4))
    left[:, :2], right[:, 2:], middle[:, 1:3] = 1, 1, 0.5
    assert compare(left, left) == {"iou": 1, "overlap": 1}
    assert compare(left, right) == {"iou": 0, "overlap": 0}
    # Four of twelve pixels are shared; scale does not matter: min sums to 1/2, max to 3/2.
    assert compare(left, middle) == {"iou": pytest.approx(1 / 3), "overlap": pytest.approx(1 / 3)}
    assert compare(left, np.zeros((4, 4))) == {"iou": 0, "overlap": 0}
    assert all(math.isnan(value) for value in compare(np.zeros((4, 4)), np.zeros((4, 4))).values())


def test_own_and_other_scores():
    after = torch.tensor([[0.01, 0.30], [0.45, 0.04]])
    found = kept(after, torch.tensor([0.5, 0.4]))
    assert found["own"] == pytest.approx((0.02 + 0.10) / 2)
    assert found["other"] == pytest.approx((0.75 + 0.90) / 2)
    assert found["told_apart"] == 1
    assert kept(after.flip(0), torch.tensor([0.5, 0.4]))["told_apart"] == 0
    # Shares left (0.6, 0.8) and (0.1, 0.05): class 0 loses more by the other's evidence, class 1 by its own.
    assert kept(torch.tensor([[0.3, 0.32], [0.05, 0.02]]), torch.tensor([0.5, 0.4]))["told_apart"] == 0.5


def test_chosen_classes_are_explained_on_every_photograph(tmp_path):
    subject = Subject((tiny_network(),), photographs(tmp_path / "in", ("a", "b")))
    figures = run_experiment(TwoObjects(("dog", "4"), iterations=5), subject, tmp_path / "out").findings.figures
    cases = json.loads((tmp_path / "out" / "result.json").read_text())["cases"]
    assert [case["classes"] for case in cases] == 2 * [["dog", CLASSES[4]]]
    assert (figures["n"], figures["left_out"]) == (2, 0)
    assert figures["own"] == pytest.approx(np.mean([case["own"] for case in cases]))
    assert figures["converged"] == np.mean([case["converged"] for case in cases])
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 2
    assert (tmp_path / "out" / "overlap.png").exists()


def test_a_second_class_that_the_network_does_not_see_is_left_out(tmp_path):
    subject = Subject((tiny_network(),), photographs(tmp_path / "in", ("a",)))
    summary = run_experiment(TwoObjects(iterations=2, least_score=0.99), subject, tmp_path / "out").findings
    assert (summary.figures["n"], summary.figures["left_out"]) == (0, 1)
    assert math.isnan(summary.figures["iou"])


def test_an_undefined_measure_is_left_out_of_the_mean(tmp_path, monkeypatch):
    measures = iter([{"iou": math.nan, "overlap": math.nan}, {"iou": 0.25, "overlap": 0.5}])
    monkeypatch.setattr("retina_xai.evaluation.experiments.two_objects.compare", lambda one, other: next(measures))
    subject = Subject((tiny_network(),), photographs(tmp_path / "in", ("a", "b")))
    figures = run_experiment(TwoObjects(("dog", "cat"), iterations=2), subject, tmp_path / "out").findings.figures
    assert (figures["n"], figures["iou"], figures["overlap"]) == (2, 0.25, 0.5)


def test_the_protocol_is_that_of_the_faithfulness_runs():
    explain = TwoObjects()._explainer(3)
    assert explain == FGVis("deletion", (1e-7, 1e-8, 1e-9, 1e-10), 0.3, 500, stop_ratio=0.02, seed=3)


def test_wrong_classes_are_refused_before_anything_is_done(tmp_path):
    subject = Subject((tiny_network(),), photographs(tmp_path / "in", ("a",)))
    with pytest.raises(UsageError, match="1 classes: give two"):
        TwoObjects(("dog",))
    with pytest.raises(UsageError, match=r"unknown class 'dogg' \(close: dog\)"):
        run_experiment(TwoObjects(("dogg", "cat")), subject, tmp_path / "out")
    with pytest.raises(UsageError, match="class dog was given twice: give two different ones"):
        run_experiment(TwoObjects(("dog", "1")), subject, tmp_path / "out")
    alone = Subject((tiny_network(TinyNet(1).eval(), ("cat",)),), subject.images)
    with pytest.raises(UsageError, match="has one class, and two are compared"):
        run_experiment(TwoObjects(), alone, tmp_path / "out")
    assert not (tmp_path / "out").exists()
