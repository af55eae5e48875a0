"""`retina-xai experiment` as its user runs it."""

import json

import pytest
from helpers.command_line import FACTORY, command
from helpers.networks import TinyNet
from helpers.tiny_network import photographs
from safetensors.torch import save_file

from retina_xai.evaluation.experiments.registry import EXPERIMENTS

QUICK = {
    # what makes each experiment quick; every name of the registry is run below
    "adversarial-evidence": ("--iterations", "4"),
    "an8flower": None,  # it trains its own network: tests/evaluation/an8flower
    "black-image": ("--iterations", "4", "--limit", "2"),
    "colour-bias": (),
    "localization": None,  # it needs boxes: tests/evaluation/objects
    "deletion": None,  # its methods take too long: tests/evaluation/experiments/test_deletion.py
    "gallery": ("--iterations", "3", "--game", "deletion", "--game", "repression", "--lam", "1e-6"),
    "randomisation": ("--limit", "2", "--iterations", "3", "--set", "resamples=50"),
    "reference-entropy": ("--limit", "2"),
    "stability": ("--limit", "2", "--set", "game.iterations=3", "--set", "starts=1,2", "--set", "resamples=50"),
    "trade-off": ("--iterations", "3", "--set", "configurations=fgvis:max:1e-5,none:max:1e-5"),
    "vebi": None,  # it needs a fit: tests/evaluation/vebi
    "two-objects": ("--iterations", "3", "--class", "1", "--class", "4"),
}


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command, in a folder with three photographs in `in` and a factory `tiny_factory:make`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_factory.py").write_text(FACTORY)
    photographs(tmp_path / "in", ("a", "b", "c"))
    return command(monkeypatch, capsys)


def one_line(text):
    assert text.count("\n") == 1, text
    return text


def test_every_experiment_has_a_quick_form():
    assert QUICK.keys() == EXPERIMENTS.keys()
    assert all((spec.key, spec.load().name) == (name, name) for name, spec in EXPERIMENTS.items())


@pytest.mark.parametrize("name", [name for name, arguments in QUICK.items() if arguments is not None])
def test_each_writes_its_result_table_and_pictures_and_resumes(call, tmp_path, name):
    run = ("experiment", name, "--images", "in", "--model", "tiny_factory:make", "--out", "out", *QUICK[name])
    code, text, err = call(*run)
    assert (code, err) == (0, "")
    assert EXPERIMENTS[name].load().title[:20] in text
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["experiment"] == name
    assert result["figures"]["n"] in {2, 3}
    assert all(value is None or isinstance(value, int | float) for value in result["figures"].values())
    assert result["networks"][0]["name"] == "tiny_factory:make"
    assert {"python", "torch"} <= result["versions"].keys()
    assert (tmp_path / "out" / "table.md").read_text().startswith("# ")
    assert list((tmp_path / "out").rglob("*.png"))
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    code, text, _ = call(*run)
    assert code == 0
    assert text.count("done before") == len(result["cases"])
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    code, _, err = call(*run, "--seed", "7")
    assert code == 2
    assert "made with other settings (" in one_line(err)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["magic", "--model", "tiny_factory:make"], 2, "unknown experiment 'magic': choose one of adversarial-evi"),
        (["colour-bias"], 2, "experiment colour-bias needs a network: give --model"),
        (["colour-bias", "--model", "resnet5"], 4, "unknown network 'resnet5'"),
        (
            ["colour-bias", "--model", "squeezenet1_0", "--weights", "w.safetensors"],
            4,
            "w.safetensors: these are not the weights of squeezenet1_0",
        ),
        (
            ["colour-bias", "--model", "tiny_factory:make", "--weights", "w.safetensors"],
            4,
            "these are not the weights of tiny_factory:make (size mismatch",
        ),
        (["colour-bias", "--model", "tiny_factory:make", "--images", "empty"], 3, "empty: no image found"),
        (["colour-bias", "--model", "tiny_factory:make", "--images", "absent"], 3, "absent: no such file or folder"),
        (["colour-bias", "--model", "tiny_factory:make", "--lam", "1"], 2, "experiment colour-bias takes no --lam"),
        (["two-objects", "--model", "tiny_factory:make", "--class", "1", "--class", "cat"], 2, "unknown class 'cat'"),
        (["two-objects", "--model", "tiny_factory:make", "--class", "1"], 2, "1 classes: give two, or none"),
        (["gallery", "--model", "tiny_factory:make", "--game", "chess"], 2, "unknown game 'chess'"),
        (
            ["colour-bias", "--model", "tiny_factory:make", "--model", "tiny_factory:make"],
            2,
            "two networks of one name",
        ),
        (
            ["gallery", "--model", "a", "--model", "b", "--weights", "w.safetensors"],
            2,
            "1 weights files for 2 models: give one for each, or none",
        ),
        (["colour-bias", "--model", "tiny_factory:make", "--limit", "0"], 2, "limit 0"),
        (["colour-bias", "--model", "tiny_factory:make", "--seed", "-1"], 2, "seed -1: give 0 or more"),
        (["adversarial-evidence", "--model", "tiny_factory:make", "--lr", "nan"], 2, "give a positive rate"),
        (["adversarial-evidence", "--model", "tiny_factory:make", "--lam", "inf"], 2, "a weight of at least 0"),
        (["gallery", "--model", "tiny_factory:make", "--lr", "inf"], 2, "give a positive rate"),
        (["gallery", "--model", "tiny_factory:make", "--model", "tiny_factory:make"], 2, "two networks of one name"),
    ],
)
def test_bad_requests_are_one_line_with_their_exit_code(call, tmp_path, arguments, code, message):
    (tmp_path / "empty").mkdir()
    save_file(TinyNet(4).state_dict(), tmp_path / "w.safetensors")
    folder = [] if "--images" in arguments else ["--images", "in"]
    found, _, err = call("experiment", *arguments, *folder, "--out", "out")
    assert found == code
    assert one_line(err).startswith("error: ")
    assert message in err


