"""Explainers in Captum and Quantus, and Captum's attributions under our contract."""

import captum.attr
import numpy as np
import pytest
import torch
from captum.metrics import infidelity, sensitivity_max
from helpers.heads import Body
from helpers.networks import LinearLogit, TinyNet, smooth_images
from monai.inferers import Inferer, SaliencyInferer
from scipy.stats import spearmanr
from torch import nn
from torchvision import models

from retina_xai.adapters import CaptumExplainer, as_captum, as_monai, as_quantus
from retina_xai.errors import ModelError, UsageError
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.grad_cam import GradCAM, upsampled
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.integrated_gradients import IntegratedGradients
from retina_xai.explainers.rise import RISE

WEIGHT = torch.randn(3, 8, 6, generator=torch.Generator().manual_seed(1))
IMAGES = torch.randn(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))


def test_an_explainer_is_an_attribution_of_captum():
    attribution = as_captum(Saliency(), LinearLogit(WEIGHT))
    assert isinstance(attribution, captum.attr.Attribution)
    assert torch.equal(attribution.attribute(IMAGES, target=0), WEIGHT.expand_as(IMAGES))
    assert torch.equal(attribution.attribute((IMAGES,), torch.tensor([0, 0]))[0], WEIGHT.expand_as(IMAGES))
    with pytest.raises(UsageError, match="2 inputs: an explainer takes one tensor of images"):
        attribution.attribute((IMAGES, IMAGES), 0)


def test_maps_without_colour_and_of_another_size_get_the_shape_of_the_images():
    model, images = TinyNet().eval(), smooth_images(2, 24)
    for explain in (GradCAM(layer="second"), RISE(masks=5)):
        found = as_captum(explain, model).attribute(images, 1)
        assert torch.equal(found, upsampled(explain(model, images, 1).attribution, images).expand_as(images))
    evidence = as_captum(RISE(masks=5), model, "evidence").attribute(images, 1)
    assert torch.equal(evidence, RISE(masks=5)(model, images, 1).evidence[:, None].expand_as(images))
    with pytest.raises(UsageError, match="values 'mask': choose 'attribution' or 'evidence'"):
        as_captum(RISE(masks=5), model, "mask").attribute(images, 1)


def test_an_explainer_is_an_inferer_of_monai():
    model, images = TinyNet().eval(), smooth_images(2, 24)
    for explain in (Saliency(), GradCAM(layer="second")):
        inferer = as_monai(explain, target=1)
        assert isinstance(inferer, Inferer)
        assert torch.equal(inferer(images, model), explain(model, images, 1).evidence[:, None])
    signed = as_monai(Saliency(), values="attribution")(images, model)
    assert torch.equal(signed, Saliency()(model, images).attribution)
    with pytest.raises(UsageError, match="takes images and a network"):
        inferer(images, model, "more")


def test_grad_cam_of_monai_orders_pixels_the_other_way_round():
    """Its default normaliser maps the largest value to 0 and the smallest to 1."""
    model, images = models.get_model("resnet18", weights=None, num_classes=3).eval(), smooth_images(1, 64)
    theirs = SaliencyInferer("gradcam", "layer4", 1)(images, model)
    ours = as_monai(GradCAM(layer="layer4"), 1)(images, model)
    assert theirs.shape == ours.shape
    assert spearmanr(theirs.flatten(), ours.flatten()).statistic < -0.95


def test_infidelity_of_captum():
    def perturb(inputs):
        noise = 0.1 * torch.randn(inputs.shape, generator=torch.Generator().manual_seed(4))
        return noise, inputs - noise

    torch.manual_seed(0)
    right = as_captum(Saliency(), LinearLogit(WEIGHT)).attribute(IMAGES, 0)
    exact = infidelity(LinearLogit(WEIGHT), perturb, IMAGES, right, target=0)
    wrong = infidelity(LinearLogit(WEIGHT), perturb, IMAGES, -right, target=0)
    assert exact.max() < 1e-8, "a gradient predicts every change of a linear score"
    assert wrong.min() > 0.01


