"""Fixtures shared by all tests: the folder of real data, phantoms and tiny weights, and the guard of the network."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from helpers import network_guard
from helpers.arrays import photograph_of
from helpers.command_line import command

from retina_xai.fundus.preprocessing import Preprocessing, prepare
from retina_xai.models.checkpoint import ModelFacts, save_weights
from retina_xai.models.rdr import RdrNet
from retina_xai.training.phantoms.phantom import make_phantom

REPOSITORY = Path(__file__).resolve().parents[1]


network_guard.install()


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """A test fails that reaches beyond this machine, also where the code under test catches the refusal."""
    yield
    found = [*network_guard.outside]
    network_guard.outside.clear()
    assert found == []


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs `retina-xai` with its arguments; see `command_line.command`."""
    return command(monkeypatch, capsys)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photographs and weights; tests that need it are skipped if it does not exist."""
    folder = Path(os.environ.get("RETINA_XAI_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set RETINA_XAI_DATA")
    return folder


@pytest.fixture(scope="session")
def phantom_photograph():
    """A referable phantom of 320 x 400 pixels."""
    return photograph_of(make_phantom(3, 320, 400, grade=3).pixels, "phantom.png")


def untrained(path: Path, size: int) -> Path:
    """Weights of a small untrained network whose score of phantoms is well above the stop of the game."""
    torch.manual_seed(0)
    net = RdrNet(width=1 / 8)
    images = torch.stack(
        [
            Preprocessing(size=size).to_tensor(
                prepare(photograph_of(make_phantom(seed, 256, 320).pixels, "p"), size).pixels
            )
            for seed in range(4)
        ]
    )
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        net.train()(images)
        net.eval()
        net.classifier.bias[1] += 1.0 - (net(images)[:, 1] - net(images)[:, 0]).mean()
    save_weights(path, net, ModelFacts("rdr5x5", 1 / 8, Preprocessing(size=size), threshold=0.5))
    return path


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    """Weights of a network with which a game takes less than a second."""
    return untrained(tmp_path_factory.mktemp("weights") / "rdr.safetensors", 96)


@pytest.fixture(scope="session")
def slow_weights(tmp_path_factory) -> Path:
    """Weights with which a game of 500 steps takes long enough to be cancelled."""
    return untrained(tmp_path_factory.mktemp("weights") / "slow.safetensors", 512)
