"""`retina-xai fit-vebi` and what uses its file: `explain --method vebi` and the experiment `vebi`."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.batches import everything
from helpers.clusters import in_this_process
from helpers.command_line import FACTORY, command, one_line
from helpers.networks import TinyNet
from helpers.tiny_network import photographs, tiny_network

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.filter_ablation import STRATEGIES, FilterAblation, switched_off
from retina_xai.evaluation.vebi.relevance_fit import RelevanceFit
from retina_xai.explainers.layers import Layer
from retina_xai.explainers.relevance import FilterRelevance
from retina_xai.explainers.vebi import VEBI

NETWORK = ("--images", "in", "--model", "tiny_factory:make")
NAMES = ("cat", "dog", "house", "one")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs, a network, and in `fit` the results of the fit."""
    place = tmp_path_factory.mktemp("vebi")
    photographs(place / "in", NAMES)
    (place / "tiny_factory.py").write_text(FACTORY)
    run_experiment(RelevanceFit(mu=5.0, averaged=2), subject_of(place, tiny_network()), place / "fit")
    return place


@pytest.fixture
def call(monkeypatch, capsys, folder):
    monkeypatch.chdir(folder)
    return command(monkeypatch, capsys)


def test_the_fit_is_that_of_the_explainer_and_resumes(call, folder):
    run = ("fit-vebi", *NETWORK, "--out", "again", "--set", "mu=5", "--set", "averaged=2")
    code, text, err = call(*run)
    assert (code, err) == (0, "")
    assert "VEBI: relevance of filters" in text
    found = FilterRelevance.load(folder / "again" / "relevance.safetensors")
    network = tiny_network()
    images = [network.input_of(case.photograph()) for case in subject_of(folder, network).photographs()]
    expected = VEBI(mu=5.0).fitted(TinyNet(5), [(image, None) for image in images]).relevance
    assert (found.layers, found.classes, found.mu, found.images) == (expected.layers, expected.classes, 5.0, 4)
    torch.testing.assert_close(found.weights, expected.weights, atol=1e-3, rtol=1e-3)
    table = pd.read_csv(folder / "again" / "filters.csv")
    assert table.columns.tolist() == ["class", "index", "rank", "layer", "filter", "weight"]
    assert (table["weight"] > 0).all()
    assert (folder / "again" / "averages.png").exists()
    before = (folder / "again" / "relevance.safetensors").read_bytes()
    assert call(*run)[1].count("done before") == 4
    assert (folder / "again" / "relevance.safetensors").read_bytes() == before


def test_the_fit_on_workers_is_the_same(call, folder):
    run = ("fit-vebi", *NETWORK, "--set", "mu=5", "--set", "averaged=2")
    assert call(*run, "--out", "here")[0] == 0
    with in_this_process() as cluster:
        code, _, err = call(*run, "--out", "there", "--scheduler", cluster.scheduler_address)
    assert (code, err) == (0, "")
    assert everything(folder / "there") == everything(folder / "here")


def subject_of(folder, network):
    return Subject((network,), tuple(sorted((folder / "in").glob("*.png"))))


def test_the_file_explains_photographs_and_the_record_names_the_filters(call, folder):
    weights = ("--set", "weights=fit/relevance.safetensors")
    run = ("explain", "in/cat.png", *NETWORK[2:], "--method", "vebi", "--no-trust", "--out", "out")
    code, _, err = call(*run)
    assert code == 2
    assert "VEBI is not fitted: run retina-xai fit-vebi on photographs and give its file as" in one_line(err)
    code, _, err = call(*run, *weights)
    assert (code, err) == (0, "")
    record = json.loads((folder / "out" / "cat.json").read_text())
    filters = record["explanation"]["filters"]
    assert 1 <= len(filters) <= 3
    assert filters[0].keys() == {"layer", "filter", "contribution"}
    assert filters[0]["layer"] in {"first", "second"}
    settings = record["method"]["settings"]
    relevance = FilterRelevance.load(folder / "fit" / "relevance.safetensors")
    assert settings["weights"] == relevance.identity


def test_the_ablation_writes_its_table_and_resumes(call, folder):
    quick = ("--set", "counts=1,2", "--set", "draws=2", "--set", "shown=1", "--set", "resamples=50")
    run = ("experiment", "vebi", *NETWORK, "--out", "ablation", *quick)
    code, _, err = call(*run)
    assert code == 2
    assert "no weights: fit them with retina-xai fit-vebi and give --set weights=FILE" in one_line(err)
    code, _, err = call(*run, "--set", "weights=fit/relevance.safetensors")
    assert (code, err) == (0, "")
    result = json.loads((folder / "ablation" / "result.json").read_text())
    figures = result["figures"]
    assert figures["n"] + figures["left_out"] == 4
    assert figures["n"] > 0
    assert 0 <= figures["kept.all.2"] <= 1
    for case in (one for one in result["cases"] if one["right"]):
        assert case["kept"].keys() == STRATEGIES.keys()
        assert set(case["kept"]["same-layers"]) <= {0.0, 0.5, 1.0}
    expected = figures["kept.all.1"] - figures["kept.random.1"]
    assert figures["difference.random.1"] == pytest.approx(expected)
    assert list((folder / "ablation" / "pictures").glob("*_filters.png"))
    assert (folder / "ablation" / "ablation.png").exists()
    code, text, _ = call(*run, "--set", "weights=fit/relevance.safetensors")
    assert text.count("done before") == 4


def test_what_is_switched_off():
    layers = [Layer("a", 3, True), Layer("b", 4, True), Layer("c", 2, False)]
    weights = np.array([0.1, -5, 0, 0.5, 0, 0.2, 0, 0.9, -1.0])
    rng = np.random.default_rng(0)
    assert switched_off("all", weights, layers, 3, rng).tolist() == [7, 3, 5]
    assert switched_off("all", weights, layers, 9, rng).tolist() == [7, 3, 5, 0]
    assert switched_off("conv", weights, layers, 2, rng).tolist() == [3, 5]
    for _ in range(20):
        drawn = switched_off("random", weights, layers, 9, rng)
        assert len(set(drawn)) == 4
        same = switched_off("same-layers", weights, layers, 9, rng)
        assert sorted((np.digitize(same, [3, 7])).tolist()) == [0, 1, 1, 2]
        assert len(set(same)) == 4
    assert len(switched_off("same-layers", -np.abs(weights), layers, 2, rng)) == 0


def test_labels_from_names(folder):
    subject = subject_of(folder, tiny_network())
    cases = subject.photographs()
    fit = RelevanceFit(labels="names")
    assert [fit.measure(subject, case).record["class"] for case in cases[:3]] == list(NAMES[:3])
    with pytest.raises(InputError, match="one: its name holds no class of the network"):
        fit.measure(subject, cases[3])
    with pytest.raises(UsageError, match="unknown labels 'guessed': choose one of predicted, names"):
        RelevanceFit(labels="guessed")
    with pytest.raises(UsageError, match=r"counts \(2, 1\), draws 5: give rising counts"):
        FilterAblation(counts=(2, 1))


def test_an_experiment_without_a_network_says_so(tmp_path):
    with pytest.raises(UsageError, match="experiment fit-vebi needs a network: give --model"):
        run_experiment(RelevanceFit(), Subject(()), tmp_path / "out", cases=[])