@pytest.mark.parametrize("explain", [Saliency(), IntegratedGradients(points=4), FGVis(lam=1e-4, iterations=3)])
def test_sensitivity_of_captum(explain):
    model, images = TinyNet().eval(), smooth_images(2, 24)
    attribution = as_captum(explain, model)
    torch.manual_seed(0)
    still, shaken = (
        sensitivity_max(attribution.attribute, images, perturb_radius=radius, n_perturb_samples=2, target=1)
        for radius in (0.0, 0.3)
    )
    assert still.max() < 1e-4
    assert shaken.shape == (2,)
    assert shaken.min() > still.max()


def test_the_sensitivity_of_a_linear_score_is_0():
    found = sensitivity_max(as_captum(Saliency(), LinearLogit(WEIGHT)).attribute, IMAGES, target=0)
    assert found.max() == 0


def test_quantus_gets_arrays():
    model, images = TinyNet().eval(), smooth_images(2, 24)
    targets = np.array([1, 2])
    for inputs in (images.numpy(), images.double().numpy()):
        evidence = as_quantus(Saliency())(model=model, inputs=inputs, targets=targets, device="cpu")
        expected = Saliency()(model, images, torch.tensor([1, 2]))
        np.testing.assert_allclose(evidence, expected.evidence[:, None].numpy())
    signed = as_quantus(Saliency(), "attribution")(model, images, targets)
    np.testing.assert_allclose(signed, expected.attribution.numpy())


MODEL = Body().float()
CAPTUM = {
    "saliency": (CaptumExplainer(captum.attr.Saliency), Saliency()),
    "integrated gradients": (
        CaptumExplainer(captum.attr.IntegratedGradients, {"n_steps": 8}, summary="sum"),
        IntegratedGradients(points=8),
    ),
    "grad-cam": (
        CaptumExplainer(lambda scores: captum.attr.LayerGradCam(scores, scores.network.model.second), {}, "positive"),
        GradCAM(layer="second"),
    ),
}


@pytest.mark.parametrize("name", CAPTUM)
def test_an_attribution_of_captum_has_the_result_of_our_own(name):
    images = smooth_images(2, 24)
    theirs, ours = CAPTUM[name]
    found, expected = (explain(MODEL, images, [1, 2]) for explain in (theirs, ours))
    torch.testing.assert_close(found.evidence, expected.evidence)
    torch.testing.assert_close(found.score_before, expected.score_before)


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (captum.attr.DeepLift, {"baselines": 0}),
        (captum.attr.GradientShap, {"baselines": torch.zeros(2, 3, 24, 24), "n_samples": 4}),
        (captum.attr.FeatureAblation, {"feature_mask": torch.arange(24 * 24).reshape(1, 1, 24, 24) // 72}),
        (lambda scores: captum.attr.NoiseTunnel(captum.attr.Saliency(scores)), {"nt_samples": 3}),
    ],
    ids=["DeepLift", "GradientShap", "FeatureAblation", "NoiseTunnel"],
)
def test_the_contract_holds_for_attributions_of_captum(make, options):
    images = smooth_images(3, 24)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    explain, steps = CaptumExplainer(make, options), []
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    result = explain(model, images, [0, 1, 2], on_step=lambda step, scores: steps.append(step))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
    assert steps == [1]
    assert model.training
    assert result.evidence.shape == (3, 24, 24)
    assert result.attribution.shape == (3, 3, 24, 24)
    assert 0 <= result.evidence.min() < result.evidence.max() == 1
    assert torch.equal(explain(model, images, [0, 1, 2]).evidence, result.evidence)
    assert all(isinstance(value, str | int) for value in explain.settings().values())
    torch.testing.assert_close(explain(model, images[2:], 2).attribution, result.attribution[2:])


def test_another_seed_of_a_random_attribution():
    explain = CaptumExplainer(lambda scores: captum.attr.NoiseTunnel(captum.attr.Saliency(scores)))
    images = smooth_images(1, 24)
    maps = [explain.with_seed(seed)(MODEL, images, 1).evidence for seed in (0, 1)]
    assert not torch.equal(*maps)


def test_what_is_no_map_is_refused():
    with pytest.raises(UsageError, match="unknown summary 'mean': choose one of largest, sum, positive"):
        CaptumExplainer(captum.attr.Saliency, summary="mean")
    flat = CaptumExplainer(lambda scores: captum.attr.LayerActivation(scores, scores.network.model.linear))
    with pytest.raises(ModelError, match=r"Captum returned \(1, 4\) for one image \(1, 3, 24, 24\): expected a map"):
        flat(MODEL, smooth_images(1, 24))
