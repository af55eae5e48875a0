"""`evaluate grades` as its user runs it: on folders named by label, with its exit codes and one-line errors."""

import json
from pathlib import Path

import pytest
import torch
from helpers.command_line import command

from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.io.images import write_png
from retina_xai.models.checkpoint import ModelFacts, save_weights
from retina_xai.models.rdr import RdrNet
from retina_xai.training.phantoms.phantom import make_phantom


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for seed, name in enumerate(("healthy", "healthy", "sick", "sick")):
        pixels = make_phantom(seed, 128, 128, grade=0 if name == "healthy" else 4).pixels
        write_png(tmp_path / "classes" / name / f"{seed}.png", pixels)
    return tmp_path / "classes"


@pytest.fixture
def tiny_weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(tmp_path / "rdr.safetensors", RdrNet(width=0.05), ModelFacts("rdr5x5", 0.05, Preprocessing(64)))
    return tmp_path / "rdr.safetensors"


def test_folders_named_by_label(classes, tiny_weights, tmp_path, monkeypatch, capsys):
    call = command(monkeypatch, capsys)
    arguments = ["evaluate", "grades", "--data", classes, "--weights", tiny_weights, "--out", tmp_path / "out"]
    code, out, err = call(*arguments, "--positive", "sick")
    assert (code, err) == (0, "")
    assert "one photograph = one patient" in " ".join(out.split()) and "AUROC" in out
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["figures"]["images"] + result["counts"]["ungradable"] == 4
    code, out, _ = call(*arguments, "--positive", "sick")
    assert code == 0 and out.count("done before") == 4
    (classes / "sick" / "9.png").write_text("no picture")
    code, _, err = call(*arguments, "--positive", "sick")
    assert code == 5 and err == "error: 1 of 5 photographs failed (sick/9); the others are done\n"
    code, _, err = call(*arguments)
    assert code == 3 and err.startswith("error: ") and err.count("\n") == 1
    assert "grade 'healthy'; expected 0 to 4" in err
    code, _, err = call(*arguments, "--positive", "ill")
    assert code == 3 and "no photograph has the positive label ill (labels: healthy, sick)" in err
