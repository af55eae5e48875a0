"""The stability experiment: figures are those of the library, per number of starts, with their cost."""

from dataclasses import replace

import pytest
from helpers.tiny_network import photographs, tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.stability import StabilityOfMaps
from retina_xai.explainers.fgvis import FGVis
from retina_xai.metrics.stability import stability

SMALL = StabilityOfMaps(FGVis(lam=1e-8, iterations=4), starts=(1, 2), compared=1, resamples=50)


def test_the_figures_are_means_over_the_photographs(tmp_path):
    network = tiny_network()
    subject = Subject((network,), photographs(tmp_path / "in", ("a", "b")))
    findings = run_experiment(SMALL, subject, tmp_path / "out").findings
    assert findings.table.index.tolist() == ["1 start", "2 starts"]
    found, steps = [], []
    for case in subject.photographs():
        image = network.input_of(case.photograph())
        target = int(network.logits(image).argmax())
        seed = case.seed % 2**31
        explain = replace(SMALL.game, starts=2, seed=seed)
        explanation = explain(network.model, image, target)
        steps.append(int(explanation.iterations))
        found.append(stability(network.model, image[0], explanation, explain, SMALL.comparison(seed)))
    assert findings.figures["2.steps"] == sum(steps) / 2 == 2 * findings.figures["1.steps"]
    for name in ("seed_correlation", "seed_overlap", "batch_overlap", "noise_correlation"):
        expected = sum(getattr(one, name) for one in found) / 2
        assert findings.figures[f"2.{name}"] == pytest.approx(expected, abs=1e-6)
    assert (tmp_path / "out" / "stability.png").exists()


def test_without_other_seeds_their_columns_are_left_out():
    heads = list(replace(SMALL, compared=0)._columns())
    assert not [head for head in heads if head.startswith("seed")]
    assert len(heads) == 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"starts": ()}, "give each number once"),
        ({"starts": (1, 1)}, "give each number once"),
        ({"starts": (0,)}, "starts 0"),
        ({"compared": -1}, "compared -1"),
        ({"batch": 1}, "a batch of at least 2"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        StabilityOfMaps(**settings)
