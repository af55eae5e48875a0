"""Table A2: entropy against closed forms, and its mean and spread."""

import math
import statistics

import pytest
import torch
from helpers.tiny_network import photographs, tiny_network

from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.reference_entropy import REFERENCES, ReferenceEntropy, entropy
from retina_xai.games.references import Blur, GaussianNoise, Zero


@pytest.mark.parametrize(
    ("scores", "nats"),
    [
        ([0.25, 0.25, 0.25, 0.25], math.log(4)),
        ([0.5, 0.5, 0.0, 0.0], math.log(2)),
        ([1.0, 0.0, 0.0, 0.0], 0.0),
        ([0.9, 0.1, 0.0, 0.0], -0.9 * math.log(0.9) - 0.1 * math.log(0.1)),
    ],
)
def test_entropy_in_closed_form(scores, nats):
    logits = torch.tensor([scores], dtype=torch.float64).log() + 3
    assert float(entropy(logits)) == pytest.approx(nats, abs=1e-9)


def test_the_references_are_those_of_table_a2():
    made = {name: reference for name, (_, reference) in REFERENCES.items()}
    image = torch.rand(1, 3, 8, 8)
    assert torch.equal(made.pop("plain")(image, 0), image)
    assert made == {
        "zero": Zero(),
        "noise_8": GaussianNoise(8),
        "noise_32": GaussianNoise(32),
        "blur_5": Blur(5),
        "blur_10": Blur(10),
    }


@pytest.mark.parametrize("seed", [0, 4])
def test_noise_follows_from_the_seed_and_the_photograph(tmp_path, seed):
    subject = Subject((tiny_network(),), photographs(tmp_path / "in", ("a", "b")), seed=seed)
    found = []
    for case in subject.photographs():
        record = ReferenceEntropy(shown=0).measure(subject, case).record
        image = subject.network.input_of(case.photograph())
        for name, sigma in (("noise_8", 8), ("noise_32", 32)):
            noise = GaussianNoise(sigma)(image, (case.seed + seed) % 2**32)
            assert record[name] == pytest.approx(float(entropy(subject.network.logits(noise))), abs=1e-9)
        found.append(record["noise_32"])
    assert found[0] != found[1]


def test_mean_and_spread_over_the_photographs(tmp_path):
    network = tiny_network()
    subject = Subject((network,), photographs(tmp_path / "in", ("a", "b", "c")))
    experiment = ReferenceEntropy(shown=1)
    figures = run_experiment(experiment, subject, tmp_path / "out").findings.figures
    records = [experiment.measure(subject, case).record for case in subject.photographs()]
    for name in REFERENCES:
        values = [record[name] for record in records]
        assert figures[f"{name}.mean"] == pytest.approx(statistics.mean(values))
        assert figures[f"{name}.sd"] == pytest.approx(statistics.stdev(values))
    assert figures["zero.sd"] == pytest.approx(0, abs=1e-12)
    assert figures["noise_32.sd"] > 0
    assert figures["highest"] == math.log(5)
    assert records[0]["zero"] == pytest.approx(float(entropy(network.logits(torch.zeros(1, 3, 32, 32)))))
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 1
