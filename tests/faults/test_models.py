"""Weights, checkpoints and devices that cannot be used: one line, exit code 4, nothing executed."""

import json
import pickle
import random

import pytest
import torch
from helpers import networks
from helpers.batches import phantoms_in
from helpers.command_line import FACTORY, one_line
from helpers.trainings import small_training
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from retina_xai.errors import InputError, ModelError
from retina_xai.models.checkpoint import METADATA_KEY
from retina_xai.training.fit import train
from retina_xai.training.state import AtomicCheckpoints, read_state


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "tiny_factory.py").write_text(FACTORY)
    return phantoms_in(tmp_path / "data", ("a", "b"))


def with_metadata(path, source, **change):
    with safe_open(source, framework="pt") as file:
        content = json.loads(file.metadata()[METADATA_KEY])
    save_file(load_file(source), path, metadata={METADATA_KEY: json.dumps({**content, **change})})


class Touch:
    """Unpickling it makes a file."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return (self.proof.touch, ())


DAMAGES = {
    "missing": (lambda path, source: None, "no such weights file"),
    "empty": (lambda path, source: path.write_bytes(b""), "not a whole safetensors file"),
    "truncated": (lambda path, source: path.write_bytes(source.read_bytes()[:-1000]), "not a whole safetensors file"),
    "cut in its header": (lambda path, source: path.write_bytes(source.read_bytes()[:100]), "not a whole safetensors"),
    "a pickle": (
        lambda path, source: path.write_bytes(pickle.dumps(Touch(path.with_name("executed")))),
        "not a whole safetensors file",
    ),
    "a torch file": (
        lambda path, source: torch.save(Touch(path.with_name("executed")), path),
        "not a whole safetensors file",
    ),
    "another architecture": (
        lambda path, source: with_metadata(path, source, architecture="resnet"),
        "architecture 'resnet', expected",
    ),
    "another width": (lambda path, source: with_metadata(path, source, width=0.25), "of another width or class count"),
    "other classes": (lambda path, source: with_metadata(path, source, classes=["a", "b", "c"]), "classes ('a', 'b', "),
    "nested metadata": (
        lambda path, source: save_file(load_file(source), path, metadata={METADATA_KEY: "[" * 100_000}),
        "unreadable metadata",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_weights_that_cannot_be_used_are_one_line(folder, weights, call, tmp_path, damage):
    make, message = DAMAGES[damage]
    path = tmp_path / "rdr.safetensors"
    make(path, weights)
    code, _, err = call("predict", folder, "--weights", path, "--out", tmp_path / "scores.csv")
    assert code == 4
    assert f"{path}: " in one_line(err) and message in err
    assert not (tmp_path / "executed").exists()
    assert not list(tmp_path.glob("scores*"))


def test_a_state_file_with_a_payload_executes_nothing(folder, call, tmp_path):
    proof, path = tmp_path / "executed", tmp_path / "state.pth"
    torch.save({"head.weight": Touch(proof)}, path)
    line = ("explain", folder, "--model", "tiny_factory:make", "--weights", path, "--out", tmp_path / "out")
    code, _, err = call(*line, "--method", "saliency", "--no-trust")
    assert code == 4
    assert str(path) in one_line(err)
    assert not proof.exists()


@pytest.mark.slow
def test_start_weights_of_another_preprocessing_are_refused(graded, tmp_path):
    first = train(graded, tmp_path / "first", small_training(), progress=False).weights
    other = small_training(network={"width": 0.05, "start": first}, preprocessing={"std": [12, 9, 5.5]})
    with pytest.raises(ModelError, match=r"std was \(.*\) and is \(12.0, 9.0, 5.5\) in the settings; make them equal"):
        train(graded, tmp_path / "other", other, progress=False)


def test_without_a_gpu_the_cpu_is_used_with_a_notice(folder, weights, call, caplog, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, err = call("predict", folder, "--weights", weights, "--out", tmp_path / "s.csv", "--device", "cuda")
    assert (code, err) == (0, "")
    assert "no GPU was found: computing on the CPU" in caplog.text


@pytest.fixture
def small_gpu(monkeypatch):
    """A function that lets the network fail on more images at once than fit; returns the sizes of its batches."""
    sizes, forward = [], networks.TinyNet.forward

    def limit(most):
        def limited(self, images):
            sizes.append(len(images))
            if len(images) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(self, images)

        monkeypatch.setattr(networks.TinyNet, "forward", limited)
        return sizes

    return limit


QUICK = {"occlusion": "stride=0.14", "rise": "masks=16", "lime": "samples=16", "integrated-gradients": "points=16"}


@pytest.mark.parametrize("method", QUICK)
def test_too_little_memory_of_the_gpu_halves_the_batch(folder, call, tmp_path, small_gpu, method):
    line = ("explain", folder, "--model", "tiny_factory:make", "--method", method, "--no-trust", "--out")
    quick = ("--set", QUICK[method])
    assert call(*line, tmp_path / "whole", *quick)[0] == 0
    sizes = small_gpu(3)
    code, _, err = call(*line, tmp_path / "small", *quick)
    assert (code, err) == (0, "")
    assert max(sizes) > 3 and max(size for size in sizes if size <= 3) > 1
    for name in ("a.json", "b.json"):
        whole, small = (json.loads((tmp_path / place / name).read_text()) for place in ("whole", "small"))
        assert whole["explanation"] == small["explanation"]


def test_a_photograph_for_which_one_image_is_too_much_fails_alone(folder, call, tmp_path, small_gpu, monkeypatch):
    from retina_xai.models.network import Network

    kept = Network.most_likely

    def second_fails(self, image, count, score):
        if (tmp_path / "out" / "a.json").exists():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return kept(self, image, count, score)

    monkeypatch.setattr(Network, "most_likely", second_fails)
    line = ("--model", "tiny_factory:make", "--method", "saliency", "--no-trust", "--out", tmp_path / "out")
    code, out, err = call("explain", folder, *line)
    assert code == 5
    assert "1 of 2 photographs failed (b.png); the others are done" in one_line(err)
    message = "b.png: not enough memory on the GPU for it; close other programs or use the CPU"
    assert message in " ".join(out.split())
    code, _, err = call("explain", folder / "b.png", *line)
    assert code == 4
    assert message in one_line(err)


def test_a_flipped_bit_of_a_checkpoint_is_refused_or_changes_nothing(tmp_path):
    torch.manual_seed(0)
    content = {"callbacks": {"a": 1.5}, "state_dict": {"w": torch.randn(2000), "b": torch.randn(3, 5)}, "epoch": 3}
    path, generator, refused = tmp_path / "stage-1.ckpt", random.Random(0), 0
    AtomicCheckpoints().save_checkpoint(content, path)
    whole = path.read_bytes()
    for _ in range(400):
        place = generator.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            state = read_state(path)
        except InputError as error:
            assert f"{path}: damaged, or not a training checkpoint; delete it to repeat this stage" == str(error)
            refused += 1
        else:
            assert state["epoch"] == 3 and state["callbacks"] == {"a": 1.5}
            assert all(torch.equal(state["state_dict"][key], value) for key, value in content["state_dict"].items())
    assert refused > 300
