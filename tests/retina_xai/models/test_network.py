"""Networks by name or factory, with their classes, input and weights."""

import hashlib
from urllib.error import URLError

import numpy as np
import pytest
import torch
from helpers.arrays import photograph_of
from helpers.tiny_network import tiny_network
from safetensors.torch import save_file
from torchvision import models

from retina_xai.errors import ModelError, UsageError
from retina_xai.models import imagenet
from retina_xai.models.imagenet import ImagenetPreprocessing, categories, load_imagenet_model, preprocessing_of
from retina_xai.models.network import class_index, load_network

CLASSES = ("tench", "great white shark", "tiger shark", "crane", "Crane", "house_finch")

FACTORIES = """
import torch
from torch import nn
from retina_xai.models.imagenet import ImagenetPreprocessing

def seven():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def small():
    model = seven()
    model.preprocessing = ImagenetPreprocessing(size=16, resize=20)
    return model

def flat():
    return nn.Conv2d(3, 7, 3)

def named():
    model = seven()
    model.classes = ["ant", "bee", "cow", "dog", "elk", "fox", "gnu"]
    return model

def misnamed():
    model = seven()
    model.classes = ("ant", "bee")
    return model

def broken():
    model = seven()
    next(model.parameters()).data.fill_(float("nan"))
    return model

def needs_argument(width):
    return seven()

def not_a_module():
    return "net"

def fails_on_images():
    return nn.Linear(5, 2)

number = 3
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """A module with factories in the current folder."""
    name = f"nets_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(FACTORIES)
    monkeypatch.chdir(tmp_path)
    return name


def test_a_factory_of_the_current_folder_gives_a_network(nets):
    network = load_network(f"{nets}:seven")
    assert network.classes == tuple("0123456")
    assert network.preprocessing == ImagenetPreprocessing()
    assert not network.model.training
    assert network.weights == load_network(f"{nets}:seven").weights
    assert network.weights.startswith("state:")


def test_a_factory_may_define_class_names(nets):
    network = load_network(f"{nets}:named")
    assert network.classes == ("ant", "bee", "cow", "dog", "elk", "fox", "gnu")
    assert network.class_index("cow") == 2


def test_a_factory_may_define_preprocessing_and_load_weights_from_a_file(nets, tmp_path):
    plain = load_network(f"{nets}:small")
    state = {key: tensor + 1 for key, tensor in plain.model.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    network = load_network(f"{nets}:small", tmp_path / "w.safetensors")
    assert network.preprocessing.size == 16
    assert network.weights == hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest()
    assert torch.equal(network.model.state_dict()["0.weight"], state["0.weight"])
    photograph = photograph_of(np.full((40, 50, 3), 99, np.uint8), "grey")
    assert network.input_of(photograph).shape == (1, 3, 16, 16)
    assert network.scores(network.input_of(photograph)).sum().item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("{nets}:missing", "cannot be imported .AttributeError: .*; give package.module:factory"),
        ("no_such_package:make", "cannot be imported .ModuleNotFoundError: No module named 'no_such_package'"),
        ("{nets}:number", "is int, expected a function that returns a torch module"),
        ("{nets}:needs_argument", "failed .TypeError: .*; it is called without arguments"),
        ("{nets}:not_a_module", "returned str, expected a torch module"),
        ("{nets}:flat", r":flat returned \(1, 7, 222, 222\) for 1 images: it must return logits \(N, classes\)"),
        ("{nets}:misnamed", r"`classes` has 2 names, expected 7, one for each logit"),
        ("{nets}:broken", "returned NaN or infinity for an image of the mean colour; check its weights"),
        ("{nets}:fails_on_images", r"cannot classify an image of shape \(1, 3, 224, 224\)"),
    ],
)
def test_unusable_factories_are_refused(nets, factory, message):
    with pytest.raises(ModelError, match=message) as error:
        load_network(factory.format(nets=nets))
    assert "\n" not in str(error.value)


def test_torchvision_weights_from_a_file(tmp_path):
    model = models.get_model("squeezenet1_1", weights=None)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    network = load_network("squeezenet1_1", str(tmp_path / "w.pt"))
    assert network.classes == categories()
    assert network.classes[207] == "golden retriever"
    assert network.facts()["weights"] == hashlib.sha256((tmp_path / "w.pt").read_bytes()).hexdigest()
    assert torch.equal(network.model.state_dict()["classifier.1.bias"], model.state_dict()["classifier.1.bias"])


def test_weights_that_hold_nan_or_are_missing_are_refused(tmp_path):
    state = models.get_model("squeezenet1_1", weights=None).state_dict()
    state["classifier.1.bias"][3] = torch.nan
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="tensor 'classifier.1.bias' holds NaN or infinity"):
        load_network("squeezenet1_1", tmp_path / "w.pt")
    with pytest.raises(ModelError, match="absent.pt: no such weights file"):
        load_network("squeezenet1_1", tmp_path / "absent.pt")
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="not a state dict of tensors"):
        load_network("squeezenet1_1", tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_messages_of_torch_are_shortened(tmp_path):
    torch.save({1: torch.zeros(2)}, tmp_path / "numbers.pt")
    with pytest.raises(ModelError, match="not a state dict of tensors"):
        load_network("squeezenet1_1", tmp_path / "numbers.pt")
    state = models.get_model("squeezenet1_1", weights=None).state_dict()
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="these are not the weights of mobilenet_v2") as refused:
        load_network("mobilenet_v2", tmp_path / "w.pt")
    assert len(str(refused.value)) < 600
    torch.save({"bias": state["classifier.1.bias"]}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    whole = (tmp_path / "old.pt").read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, 400, 60):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "old.pt").write_bytes(damaged)
        with pytest.raises(ModelError):
            load_network("squeezenet1_1", tmp_path / "old.pt")


@pytest.mark.parametrize("auxiliary", [True, False])
def test_googlenet_from_a_file_rescales_its_input_with_and_without_auxiliary_heads(tmp_path, auxiliary):
    state = models.get_model("googlenet", weights=None, init_weights=False, aux_logits=auxiliary).state_dict()
    torch.save(state, tmp_path / "w.pt")
    model = load_imagenet_model("googlenet", tmp_path / "w.pt")
    assert model.transform_input
    assert (model.aux1 is not None) == auxiliary


def test_without_a_file_torchvisions_weights_are_downloaded(monkeypatch):
    asked = {}

    def get_model(name, weights, progress):
        asked.update(name=name, weights=weights)
        return models.squeezenet1_0()

    monkeypatch.setattr(imagenet.models, "get_model", get_model)
    network = load_network("squeezenet1_0")
    assert asked == {"name": "squeezenet1_0", "weights": models.SqueezeNet1_0_Weights.DEFAULT}
    assert network.weights == "IMAGENET1K_V1"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(URLError("no route to host"), "no route to host"), (RuntimeError('invalid hash value\n(expected "b")'), "hash")],
)
def test_a_failed_download_is_one_line(monkeypatch, error, reason):
    def get_model(name, weights, progress):
        raise error

    monkeypatch.setattr(imagenet.models, "get_model", get_model)
    with pytest.raises(ModelError, match=reason) as caught:
        load_network("squeezenet1_0")
    assert str(caught.value).startswith("cannot download the weights of squeezenet1_0 from https://")
    assert str(caught.value).endswith("fetch that file on another machine and give it with --weights")
    assert "\n" not in str(caught.value)


def test_a_network_gets_the_preprocessing_of_its_own_weights(tmp_path, monkeypatch):
    model = models.resnet18(weights=None)
    monkeypatch.setattr("retina_xai.models.network.download_imagenet_model", lambda name: (model, "IMAGENET1K_V2"))
    assert load_network("mobilenet_v2").preprocessing == preprocessing_of("mobilenet_v2", "IMAGENET1K_V2")
    assert load_network("mobilenet_v2").preprocessing.resize == 232
    save_file(models.mobilenet_v2(weights=None).state_dict(), tmp_path / "w.safetensors")
    asked = []
    monkeypatch.setattr(
        "retina_xai.models.network.preprocessing_of", lambda *given: asked.append(given) or preprocessing_of(*given)
    )
    loaded = load_network("mobilenet_v2", tmp_path / "w.safetensors")
    digest = hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest()
    assert (asked, loaded.weights) == ([("mobilenet_v2", digest)], digest)


def test_preprocessing_is_that_of_the_weights():
    assert preprocessing_of("inception_v3", "0" * 64).size == 299
    assert preprocessing_of("resnet50", "0" * 64).resize == 256
    assert preprocessing_of("resnet50", "IMAGENET1K_V2").resize == 232
    published = models.ResNet50_Weights.IMAGENET1K_V2.url.removesuffix(".pth").split("-")[-1]
    assert preprocessing_of("resnet50", published + "0" * 56).resize == 232
    assert preprocessing_of("efficientnet_b0", "0" * 64).interpolation == "bicubic"


def test_to_pixels_is_the_inverse_of_to_tensor():
    rules = ImagenetPreprocessing(size=8, resize=8)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    assert np.array_equal(rules.to_pixels(rules.to_tensor(pixels)), pixels)
    assert np.array_equal(rules.to_pixels(torch.full((3, 1, 1), 9.0)), np.full((1, 1, 3), 255))


@pytest.mark.parametrize(
    ("wanted", "index"), [("tench", 0), (" TIGER  shark ", 2), ("5", 5), ("house finch", 5), ("tiger_shark", 2)]
)
def test_classes_by_name_and_number(wanted, index):
    assert class_index(CLASSES, wanted) == index


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            "shark",
            r"unknown class 'shark' \(close: great white shark, tiger shark\): give a name or a number of 0 to 5",
        ),
        ("tensh", r"unknown class 'tensh' \(close: tench\)"),
        ("zzz", "unknown class 'zzz': give a name"),
        ("crane", "class 'crane' is ambiguous, it names classes 3, 4: give the number"),
        ("6", "class 6: the network has classes 0 to 5"),
        ("", "unknown class '': give a name"),
    ],
)
def test_unknown_and_ambiguous_classes(wanted, message):
    with pytest.raises(UsageError, match=message):
        class_index(CLASSES, wanted)


def test_every_classification_network_of_torchvision_has_its_input_rules():
    names = models.list_models(module=models)
    assert len(names) > 70
    for name in names:
        rules = preprocessing_of(name, "")
        assert rules.resize >= rules.size >= 128, name


def test_the_most_likely_classes_come_with_their_scores_highest_first():
    network = tiny_network()
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    scores = network.scores(image)[0].tolist()
    expected = sorted(enumerate(scores), key=lambda pair: -pair[1])
    assert network.most_likely(image, 2) == expected[:2]
    assert network.most_likely(image, 99) == expected
