"""Table 1: games in blocks equal one long game, and the shares are counted right."""

import math

import pytest
import torch
from helpers.networks import TinyNet, smooth_images
from helpers.tiny_network import photographs, tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.adversarial_evidence import AdversarialEvidence, Reach, reach, reached_shares
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.explainers.fgvis import FGVis
from retina_xai.metrics.intervals import wilson


@pytest.fixture(scope="module")
def model():
    return TinyNet().eval()


def least_likely(model, images):
    with torch.no_grad():
        return model(images).argmin(dim=1)


@pytest.mark.parametrize("defended", [True, False])
def test_blocks_of_steps_are_one_long_game(model, defended):
    images = smooth_images(1, 24)
    targets = least_likely(model, images)
    long = FGVis("generation", lam=1e-10, lr=0.01, iterations=8, defended=defended)(model, images, targets)
    settings = Reach(lr=0.01, iterations=8, judged_every=3)
    blocks = reach(model, images, targets, settings, defended)
    assert not long.converged.any()
    assert torch.equal(blocks.mask, long.mask)
    assert torch.equal(blocks.score, long.score_after)
    assert blocks.steps.tolist() == [8]


def test_a_game_ends_at_the_first_look_at_which_its_class_is_the_most_likely(model):
    images, targets = smooth_images(1, 24).repeat(5, 1, 1, 1), torch.arange(5)
    settings = Reach(lr=0.1, iterations=20, judged_every=2)
    result = reach(model, images, targets, settings, defended=False)
    with torch.no_grad():
        seen = model(result.mask * images).argmax(dim=1)
    assert torch.equal(result.reached, seen == targets)
    assert result.reached.any()
    assert not result.reached.all()
    for row in result.reached.nonzero()[:, 0].tolist():
        steps = int(result.steps[row])
        assert steps % 2 == 0
        if steps > 2:
            earlier = Reach(lr=0.1, iterations=steps - 2, judged_every=steps)
            assert not reach(model, images[row : row + 1], targets[row : row + 1], earlier, False).reached


def test_shares_and_their_intervals():
    sides = [(True, False), (True, False), (True, True), (False, False)]
    records = [
        {
            "undefended": {"reached": plain, "steps": 10 + number},
            "defended": {"reached": cut, "steps": 7},
        }
        for number, (plain, cut) in enumerate(sides)
    ]
    figures = reached_shares(records)
    assert (figures["n"], figures["undefended"], figures["defended"]) == (4, 0.75, 0.25)
    assert figures["undefended.low"] == wilson(3, 4).low
    assert (figures["undefended.median_steps"], figures["defended.median_steps"]) == (11, 7)
    assert math.isnan(reached_shares(records[3:])["defended.median_steps"])


def test_the_experiment_aims_at_the_least_likely_class(tmp_path):
    network = tiny_network()
    subject = Subject((network,), photographs(tmp_path / "in", ("a", "b", "c")))
    outcome = run_experiment(AdversarialEvidence(iterations=6, judged_every=3, shown=1), subject, tmp_path / "out")
    assert set(outcome.findings.figures) >= {"n", "undefended", "defended", "defended.low", "undefended.high"}
    assert outcome.findings.table.index.tolist()[:2] == ["tiny", "VGG16 (published)"]
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 1
    image = network.input_of(subject.photographs()[0].photograph())
    record = AdversarialEvidence(iterations=1, shown=0).measure(subject, subject.photographs()[0]).record
    assert record["target_index"] == int(network.logits(image).argmin())
    assert record["target"] == network.classes[record["target_index"]]


def test_senseless_settings_are_refused():
    with pytest.raises(UsageError, match="lr 0, lam 1e-10, iterations 100"):
        Reach(lr=0)
    with pytest.raises(UsageError, match="lr -1"):
        AdversarialEvidence(lr=-1)
