"""Metrics of Quantus on our explainers: `make quantus`, in an environment of its own. Quantus is no dependency."""

import numpy as np
import pytest
import torch
from helpers.networks import TinyNet, smooth_images
from torch import nn

from retina_xai.adapters import as_quantus
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.grad_cam import GradCAM
from retina_xai.explainers.gradients import Saliency
from retina_xai.metrics.complexity import sparseness

quantus = pytest.importorskip("quantus", reason="Quantus is not installed: make quantus")
SIZE, STEP, CLASSES = 24, 24, 4


class OneChannel(nn.Module):
    """A network of images with one channel, because ROAD of Quantus 0.6.0 fails on several."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.net(images.expand(-1, 3, -1, -1))


@pytest.fixture(params=[Saliency(), GradCAM(layer="second"), FGVis(lam=1e-6, iterations=5)], ids=lambda one: one.method)
def explained(request):
    """An explainer as a function of Quantus, and what its metrics take."""
    model, images = TinyNet(CLASSES).eval(), smooth_images(3, SIZE)
    targets = model(images).argmax(dim=1).numpy()
    explain = as_quantus(request.param)
    batch = {"model": model, "x_batch": images.numpy(), "y_batch": targets, "device": "cpu"}
    return request.param, explain, {**batch, "a_batch": explain(model, images.numpy(), targets)}


def test_sparseness_is_ours(explained):
    _, _, batch = explained
    ours = [sparseness(torch.from_numpy(one[0])) for one in batch["a_batch"]]
    np.testing.assert_allclose(quantus.Sparseness(disable_warnings=True)(**batch), ours, atol=1e-5)


def test_pixel_flipping_begins_near_the_score_and_ends_at_that_of_an_empty_image(explained):
    _, _, batch = explained
    curves = np.array(quantus.PixelFlipping(STEP, perturb_baseline=0.0, disable_warnings=True)(**batch))
    assert curves.shape == (3, 3 * SIZE**2 / STEP)
    with torch.no_grad():
        empty = batch["model"](torch.zeros(1, 3, SIZE, SIZE)).softmax(dim=1)[0].numpy()
        whole = batch["model"](torch.from_numpy(batch["x_batch"])).softmax(dim=1).numpy().max(axis=1)
    np.testing.assert_allclose(curves[:, -1], empty[batch["y_batch"]], atol=1e-5)
    assert (np.abs(curves[:, 0] - whole) < np.abs(curves[:, -1] - whole)).all()


def test_random_logit_compares_with_another_class(explained):
    _, explain, batch = explained
    found = quantus.RandomLogit(num_classes=CLASSES, seed=0, disable_warnings=True)(**batch, explain_func=explain)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 1


def test_road_runs_on_one_channel(explained):
    explainer, _, batch = explained
    model = OneChannel(batch["model"]).eval()
    explainer = GradCAM(layer="net.second") if isinstance(explainer, GradCAM) else explainer
    images = batch["x_batch"][:, :1]
    targets = model(torch.from_numpy(images)).argmax(dim=1).numpy()
    evidence = as_quantus(explainer)(model, images, targets)
    found = quantus.ROAD(percentages=[10, 50], noise=0.01, disable_warnings=True)(
        model=model, x_batch=images, y_batch=targets, a_batch=evidence, device="cpu"
    )
    assert found.keys() == {10, 50}
    assert all(0 <= value <= 1 for value in found.values())
