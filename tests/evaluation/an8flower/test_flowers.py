"""Drawn flowers: deterministic, and nothing but the masked part tells the class; the network and the experiment."""

import json

import numpy as np
import pytest
import torch
from helpers.command_line import FACTORY, command, one_line
from helpers.tiny_network import tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.an8flower.flower_maps import FLOWER_METHODS, maps_of, upsampled_activations
from retina_xai.evaluation.an8flower.flower_network import FlowerTraining, drawn, train_flowers
from retina_xai.evaluation.an8flower.flowers import COLOURS, FLOWER_SETS, draw_flower
from retina_xai.evaluation.experiments import an8flower
from retina_xai.evaluation.experiments.an8flower import An8Flower, prepared
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.explainers.explainer import RankedFilter

TRAINING = FlowerTraining(flowers=6, epochs=2, batch=12)


def saturation(pixels):
    return pixels.max(axis=-1).astype(int) - pixels.min(axis=-1)


@pytest.mark.parametrize(("name", "classes"), [("single-6c", 6), ("double-12c", 12)])
def test_the_colour_of_the_masked_part_is_the_class(name, classes):
    assert len(FLOWER_SETS[name].classes) == classes
    for label in range(classes):
        part, colour = FLOWER_SETS[name].meaning(label)
        assert FLOWER_SETS[name].classes[label] == f"{colour} {part}"
        flower = draw_flower(name, label, 3, seed=1, size=112)
        assert flower.pixels.shape == (112, 112, 3)
        assert 0.003 < flower.mask.mean() < 0.3
        inside = flower.pixels[flower.mask].mean(axis=0) / 255
        nearest = min(
            COLOURS, key=lambda one: np.abs(inside / inside.max() - np.array(COLOURS[one]) / max(COLOURS[one])).sum()
        )
        assert nearest == colour
        assert saturation(flower.pixels)[flower.mask].mean() > 3 * saturation(flower.pixels)[~flower.mask].mean()


def test_a_flower_is_a_function_of_its_number_and_seed():
    first = draw_flower("single-6c", 1, 4, seed=2, size=64)
    again = draw_flower("single-6c", 1, 4, seed=2, size=64)
    assert (first.pixels == again.pixels).all()
    assert (first.mask == again.mask).all()
    others = [draw_flower("single-6c", 1, 5, 2, 64), draw_flower("single-6c", 1, 4, 3, 64)]
    assert all((first.pixels != other.pixels).any() for other in others)
    assert draw_flower("double-12c", 11, 0).pixels.shape == (300, 300, 3)


@pytest.mark.parametrize(
    ("name", "label", "size", "message"),
    [
        ("triple", 0, 112, "unknown set 'triple': choose one of single-6c, double-12c"),
        ("single-6c", 6, 112, "class 6, size 112: single-6c has classes 0 to 5, give at least 32"),
        ("single-6c", 0, 8, "class 0, size 8"),
    ],
)
def test_what_cannot_be_drawn_is_refused(name, label, size, message):
    with pytest.raises(UsageError, match=message):
        draw_flower(name, label, 0, size=size)


@pytest.fixture(scope="module")
def quick():
    return prepared("single-6c", TRAINING, 10.0, 2)


def test_the_training_is_deterministic_and_lowers_the_loss(quick):
    network, vebi = quick
    flowers = drawn("single-6c", range(6), range(6), 0)
    state = torch.get_rng_state()
    again = train_flowers("single-6c", TRAINING, flowers)
    assert torch.equal(state, torch.get_rng_state())
    for one, other in zip(network.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)
    logits = network.logits(flowers.images)
    assert torch.nn.functional.cross_entropy(logits, flowers.labels) < np.log(6)
    assert vebi.relevance.images == 36
    assert [layer.name for layer in vebi.relevance.layers] == ["conv1", "conv2", "conv3", "conv4", "hidden"]


def test_every_method_has_a_map_of_the_flower(quick):
    network, vebi = quick
    flower = drawn("single-6c", [4], [99], 0)
    found, filters = maps_of(network, vebi, flower.images, 4, seed=0)
    assert found.keys() == FLOWER_METHODS.keys()
    for heat in found.values():
        assert heat.shape == (112, 112)
        assert 0 <= heat.min() <= heat.max() <= 1
    assert 1 <= len(filters) <= 2
    maps = network.model[1](network.model[0](flower.images))[0, [3]].detach()
    shown = upsampled_activations(
        network, flower.images, [RankedFilter("conv1", 3, 1.0), RankedFilter("hidden", 1, 1.0)]
    )
    expected = torch.nn.functional.interpolate(maps[None], size=(112, 112), mode="bilinear")[0, 0]
    torch.testing.assert_close(shown, (expected - expected.min()) / (expected.max() - expected.min()))
    assert (upsampled_activations(network, flower.images, [RankedFilter("hidden", 1, 1.0)]) == 0).all()


def test_the_experiment_in_one_command_and_it_resumes(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    call = command(monkeypatch, capsys)
    settings = {"sets": "single-6c", "flowers": 6, "epochs": 2, "batch": 12, "top": 2, "tested": 1, "shown": 1}
    run = ["experiment", "an8flower", "--out", "out", "--limit", "2"]
    for name, value in (settings | {"resamples": 50}).items():
        run += ["--set", f"{name}={value}"]
    code, _, err = call(*run)
    assert (code, err) == (0, "")
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    figures = result["figures"]
    assert (result["networks"], figures["n"], figures["single-6c.n"]) == ([], 2, 2.0)
    areas = [case["area"]["vebi"] for case in result["cases"]]
    assert figures["single-6c.vebi.area"] == pytest.approx(np.mean(areas))
    assert figures["single-6c.deconvnet-guided.difference"] == 0
    table = (tmp_path / "out" / "table.md").read_text()
    assert "| VEBI |" in table
    assert "0.23" in table
    assert len(list((tmp_path / "out").rglob("*.png"))) == 2
    monkeypatch.setattr(an8flower, "prepared", lambda *_: pytest.fail("trained again"))
    assert call(*run)[1].count("done before") == 2
    (tmp_path / "tiny_factory.py").write_text(FACTORY)
    code, _, err = call(*run, "--model", "tiny_factory:make")
    assert code == 2
    assert "experiment an8flower trains its own network: leave out --model" in one_line(err)


def test_settings_out_of_range_are_refused(tmp_path):
    for settings in ({"sets": ("roses",)}, {"flowers": 0}, {"lr": 2.0}, {"mu": 0.0}):
        with pytest.raises(UsageError):
            An8Flower(**settings)
    with pytest.raises(UsageError, match="trains its own network: leave out --model"):
        run_experiment(An8Flower(), Subject((tiny_network(),)), tmp_path / "out", cases=[])
