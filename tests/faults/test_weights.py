"""Damaged weights, and weights that compute no number, are refused; a kill while they are written leaves whole ones."""

import json
import os
import random
import signal
import time

import pytest
import torch
from helpers.command_line import command
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from retina_xai.errors import ModelError
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.io.files import remove_stale
from retina_xai.io.images import write_png
from retina_xai.models import checkpoint
from retina_xai.models.checkpoint import METADATA_KEY, ModelFacts, default_weights, load_classifier, save_weights
from retina_xai.models.rdr import RdrNet
from retina_xai.training.phantoms.phantom import make_phantom

FLIPS = 60


def content_of(path):
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()[METADATA_KEY])


def overflowing():
    """A network of finite weights whose activations are not finite: a negative running variance."""
    net = RdrNet(width=1 / 8)
    net.features[1].running_var.fill_(-1.0)
    return net


def unchecked(path, net, content):
    """Write weights with metadata as given and the matching checksum, past the checks of `save_weights`."""
    state = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    content["checksum"] = checkpoint._checksum(content, state)
    save_file(state, path, metadata={METADATA_KEY: json.dumps(content)})


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / "eye.png"
    write_png(path, make_phantom(3, 320, 400, grade=3).pixels)
    return path


@pytest.mark.parametrize("bits", ["exponent", "any"])
def test_a_flipped_bit_of_a_tensor_is_refused(tmp_path, bits):
    content, path = default_weights().read_bytes(), tmp_path / "rdr.safetensors"
    begin = 8 + int.from_bytes(content[:8], "little")
    draw = random.Random(0)
    for _ in range(FLIPS):
        damaged = bytearray(content)
        if bits == "exponent":
            damaged[begin + 4 * draw.randrange((len(content) - begin) // 4) + 3] ^= 1 << draw.randrange(7)
        else:
            damaged[draw.randrange(begin, len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"rdr.safetensors: .*(checksum differs|holds NaN or infinity)"):
            load_classifier(path)


def test_a_changed_threshold_is_refused(tmp_path):
    source, path = default_weights(), tmp_path / "rdr.safetensors"
    changed = {**content_of(source), "threshold": 0.9}
    save_file(load_file(source), path, metadata={METADATA_KEY: json.dumps(changed)})
    with pytest.raises(ModelError, match="checksum differs; copy the weights again"):
        load_classifier(path)


def test_another_score_of_the_self_test_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "rdr.safetensors"
    save_weights(path, RdrNet(width=1 / 8), ModelFacts("rdr5x5", 1 / 8, Preprocessing(96)))
    stored = content_of(path)["self_test"]
    load_classifier(path)
    monkeypatch.setattr(checkpoint, "self_test_score", lambda classifier: stored + 0.011)
    with pytest.raises(ModelError, match=rf"self-test gives {stored + 0.011:.4f}, expected {stored:.4f}"):
        load_classifier(path)


def test_weights_that_compute_no_number_are_not_saved(tmp_path):
    with pytest.raises(ModelError, match="score of the self-test is nan"):
        save_weights(tmp_path / "bad.safetensors", overflowing(), ModelFacts("rdr5x5", 1 / 8, Preprocessing(96)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", [1, 2])
def test_weights_that_compute_no_number_give_no_decision(monkeypatch, capsys, tmp_path, photograph, version):
    """Finite weights with a negative running variance were 'no referable DR found' with exit code 0."""
    path, out = tmp_path / "bad.safetensors", tmp_path / "scores.csv"
    save_weights(path, RdrNet(width=1 / 8), ModelFacts("rdr5x5", 1 / 8, Preprocessing(96)))
    content = {**content_of(path), "format": version}
    if version == 1:
        del content["self_test"]
    unchecked(path, overflowing(), content)
    run = command(monkeypatch, capsys)
    for call in (["predict", photograph, "--out", out], ["localize", photograph, "--out", tmp_path / "out"]):
        code, _, err = run(*call, "--weights", path)
        assert code == 4
        assert "the self-test gives nan" in err.splitlines()[-1] and "bad.safetensors" in err
    assert not out.exists() and not (tmp_path / "out").exists()


def test_weights_of_format_1_are_read_with_a_warning(tmp_path, caplog):
    path, net = tmp_path / "old.safetensors", RdrNet(width=1 / 8)
    facts = ModelFacts("rdr5x5", 1 / 8, Preprocessing(96), threshold=0.4)
    save_weights(path, net, facts)
    content = {**content_of(path), "format": 1}
    del content["self_test"], content["checksum"]
    save_file(
        {name: tensor.contiguous() for name, tensor in net.state_dict().items()},
        path,
        {METADATA_KEY: json.dumps(content)},
    )
    loaded = load_classifier(path)
    assert loaded.facts == facts
    assert torch.equal(loaded.model.classifier.weight, net.classifier.weight)
    assert "have no checksum" in caplog.text


def test_nested_metadata_are_refused(monkeypatch, capsys, tmp_path, photograph):
    path = tmp_path / "deep.safetensors"
    save_file({"a": torch.zeros(1)}, path, {METADATA_KEY: "[" * 100_000})
    code, _, err = command(monkeypatch, capsys)("predict", photograph, "--weights", path, "--out", tmp_path / "s.csv")
    assert code == 4
    assert "deep.safetensors: unreadable metadata" in err and err.count("\n") == 1


def test_killed_while_weights_are_written_they_are_always_whole(tmp_path):
    path, rng, seen = tmp_path / "rdr.safetensors", random.Random(0), set()
    nets = [RdrNet(width=1 / 8) for _ in range(2)]
    facts = ModelFacts("rdr5x5", 1 / 8, Preprocessing(size=32))
    save_weights(path, nets[0], facts)
    for _ in range(50):
        if (writer := os.fork()) == 0:
            while True:
                for net in nets:
                    save_weights(path, net, facts)
        time.sleep(rng.uniform(0, 0.06))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        seen.add(load_classifier(path).sha256)
    assert len(seen) == 2, "both were written"
    left = [name.name for name in tmp_path.iterdir() if name != path]
    assert left and all(name.startswith(".partial-") for name in left), "some were killed in the middle of a file"
    remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
