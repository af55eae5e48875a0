"""Table A1: the black image, and which classes are aimed at."""

import json

import numpy as np
import pytest
import torch
from helpers.networks import TinyNet
from helpers.tiny_network import RULES, tiny_network

from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.black_image import BlackImage, black, targets
from retina_xai.evaluation.experiments.reach import GENERATION, Reach, reach

CLASSES = tuple(f"c{number}" for number in range(12))


@pytest.fixture(scope="module")
def network():
    return tiny_network(TinyNet(len(CLASSES)).eval(), CLASSES)


def test_black_is_a_photograph_of_pixel_zero(network):
    pixels = np.zeros((50, 60, 3), np.uint8)
    assert torch.allclose(black(network)[0], RULES.to_tensor(pixels))
    assert not network.preprocessing.to_pixels(black(network)[0]).any()


def test_every_class_but_those_of_the_black_image_and_of_the_start(network):
    image = black(network)
    start = GENERATION.start_mask(image.shape, 3, image) * image
    seen = {int(network.logits(image).argmax()), int(network.logits(start).argmax())}
    assert targets(network, 3) == [index for index in range(len(CLASSES)) if index not in seen]


class TwoClasses(TinyNet):
    """Sees class 3 in dark pictures and class 8 in all others."""

    def forward(self, images):
        dark = images.mean(dim=(1, 2, 3)) < -1
        seen = torch.where(dark, 3, 8)
        return super().forward(images) * 0.1 + 9 * torch.nn.functional.one_hot(seen, len(CLASSES))


def test_the_class_of_the_start_is_left_out_where_it_is_another_than_that_of_black():
    network = tiny_network(TwoClasses(len(CLASSES)).eval(), CLASSES)
    assert targets(network, 0) == [0, 1, 2, 4, 5, 6, 7, 9, 10, 11]


def test_the_start_whose_class_is_left_out_is_that_of_the_seed(network, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "retina_xai.evaluation.experiments.black_image.targets", lambda network, seed: asked.append(seed) or [2, 5]
    )
    (case,) = BlackImage().cases(Subject((network,), seed=6))
    assert (asked, case.identity) == ([6], "2 5")


def test_pieces_hold_each_chosen_class_once(network):
    cases = BlackImage(batch=4).cases(Subject((network,), limit=9, seed=2))
    chosen = [int(word) for case in cases for word in case.identity.split()]
    assert [len(case.identity.split()) for case in cases] == [4, 4, 1]
    assert sorted(set(chosen)) == chosen
    assert set(chosen) <= set(targets(network, 2))
    everything = BlackImage().cases(Subject((network,), seed=2))
    assert [int(word) for case in everything for word in case.identity.split()] == targets(network, 2)


def test_figures_count_classes_and_each_plays_alone(network, tmp_path):
    experiment = BlackImage(iterations=6, judged_every=3, batch=3, defences=("none", "fgvis", "staged"), strict_steps=2)
    subject = Subject((network,), limit=4, seed=0)
    outcome = run_experiment(experiment, subject, tmp_path)
    assert outcome.findings.figures["n"] == 4
    cases = json.loads((tmp_path / "result.json").read_text())["cases"]
    rows = [row for case in cases for row in case["classes"]]
    for defence in experiment.defences:
        reached = sum(row[defence]["reached"] for row in rows)
        assert outcome.findings.figures[f"{defence}.absent"] == reached / 4
    settings = Reach(0.1, 0.0, 6, 3, 0, strict_steps=2)
    for row in rows:
        alone = reach(network.model, black(network), torch.tensor([row["index"]]), settings, "staged")
        assert row["staged"]["score"] == float(alone.score)
    assert outcome.findings.table.index.tolist()[:3] == [
        ("tiny", "undefended"),
        ("tiny", "defended (FGVis)"),
        ("tiny", "defended, FGVis and then reference bounds"),
    ]


def test_the_paper_protocol_is_the_default():
    assert (BlackImage().defences, BlackImage().lam) == (("none", "fgvis"), 0.0)
