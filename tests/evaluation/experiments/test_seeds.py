"""The seed of the command reaches everything random in an experiment."""

from dataclasses import replace

import pytest
import torch
from helpers.red_squares import write_csv_boxes
from helpers.tiny_network import photographs, tiny_network

from retina_xai.evaluation.experiments.base import Subject
from retina_xai.evaluation.experiments.registry import EXPERIMENTS
from retina_xai.evaluation.objects.boxes import Box
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.vebi import VEBI

QUICK = {
    "adversarial-evidence": {"iterations": 3, "judged_every": 1, "shown": 0},
    "an8flower": {"sets": ("single-6c",), "flowers": 2, "epochs": 1, "tested": 1, "shown": 0},
    "black-image": {"iterations": 3, "judged_every": 1, "shown": 0},
    "deletion": {"iterations": 3, "masks": 6, "samples": 6, "shown": 0},
    "gallery": {"iterations": 3, "game": ("deletion",), "lam": (1e-6,)},
    "localization": {"iterations": 3},
    "stability": {"game": FGVis(lam=1e-8, iterations=3), "starts": (1,)},
    "trade-off": {"configurations": ("fgvis:max:1e-5",), "iterations": 3, "black_classes": 0},
    "two-objects": {"iterations": 3},
}
UNSEEDED = {"colour-bias"}
"""Experiments in which nothing is random but the choice of photographs."""


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_another_seed_changes_what_is_measured_and_the_same_seed_does_not(name, tmp_path):
    quick = dict(QUICK.get(name, {}))
    if name == "localization":
        quick["boxes"] = write_csv_boxes(tmp_path / "boxes.csv", [Box(20, 20, 60, 60, "cat")])
    if name == "vebi":
        fitted = VEBI().fitted(tiny_network().model, [(torch.randn(5, 3, 32, 32), range(5))])
        fitted.relevance.save(tmp_path / "relevance.safetensors")
        quick |= {"weights": str(tmp_path / "relevance.safetensors"), "shown": 0}
    experiment = EXPERIMENTS[name].load()(**quick)
    subject = Subject((tiny_network(),), photographs(tmp_path, ("a",)), limit=1)
    case = experiment.cases(subject)[0]
    first, again, other = (experiment.measure(replace(subject, seed=seed), case).record for seed in (0, 0, 1))
    assert first == again
    assert (first == other) == (name in UNSEEDED)
