"""`retina-xai explain` as its user runs it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.command_line import FACTORY, command
from helpers.networks import TinyNet
from helpers.tiny_network import RULES, photographs
from PIL import Image
from safetensors.torch import save_file

from retina_xai.app.batch.explain import chosen_explainer
from retina_xai.app.cli.options import Given
from retina_xai.explainers.explainer import Plan
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.grad_cam import GradCAM
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.lime import LIME
from retina_xai.explainers.random_map import RandomMap
from retina_xai.explainers.registry import EXPLAINERS
from retina_xai.explainers.rise import RISE
from retina_xai.games.game import GAMES
from retina_xai.games.line_search import LAMBDAS
from retina_xai.io.images import read_image
from retina_xai.io.versions import versions
from retina_xai.metrics.trust import TrustSettings, trust
from retina_xai.models.imagenet import ImagenetPreprocessing

QUICK = ("--iterations", "6", "--lam", "1e-6")
ONE_LOGIT = """
from helpers.networks import TinyNet

def make():
    model = TinyNet(1)
    model.classes = ["ill"]
    return model
"""
ENDINGS = {"mask", "complement", "explanation", "evidence", "heatmap", "panel"}


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command, in a folder with two photographs in `in` and a factory `tiny_factory:make`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_factory.py").write_text(FACTORY)
    (tmp_path / "one_logit.py").write_text(ONE_LOGIT)
    photographs(tmp_path / "in", ("a", "b é"))
    return command(monkeypatch, capsys)


def one_line(text):
    assert text.count("\n") == 1, text
    return text


def test_a_record_and_pictures_for_each_photograph_and_a_second_run_does_nothing(call, tmp_path):
    run = ("explain", "in", "--model", "tiny_factory:make", "--out", "out", "--game", "deletion", *QUICK)
    code, _, err = call(*run)
    assert (code, err) == (0, "")
    image = RULES.to_tensor(read_image(tmp_path / "in" / "a.png").pixels)[None]
    alone = FGVis("deletion", 1e-6, iterations=6, scale="q99")(TinyNet(5).eval(), image)
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert record["explanation"]["class"] == str(int(alone.target))
    assert record["explanation"]["score_after"] == pytest.approx(float(alone.score_after), abs=1e-6)
    assert record["explanation"]["settings"]["game"] == "deletion"
    assert record["prediction"][0]["index"] == int(alone.target)
    assert sum(entry["score"] for entry in record["prediction"]) == pytest.approx(1, abs=1e-5)
    assert {"alone", "complement", "random_alone", "random_complement", "seed_correlation"} <= record["trust"].keys()
    assert record["trust"]["randomised_all"] is None
    assert record["model"]["name"] == "tiny_factory:make"
    assert record["versions"] == versions()
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"settings.json"} | {
        f"{stem}{end}" for stem in ("a", "b é") for end in (".json", *(f"_{ending}.png" for ending in ENDINGS))
    }
    mask = read_png(tmp_path / "out" / "a_mask.png")
    expected = (alone.mask[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert np.array_equal(mask, expected)
    assert np.abs(mask.astype(int) + read_png(tmp_path / "out" / "a_complement.png") - 255).max() <= 1
    evidence = read_png(tmp_path / "out" / "a_evidence.png")
    assert np.allclose(evidence / 65535, alone.evidence[0].numpy(), atol=1e-5)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    code, text, _ = call(*run)
    assert (code, text.count("done before")) == (0, 2)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    code, _, err = call(*run[:-1], "1e-7")
    assert code == 2
    assert "made with other settings (method); choose another output folder" in one_line(err)


def read_png(path):
    return np.asarray(Image.open(path))


def test_a_chosen_class_and_a_method_without_a_mask(call, tmp_path):
    run = ("explain", "in/a.png", "--model", "tiny_factory:make", "--out", "out", "--method", "saliency")
    code, _, err = call(*run, "--class", "3", "--no-trust")
    assert (code, err) == (0, "")
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert (record["explanation"]["class"], record["explanation"]["target"]) == ("3", 3)
    assert record["trust"] is None
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {
        "a_evidence.png",
        "a_heatmap.png",
        "a_panel.png",
    }


@pytest.mark.parametrize(
    ("arguments", "expected", "other"),
    [
        (("--method", "rise", "--set", "masks=30", "--set", "cells=4", "--seed", "3"), RISE(30, 4, seed=3), "masks=31"),
        (("--method", "lime", "--set", "samples=40", "--seed", "3"), LIME(40, seed=3), "segments=20"),
        (("--method", "random", "--seed", "3"), RandomMap(3), "seed=4"),
        (("--method", "grad-cam", "--set", "layer=first"), GradCAM("first"), "layer=second"),
        (
            (*QUICK, "--method", "fgvis-undefended", "--set", "reference=noise", "--seed", "3"),
            FGVis(lam=1e-6, iterations=6, defended=False, scale="q99", reference="noise", seed=3),
            "lr=0.2",
        ),
    ],
    ids=["rise", "lime", "random", "grad-cam", "fgvis-undefended"],
)
def test_settings_and_seed_reach_the_method_and_its_trust_block(call, tmp_path, arguments, expected, other):
    run = ("explain", "in/a.png", "--model", "tiny_factory:make", "--out", "out", *arguments)
    code, _, err = call(*run)
    assert (code, err) == (0, "")
    network = TinyNet(5).eval()
    image = RULES.to_tensor(read_image(tmp_path / "in" / "a.png").pixels)[None]
    alone = expected(network, image)
    evidence = read_png(tmp_path / "out" / "a_evidence.png")
    assert np.abs(evidence - alone.evidence[0].numpy() * 65535).max() < 1
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert record["method"]["settings"] == expected.settings()
    judged = trust(network, image[0], alone, TrustSettings(), expected).to_dict()
    assert record["trust"] == {name: value and pytest.approx(value, abs=1e-4) for name, value in judged.items()}
    if expected.seed is not None:
        assert record["trust"]["seed_correlation"] < 0.999
    code, _, err = call(*run[:6], "--method", arguments[arguments.index("--method") + 1], "--set", other)
    assert code == 2
    assert "made with other settings (method); choose another output folder" in one_line(err)


@pytest.mark.parametrize("method", ["fgvis", "fgvis-undefended"])
def test_one_lambda_by_default_and_the_papers_search_on_demand(method):
    quick, searched = (chosen_explainer(method, Given({}), search) for search in (False, True))
    assert (quick.lam, quick.plan()) == (1e-8, Plan(games=1, steps=40))
    assert quick == replace(searched, lam=1e-8, iterations=40, scale="q99")
    assert searched == EXPLAINERS[method].factory()
    assert (searched.lam, searched.plan()) == (LAMBDAS, Plan(games=13, steps=500))
    assert replace(searched, defended=True) == FGVis(), "the library has the defaults of the paper"


def test_given_settings_win_over_the_preset():
    given = chosen_explainer("fgvis", Given({"lam": [1e-6, 1e-7], "iterations": [9]}, ["lr=0.2"]))
    assert given == FGVis(lam=(1e-6, 1e-7), iterations=9, lr=0.2, scale="q99")
    assert chosen_explainer("fgvis", Given({}, ["scale=max", "lam=0"])) == FGVis(lam=0, iterations=40)
    assert chosen_explainer("fgvis", Given({"iterations": [7]}), search=True) == FGVis(iterations=7)
    assert chosen_explainer("rise", Given({})) == RISE()


def test_the_defence_is_that_of_the_game():
    games = {game: chosen_explainer("fgvis", Given({"game": [game]})) for game in GAMES}
    assert {game: found.game for game, found in games.items()} == {game: game for game in GAMES}
    assert {game for game, found in games.items() if found.defence != "fgvis"} == {"generation"}
    assert games["generation"].defence == "one-sided"
    assert chosen_explainer("fgvis", Given({}, ["game=generation"])) == games["generation"]
    assert chosen_explainer("fgvis", Given({"game": ["generation"], "defended": [False]})).defence == "none"
    undefended = chosen_explainer("fgvis-undefended", Given({"game": ["generation"]}))
    assert (undefended.game, undefended.defence, undefended.scale) == ("generation", "none", "q99")


def test_the_defaults_of_the_command_play_one_lambda(call, tmp_path):
    assert call("explain", "in/a.png", "--model", "tiny_factory:make", "--out", "out", "--no-trust")[::2] == (0, "")
    settings = json.loads((tmp_path / "out" / "a.json").read_text())["method"]["settings"]
    assert (settings["lam"], settings["iterations"]) == (1e-8, 40)
    run = ("explain", "in/a.png", "--model", "tiny_factory:make", "--out", "searched", "--no-trust", "--search")
    assert call(*run, "--iterations", "2")[::2] == (0, "")
    settings = json.loads((tmp_path / "searched" / "a.json").read_text())["method"]["settings"]
    assert (settings["lam"], settings["iterations"]) == (list(LAMBDAS), 2)


def test_a_record_of_another_photograph_or_class_is_not_taken(call, tmp_path):
    run = ("explain", "in", "--model", "tiny_factory:make", "--out", "out", "--method", "saliency", "--no-trust")
    assert call(*run)[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    code, _, err = call(*run, "--class", "3")
    assert (code, "made with other settings (class)" in one_line(err)) == (2, True)
    photographs(tmp_path / "in", ("a",), seed=9)
    code, text, err = call(*run)
    assert (code, one_line(err)) == (5, "error: 1 of 2 photographs failed (a.png); the others are done\n")
    assert "a.json is the result of another photograph; choose another output folder" in " ".join(text.split())
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_weights_from_a_file_and_randomised_networks(call, tmp_path):
    state = {name: tensor.clone() for name, tensor in TinyNet(5).state_dict().items()}
    state["head.bias"] += torch.tensor([0.0, 0.0, 9.0, 0.0, 0.0])
    save_file(state, tmp_path / "w.safetensors")
    run = ("explain", "in/a.png", "--model", "tiny_factory:make", "--weights", "w.safetensors", "--out", "out")
    assert call(*run, *QUICK, "--randomise", "--undefended")[0] == 0
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert record["explanation"]["class"] == "2"
    assert record["explanation"]["settings"]["defence"] == "none"
    assert record["trust_settings"] == {"seeds": [1, 2], "randomise": True}
    assert "randomised_all" in record["trust"]


def test_the_trust_block_asks_randomised_networks_when_told_to(call, tmp_path):
    run = ("explain", "in/a.png", "--model", "tiny_factory:make", "--out", "out", "--method", "saliency")
    assert call(*run, "--randomise")[0] == 0
    found = json.loads((tmp_path / "out" / "a.json").read_text())["trust"]
    network = TinyNet(5).eval()
    image = RULES.to_tensor(read_image(tmp_path / "in" / "a.png").pixels)[None]
    made = Saliency()(network, image)
    judged = trust(network, image[0], made, TrustSettings(randomise=True), Saliency()).to_dict()
    for name in ("randomised_last", "randomised_half", "randomised_all"):
        assert found[name] == pytest.approx(judged[name], abs=1e-4)


@pytest.mark.parametrize("method", ["fgvis", "occlusion"])
def test_a_head_with_one_logit_has_a_sigmoid_score(call, tmp_path, method):
    run = ("explain", "in/a.png", "--model", "one_logit:make", "--out", "out", "--method", method, "--score", "sigmoid")
    code, _, err = call(*run, *(QUICK if method == "fgvis" else ("--set", "stride=0.1")))
    assert (code, err) == (0, "")
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    image = read_image(tmp_path / "in" / "a.png")
    score = TinyNet(1).eval()(ImagenetPreprocessing().to_tensor(image.pixels)[None]).sigmoid().item()
    assert 0.001 < score < 0.999
    assert record["prediction"] == [{"class": "ill", "index": 0, "score": pytest.approx(score, rel=1e-4)}]
    assert record["explanation"]["score_before"] == pytest.approx(score, rel=1e-4)
    assert record["trust"]["score"] == pytest.approx(score, rel=1e-4)
    assert record["method"]["settings"]["score"] == "sigmoid"


def test_a_bad_photograph_is_listed_and_the_others_are_done(call, tmp_path):
    (tmp_path / "in" / "c.png").write_text("no image")
    run = ("explain", "in", "--model", "tiny_factory:make", "--out", "out", "--method", "saliency", "--no-trust")
    code, text, err = call(*run)
    assert code == 5
    assert one_line(err) == "error: 1 of 3 photographs failed (c.png); the others are done\n"
    assert "c.png: failed:" in text
    assert len(list((tmp_path / "out").glob("*_panel.png"))) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "resnet5"], 4, "unknown network 'resnet5': give a torchvision classification network"),
        (["--model", "no_such:make"], 4, "no_such:make: cannot be imported (ModuleNotFoundError"),
        (["--model", "squeezenet1_0", "--weights", "w.safetensors"], 4, "these are not the weights of squeezenet1_0"),
        (["--model", "tiny_factory:make", "--weights", "absent.pt"], 4, "absent.pt: no such weights file"),
        (["--model", "tiny_factory:make", "--class", "zebra"], 2, "unknown class 'zebra'"),
        (["--model", "tiny_factory:make", "--class", "5"], 2, "class 5: the network has classes 0 to 4"),
        (["--model", "tiny_factory:make", "--method", "magic"], 2, "unknown method 'magic': choose one of fgvis, "),
        (
            ["--model", "tiny_factory:make", "--score", "odds"],
            2,
            "unknown score 'odds': choose one of softmax, sigmoid, ",
        ),
        (["--model", "tiny_factory:make", "--score", "logit", "--stop-ratio", "0.5"], 2, "'logit', which has no range"),
        (
            ["--model", "one_logit:make"],
            4,
            "TinyNet returns one logit per image, whose softmax is always 1: give score='",
        ),
        (["--model", "tiny_factory:make", "--game", "chess"], 2, "unknown game 'chess'"),
        (["--model", "tiny_factory:make", "--method", "rise", "--lr", "1"], 2, "method rise takes no --lr: leave it"),
        (["--model", "tiny_factory:make", "--lr", "1", "--lr", "2"], 2, "--lr was given 2 times: give it once"),
        (["--model", "tiny_factory:make", "--no-trust", "--randomise"], 2, "--randomise with --no-trust"),
        (
            ["--model", "tiny_factory:make", "--set", "masks=3"],
            2,
            "has no setting 'masks', it has score, game, lam, lr, iter",
        ),
        (["--model", "tiny_factory:make", "--set", "lam=x"], 2, "--set lam=x: expected a number, or several"),
        (["--model", "tiny_factory:make", "--set", "reference=grey"], 2, "unknown reference 'grey': choose one of"),
        (["--model", "tiny_factory:make", "--set", "lr=1", "--lr", "2"], 2, "--set lr=1: lr was given twice"),
        (["--model", "tiny_factory:make", "--set", "masks"], 2, "--set masks: give name=value"),
        (["--model", "tiny_factory:make", "--search", "--lam", "1e-6"], 2, "--search with --lam: the search chooses"),
        (
            ["--model", "tiny_factory:make", "--search", "--set", "lam=1e-6"],
            2,
            "--search with --lam: the search chooses",
        ),
        (["--model", "tiny_factory:make", "--search", "--method", "rise"], 2, "method rise has no lambda to search"),
        (["--model", "tiny_factory:make", "--search", "--method", "retina"], 2, "retina has no lambda to search"),
    ],
)
def test_bad_requests_are_one_line_with_their_exit_code(call, tmp_path, arguments, code, message):
    save_file(TinyNet(4).state_dict(), tmp_path / "w.safetensors")
    found, _, err = call("explain", "in", "--out", "out", *arguments)
    assert found == code
    assert one_line(err).startswith("error: ")
    assert message in err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_images_is_one_line(call, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = call("explain", "empty", "--model", "tiny_factory:make", "--out", "out")
    assert code == 3
    assert "empty: no image found; expected files ending in" in one_line(err)
