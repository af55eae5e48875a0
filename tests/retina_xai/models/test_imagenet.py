"""torchvision networks by name, and the paper's first experiment on real photographs."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from retina_xai.errors import ModelError
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games import GAMES
from retina_xai.io.images import read_image
from retina_xai.models.imagenet import ImagenetPreprocessing, load_imagenet_model


def test_input_is_normalised_and_cropped():
    flat = np.full((300, 400, 3), (124, 116, 104), np.uint8)
    assert ImagenetPreprocessing().to_tensor(flat).shape == (3, 224, 224)
    assert ImagenetPreprocessing().to_tensor(flat).abs().max() < 0.02


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("resnet5", None, "unknown network 'resnet5': give a torchvision classification network"),
        ("squeezenet1_0", b"text", "unreadable weights; give a safetensors or torch state file of squeezenet1_0"),
        ("squeezenet1_0", {"a": torch.zeros(1)}, "these are not the weights of squeezenet1_0"),
    ],
)
def test_unknown_networks_and_weights_that_do_not_fit(tmp_path, name, content, message):
    path = tmp_path / "w.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        save_file(content, path)
    with pytest.raises(ModelError, match=message):
        load_imagenet_model(name, path)


@pytest.mark.slow
def test_the_plain_generation_game_invents_evidence_and_the_defended_one_does_not(real_data):
    """A small version of table 1: the least likely class as target, with an equal number of steps."""
    model = load_imagenet_model("squeezenet1_0", real_data / "weights" / "squeezenet1_0.safetensors")
    photographs = sorted((real_data / "imagenet" / "val").iterdir())[::40]
    images = torch.stack([ImagenetPreprocessing().to_tensor(read_image(path).pixels) for path in photographs])
    with torch.no_grad():
        least_likely = model(images).argmin(dim=1)
    settings = {"game": "generation", "lam": 1e-10, "lr": 0.1, "iterations": 80}
    plain = FGVis(**settings, defended=False)(model, images, least_likely)
    defended = FGVis(**settings)(model, images, least_likely)
    assert plain.converged.all()
    assert not defended.converged.any()


@pytest.mark.slow
def test_a_fixed_point_equals_the_full_run_and_converged_is_correct(real_data):
    """On a real network, stopping at a fixed point gives a bit-equal result, and `converged` is correct."""
    model = load_imagenet_model("squeezenet1_0", real_data / "weights" / "squeezenet1_0.safetensors")
    photographs = sorted((real_data / "imagenet" / "val").iterdir())[:80:40]
    images = torch.stack([ImagenetPreprocessing().to_tensor(read_image(path).pixels) for path in photographs])
    steps = 30
    one_step = FGVis("repression", lam=1.0, lr=0.1, iterations=1)
    left = FGVis("repression", lam=1.0, lr=0.1, iterations=steps)(model, images)
    mask = GAMES["repression"].start_mask(images.shape, 0, images)
    for _ in range(steps):
        mask = one_step(model, images, left.target, start=mask).mask
    assert (left.iterations < steps).all()
    assert torch.equal(left.mask, mask)
    search = FGVis("deletion", lam=(1e-2, 1e-7), lr=0.3, iterations=8, stop_ratio=0.02)(model, images)
    with torch.no_grad():
        score = model(search.explained).softmax(dim=1).gather(1, search.target[:, None])[:, 0]
    torch.testing.assert_close(score, search.score_after, rtol=1e-4, atol=1e-6)
    assert torch.equal(search.converged, score < 0.02 * search.score_before)
    assert not left.converged.any()
