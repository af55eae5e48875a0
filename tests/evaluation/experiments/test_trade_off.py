"""The trade-off: which classes are aimed at, which games are played, and how they are counted."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.networks import TinyNet
from helpers.tiny_network import photographs, tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.reach import Reach, plain_games, reach
from retina_xai.evaluation.experiments.trade_off import (
    BLACK,
    GROUPS,
    LEAST,
    PRESENT,
    REMOVED,
    Configuration,
    TradeOff,
    aimed_at,
)
from retina_xai.evaluation.tables import percent
from retina_xai.games.exclusion import exclusion
from retina_xai.metrics.intervals import wilson

CLASSES = tuple(f"c{number}" for number in range(60))
SMALL = TradeOff(
    configurations=("fgvis:max:1e-5", "fgvis:max:1e-2", "reference:q99:1e-5", "none:max:1e-5"),
    iterations=4,
    lr=0.3,
    strict_steps=2,
    black_classes=3,
)


@pytest.fixture(scope="module")
def networks():
    return tiny_network(TinyNet(60).eval(), CLASSES), tiny_network(TinyNet(60).eval(), CLASSES, "second")


@pytest.fixture(scope="module")
def ran(networks, tmp_path_factory):
    place = tmp_path_factory.mktemp("trade_off")
    subject = Subject(networks, photographs(place / "in", ("a", "b")), seed=3)
    return subject, run_experiment(SMALL, subject, place / "out").findings, place / "out"


def test_the_classes_have_the_ranks_of_their_groups():
    logits = torch.randn(200, generator=torch.Generator().manual_seed(0))
    ranks = {int(index): rank for rank, index in enumerate(logits.argsort(descending=True), start=1)}
    drawn = [aimed_at(logits, seed) for seed in range(300)]
    assert all(ranks[one[PRESENT]] == 1 and ranks[one[LEAST]] == 200 for one in drawn)
    assert {ranks[one["2-10"]] for one in drawn} == set(range(2, 11))
    assert {ranks[one["11-50"]] for one in drawn} == set(range(11, 51))
    assert aimed_at(logits, 5) == aimed_at(logits, 5)


def test_groups_that_the_classes_do_not_fill_are_left_out_and_the_least_likely_class_is_in_no_other():
    few = torch.tensor([0.0, 5.0, 1.0])
    assert aimed_at(few, 0) == {PRESENT: 1, LEAST: 0, "2-10": 2}
    assert aimed_at(torch.tensor([1.0, 0.0]), 0) == {PRESENT: 0, LEAST: 1}


def test_every_game_is_that_of_its_configuration(ran):
    subject, _, out = ran
    case = subject.photographs()[1]
    network = subject.networks[1]
    record = SMALL.measure(subject, case).record
    image = network.input_of(case.photograph())
    games = record["second"]["games"]
    assert {game["configuration"] for game in games} == set(SMALL.configurations)
    for game in games:
        defence, scale, slack = game["configuration"].split(":")
        kind = "deletion" if game["group"] == REMOVED else "generation"
        rules = Reach(0.3, 1e-10, 4, 1, 3, scale, 2, float(slack), kind)
        (alone,) = plain_games(reach(network.model, image, torch.tensor([game["index"]]), rules, defence))
        assert (game["reached"], game["steps"]) == (alone["reached"], alone["steps"])
        assert game["score"] == pytest.approx(alone["score"], rel=1e-3)
    listed = pd.read_csv(out / "games.csv")
    own = listed[(listed["case"] == case.name) & (listed["network"] == "second")]
    assert own["score"].tolist() == [game["score"] for game in games]


def test_rates_count_the_games_of_each_group(ran):
    subject, findings, out = ran
    listed = pd.read_csv(out / "games.csv")
    assert findings.figures["n"] == 2
    for network in subject.networks:
        for text in SMALL.configurations:
            for group in (*GROUPS, REMOVED):
                own = listed[
                    (listed["network"] == network.name) & (listed["configuration"] == text) & (listed["group"] == group)
                ]
                assert len(own) == findings.figures[f"{network.name}.{text}.{group}.n"]
                if len(own):
                    figure = findings.figures[f"{network.name}.{text}.{group}"]
                    assert figure == own["reached"].mean()
                    low = wilson(int(own["reached"].sum()), len(own)).low
                    assert findings.figures[f"{network.name}.{text}.{group}.low"] == low
    assert (listed["group"] == BLACK).sum() == 2 * 4 * 3
    assert (listed["group"] == REMOVED).sum() == 2 * 4 * 2
    assert (out / "trade-off.png").exists()
    assert findings.table.index.tolist()[0] == ("tiny", "fgvis:max:1e-5")
    assert list(findings.table.columns)[: len(GROUPS)] == list(GROUPS.values())


def test_the_mechanism_is_the_mean_over_the_photographs(ran):
    subject, findings, _ = ran
    network = subject.networks[0]
    images = [network.input_of(case.photograph()) for case in subject.photographs()]
    found = [exclusion(network.model, image, torch.zeros_like(image)) for image in images]
    shares = [sum(float(getattr(one, of)) for one in found) / 2 for of in ("of_units", "of_layers")]
    assert [findings.figures[f"tiny.{name}"] for name in ("excluded", "excluded_layers")] == pytest.approx(shares)
    assert shares[0] > 0
    assert f"tiny {percent(shares[0])} of the units" in findings.caption


def test_no_game_aims_at_the_class_of_the_start(networks, tmp_path, monkeypatch):
    subject = Subject(networks[:1], photographs(tmp_path, ("a",)))
    case = subject.photographs()[0]
    image = networks[0].input_of(case.photograph())
    top = int(networks[0].logits(image).argmax())
    monkeypatch.setattr("retina_xai.evaluation.experiments.trade_off.class_of_start", lambda *given: top)
    groups = {game["group"] for game in SMALL.measure(subject, case).record["tiny"]["games"]}
    assert groups == {LEAST, "2-10", "11-50", REMOVED}


def games_of(steps, group, configuration="none:max:1e-5"):
    """Games, one per photograph; None is a class that was not reached."""
    return [
        {
            "network": "tiny",
            "case": f"photograph {number}",
            "configuration": configuration,
            "group": group,
            "reached": step is not None,
            "steps": 4 if step is None else step,
        }
        for number, step in enumerate(steps)
    ]


def test_each_configuration_is_a_curve_over_the_number_of_steps(networks):
    experiment = replace(SMALL, configurations=("none:max:1e-5", "fgvis:max:1e-5"))
    games = games_of([1, 2, None, 4], PRESENT) + games_of([None, None, 3, None], LEAST)
    panels = experiment._panels(Subject(networks[:1]), games)
    assert list(panels) == [f"tiny: {GROUPS[group]}" for group in (LEAST, "2-10", "11-50", BLACK)]
    first, without_games = panels["tiny: least likely class"]
    assert first.name == "none:max:1e-5"
    assert first.xs.tolist() == [0, 0, 0, 0.25, 0.25]
    assert first.ys.tolist() == [0, 0.25, 0.5, 0.5, 0.75]
    assert np.isnan(without_games.ys).all()


def test_separation_is_the_share_of_pairs_in_which_the_present_class_needs_fewer_steps():
    present, absent = [1, 2, None, 4], [None, 2, 3, None]
    pairs = [(one or 9, other or 9) for one in present for other in absent]
    expected = np.mean([(one < other) + (one == other) / 2 for one, other in pairs])
    found = SMALL.separation(games_of(present, PRESENT) + games_of(absent, LEAST))
    assert found[""] == pytest.approx(expected)
    assert found["low"] < expected < found["high"]


def test_separation_is_one_half_where_no_game_reaches_anything_and_undefined_without_a_group():
    assert SMALL.separation(games_of([None] * 5, PRESENT) + games_of([None] * 5, LEAST))[""] == 0.5
    assert np.isnan(SMALL.separation(games_of([1, 2], PRESENT))[""])
    assert np.isnan(SMALL.separation([])[""])


def test_an_interrupted_run_goes_on_and_another_list_of_configurations_is_refused(ran, tmp_path):
    subject, _, out = ran
    first = Subject(subject.networks, subject.images, 1, 3)
    run_experiment(SMALL, first, tmp_path)
    run_experiment(SMALL, subject, tmp_path)
    assert (tmp_path / "games.csv").read_bytes() == (out / "games.csv").read_bytes()
    assert (
        json.loads((tmp_path / "result.json").read_text())["figures"]
        == (json.loads((out / "result.json").read_text())["figures"])
    )
    with pytest.raises(UsageError, match="made with other settings"):
        run_experiment(replace(SMALL, configurations=("none:max:1e-5",)), subject, tmp_path)


def test_without_black_classes_there_is_no_black_case(networks, tmp_path):
    subject = Subject(networks, photographs(tmp_path, ("a",)))
    assert [case.name for case in SMALL.cases(subject)] == ["a", "black image"]
    assert [case.name for case in replace(SMALL, black_classes=0).cases(subject)] == ["a"]
    classes = [game["index"] for game in SMALL.measure(subject, SMALL.cases(subject)[1]).record["tiny"]["games"]]
    assert len(set(classes)) == 3
    assert np.isin(classes, np.arange(60)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"configurations": ()}, "none given: give each once"),
        ({"configurations": ("none:max:1",) * 2}, "give each once"),
        ({"configurations": ("fgvis",)}, "configuration 'fgvis': give defence:scale:slack, such as fgvis:max:1e-5"),
        ({"configurations": ("fgvis:max:wide",)}, "give defence:scale:slack"),
        ({"configurations": ("magic:max:1",)}, "give a defence of fgvis, reference, staged, none, hull, one-sided"),
        ({"configurations": ("fgvis:p50:1",)}, "scale 'p50'"),
        ({"configurations": ("fgvis:max:-1",)}, "slack -1.0"),
        ({"black_classes": -1}, "black_classes -1: give 0 or more"),
        ({"iterations": 0}, "iterations 0"),
    ],
)
def test_settings_out_of_range_are_refused_before_the_run(settings, message):
    with pytest.raises(UsageError, match=message):
        TradeOff(**settings)


def test_configurations_are_read():
    one = Configuration.of("reference:q99:1e-2")
    assert (one.defence, one.scale, one.slack) == ("reference", "q99", 0.01)
    assert [one.text for one in TradeOff().parsed][-1] == "none:q99:1e-5"
