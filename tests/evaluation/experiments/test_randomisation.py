"""The randomisation test: figures are those of the trust block, and a map that ignores the network is noticed."""

import math

import pytest
from helpers.tiny_network import photographs, tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.randomisation import STAGES, Randomisation
from retina_xai.metrics.trust import TrustSettings, trust

SMALL = Randomisation(methods=("fgvis", "saliency", "random"), iterations=4, resamples=50)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    place = tmp_path_factory.mktemp("randomisation")
    subject = Subject((tiny_network(),), photographs(place / "in", ("a", "b", "c")))
    return subject, run_experiment(SMALL, subject, place / "out").findings


def test_a_map_that_ignores_the_network_has_a_correlation_of_1_and_saliency_has_not(ran):
    figures = ran[1].figures
    for stage in STAGES:
        assert figures[f"random.{stage}"] == pytest.approx(1)
        assert (figures[f"random.{stage}.low"], figures[f"random.{stage}.n"]) == (pytest.approx(1), 3)
    assert figures["saliency.all"] < 0.9
    assert figures["n"] == 3


def test_the_figures_are_means_of_the_trust_block(ran):
    subject, findings = ran
    image = [subject.network.input_of(case.photograph()) for case in subject.photographs()]
    seeds = [(case.seed + subject.seed) % 2**31 for case in subject.photographs()]
    found = []
    for one, seed in zip(image, seeds, strict=True):
        explain = SMALL.explainers(seed)["saliency"]
        settings = TrustSettings(seeds=(), randomise=True, seed=seed)
        target = int(subject.network.logits(one).argmax())
        result = explain(subject.network.model, one, target)
        found.append(trust(subject.network.model, one[0], result, settings, explain).randomised_half)
    assert findings.figures["saliency.half"] == pytest.approx(sum(found) / 3, abs=1e-6)
    assert findings.figures["saliency.half.low"] <= findings.figures["saliency.half"]


def test_undefined_correlations_are_counted_and_left_out():
    figure = SMALL._figure([0.5, None, 0.25], 0)
    assert (figure[""], figure["n"]) == (0.375, 2)
    empty = SMALL._figure([None], 0)
    assert empty["n"] == 0
    assert all(math.isnan(empty[part]) for part in ("", "low", "high"))


def test_every_photograph_has_its_own_seed():
    assert SMALL.explainers(7)["fgvis"].seed == 7
    assert SMALL.explainers(7)["random"].seed == 7


@pytest.mark.parametrize(
    ("wrong", "message"), [({"methods": ()}, "no methods"), ({"methods": ("x",)}, "unknown method")]
)
def test_methods_that_do_not_exist_are_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        Randomisation(**wrong)
