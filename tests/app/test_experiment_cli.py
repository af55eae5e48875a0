"""`retina-xai experiment` as its user runs it."""

import json

import pytest
from helpers.command_line import FACTORY, command
from helpers.networks import TinyNet
from helpers.tiny_network import photographs
from safetensors.torch import save_file

from evaluation.registry import EXPERIMENTS

QUICK = {
    # what makes each experiment quick; every name of the registry is run below
    "adversarial-evidence": ("--iterations", "4"),
    "black-image": ("--iterations", "4", "--limit", "2"),
    "colour-bias": (),
    "deletion": None,  # its methods take too long for the default settings: tests/evaluation/test_faithfulness.py
    "gallery": ("--iterations", "3", "--game", "deletion", "--game", "repression", "--lam", "1e-6"),
    "reference-entropy": ("--limit", "2"),
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
    assert all(kind.name == name for name, kind in EXPERIMENTS.items())


@pytest.mark.parametrize("name", [name for name, arguments in QUICK.items() if arguments is not None])
def test_each_writes_its_result_table_and_pictures_and_resumes(call, tmp_path, name):
    run = ("experiment", name, "--images", "in", "--model", "tiny_factory:make", "--out", "out", *QUICK[name])
    code, text, err = call(*run)
    assert (code, err) == (0, "")
    assert EXPERIMENTS[name].title[:20] in text
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
            "2 networks: this experiment takes one --model",
        ),
        (
            ["gallery", "--model", "a", "--model", "b", "--weights", "w.safetensors"],
            2,
            "1 weights files for 2 models: give one for each, or none",
        ),
        (["colour-bias", "--model", "tiny_factory:make", "--limit", "0"], 2, "limit 0"),
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


def test_photographs_are_needed_where_the_experiment_looks_at_some(call):
    code, _, err = call("experiment", "colour-bias", "--model", "tiny_factory:make", "--out", "out")
    assert code == 3
    assert "no photographs: give a folder that holds some with --images" in one_line(err)
