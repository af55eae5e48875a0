"""Weights files: round trip, and all checks on loading."""

import json
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from retina_xai.errors import ModelError
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.io.images import read_image
from retina_xai.localization import predict
from retina_xai.models.checkpoint import METADATA_KEY, ModelFacts, default_weights, load_classifier, save_weights
from retina_xai.models.rdr import RdrNet

FACTS = ModelFacts("rdr5x5", 1 / 8, Preprocessing(size=96), threshold=0.37, training={"epochs": 3, "auroc": 0.9})


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "rdr.safetensors"
    torch.manual_seed(0)
    save_weights(path, RdrNet(width=1 / 8), FACTS)
    return path


def rewrite(path, *, state=None, metadata=None):
    with safe_open(path, framework="pt") as file:
        content = json.loads(file.metadata()[METADATA_KEY])
    save_file(
        {**load_file(path), **(state or {})}, path, metadata={METADATA_KEY: json.dumps({**content, **(metadata or {})})}
    )


def test_save_and_load_round_trip(tmp_path):
    path, model = tmp_path / "w.safetensors", RdrNet(width=1 / 8).train()
    images = torch.randn(4, 3, 96, 96)
    model(images)
    save_weights(path, model, FACTS)
    loaded = load_classifier(path)
    assert loaded.facts == FACTS
    assert not loaded.model.training
    with torch.no_grad():
        expected = model.eval()(images).softmax(1)[:, 1]
    torch.testing.assert_close(loaded.scores(images), expected, rtol=0, atol=0)
    assert len(loaded.sha256) == 64


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match="no such weights file"):
        load_classifier(tmp_path / "none.safetensors")


def test_a_truncated_file(weights):
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        load_classifier(weights)


def test_a_pickle_is_refused_and_executes_nothing(tmp_path):
    path, proof = tmp_path / "evil.safetensors", tmp_path / "executed"

    class Evil:
        def __reduce__(self):
            return (proof.touch, ())

    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        load_classifier(path)
    assert not proof.exists()


def test_safetensors_of_another_program(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="no retina_xai metadata"):
        load_classifier(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "weights format 99, this version reads 2"),
        ({"architecture": "rdr4x4"}, "of another"),
        ({"architecture": "resnet"}, "rdr.safetensors: .*architecture 'resnet', expected one of rdr5x5, rdr4x4"),
        ({"threshold": "x"}, "rdr.safetensors: unreadable metadata"),
        ({"threshold": 7.0}, "threshold 7.0, expected 0 to 1"),
        ({"width": "wide"}, "rdr.safetensors: unreadable metadata"),
        ({"preprocessing": {**FACTS.preprocessing.to_dict(), "size": 10}}, "input size 10, expected 32 to 4096"),
        ({"preprocessing": {**FACTS.preprocessing.to_dict(), "size": 10**5}}, "input size 100000, expected 32 to 4096"),
        ({"width": 0.25}, r"has shape .* expected .* another width or class count"),
        ({"classes": ["cat", "dog"]}, r"classes \('cat', 'dog'\), expected \('non-RDR', 'RDR'\)"),
        ({"preprocessing": {"size": 96}}, "unreadable metadata"),
        ({"surprise": 1}, "unreadable metadata"),
    ],
)
def test_metadata_that_do_not_fit_are_named(weights, change, message):
    rewrite(weights, metadata=change)
    with pytest.raises(ModelError, match=message):
        load_classifier(weights)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"features.0.weight": torch.full((4, 3, 5, 5), torch.nan)}, "'features.0.weight' holds NaN or infinity"),
        ({"extra": torch.zeros(1)}, "1 tensors missing or unknown .first 'extra'."),
        ({"classifier.weight": torch.zeros(3, 64)}, r"'classifier.weight' has shape \(3, 64\), expected \(2, 64\)"),
    ],
)
def test_tensors_that_do_not_fit_are_named(weights, state, message):
    rewrite(weights, state=state)
    with pytest.raises(ModelError, match=message):
        load_classifier(weights)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", ["features.0.weight", "features.1.running_var", "classifier.bias"])
def test_a_single_value_that_is_not_finite_is_refused(weights, name, value):
    tensor = load_file(weights)[name]
    tensor.view(-1)[-1] = value
    rewrite(weights, state={name: tensor})
    with pytest.raises(ModelError, match=f"tensor '{name}' holds NaN or infinity; train or fetch the weights again"):
        load_classifier(weights)


def test_without_packaged_weights_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("retina_xai.models.checkpoint.__file__", str(tmp_path / "models" / "checkpoint.py"))
    with pytest.raises(ModelError, match="give --weights FILE"):
        default_weights()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "rdr.safetensors").touch()
    assert default_weights() == tmp_path / "weights" / "rdr.safetensors"


def test_the_packaged_weights_load_with_their_facts():
    classifier = load_classifier(default_weights())
    assert classifier.facts.architecture == "rdr5x5"
    assert classifier.facts.preprocessing.background > 0
    assert 0 < classifier.facts.threshold < 1
    assert default_weights().stat().st_size < 24e6


@pytest.mark.slow
def test_the_packaged_weights_separate_photographs_with_and_without_lesions(real_data):
    """The three DiaretDB1 training images without any consensus lesion score below six that have some."""
    classifier = load_classifier(default_weights())
    folder = real_data / "diaretdb1" / "ddb1_v02_01" / "images"
    scores = {
        number: predict(read_image(folder / f"diaretdb1_image{number}.png"), classifier).score
        for number in ("057", "070", "079", "009", "013", "014", "025", "035", "064")
    }
    assert max(scores[number] for number in ("057", "070", "079")) < sorted(scores.values())[3]