def test_its_own_pictures_are_no_photographs(call, tmp_path):
    run = ("experiment", "reference-entropy", "--images", "in", "--model", "tiny_factory:make", "--out", "in/out")
    assert call(*run)[0] == 0
    before = (tmp_path / "in" / "out" / "result.json").read_bytes()
    assert call(*run)[0] == 0
    assert (tmp_path / "in" / "out" / "result.json").read_bytes() == before


def test_a_damaged_photograph_is_listed_and_the_others_are_done(call, tmp_path):
    (tmp_path / "in" / "b.png").write_bytes(b"no image")
    run = ("experiment", "reference-entropy", "--images", "in", "--model", "tiny_factory:make", "--out", "out")
    code, text, err = call(*run)
    assert code == 5
    assert "1 of 3 photographs failed (b); the others are done" in one_line(err)
    assert "failed: " in text
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (result["failed"], result["figures"]["n"]) == (["b"], 2)


def test_two_weights_of_one_network_are_two_networks(call, tmp_path):
    names = []
    for seed in (1, 2):
        state = {key: tensor + seed / 10 for key, tensor in TinyNet(5).state_dict().items()}
        save_file(state, tmp_path / f"w{seed}.safetensors")
        names += ["--model", "tiny_factory:make", "--weights", f"w{seed}.safetensors"]
    quick = ("--game", "deletion", "--lam", "1e-6", "--iterations", "2", "--limit", "1")
    code, _, err = call("experiment", "gallery", "--images", "in", *names, *quick, "--out", "out")
    assert (code, err) == (0, "")
    games = json.loads((tmp_path / "out" / "result.json").read_text())["cases"][0]["games"]
    found = {key.split(" ")[0] for key in games}
    assert len(found) == 2
    assert all(name.startswith("tiny_factory:make@") for name in found)


def test_photographs_are_needed_where_the_experiment_looks_at_some(call):
    code, _, err = call("experiment", "colour-bias", "--model", "tiny_factory:make", "--out", "out")
    assert code == 3
    assert "no photographs: give a folder that holds some with --images" in one_line(err)
