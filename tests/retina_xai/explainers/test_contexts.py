"""Contexts and precisions of the caller: the same result, or one clear line."""

import copy
from dataclasses import replace

import pytest
import torch
from helpers.networks import TinyNet, smooth_images

from retina_xai.errors import InputError, ModelError
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.registry import EXPLAINERS

EXPLAIN = FGVis(lam=1e-4, iterations=6)
CONTEXTS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}
QUICK = {"rise": {"masks": 8}, "lime": {"samples": 8}, "fgvis": {"lam": 1e-4, "iterations": 2}}


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_result_does_not_depend_on_the_context_of_the_caller(context):
    model, images = TinyNet().eval(), smooth_images(2, 24)
    with CONTEXTS[context]():
        mask = EXPLAIN(model, images).mask
    assert torch.equal(mask, EXPLAIN(model, images).mask)


@pytest.mark.parametrize("key", ["fgvis", "saliency", "grad-cam", "integrated-gradients", "occlusion", "rise"])
def test_images_that_were_made_in_inference_mode_are_explained(key):
    model, images = TinyNet().eval(), smooth_images(1, 24)
    explain = EXPLAINERS[key].factory(**QUICK.get(key, {}))
    with torch.inference_mode():
        copied = images + 0
        assert copied.is_inference()
        evidence = explain(model, copied).evidence
    torch.testing.assert_close(evidence, explain(model, images).evidence)


def test_a_compiled_network_has_the_result_of_the_network():
    model, images = TinyNet().eval(), smooth_images(1, 24)
    compiled = torch.compile(model, backend="eager")
    assert torch.equal(EXPLAIN(compiled, images).mask, EXPLAIN(model, images).mask)
    grad_cam = EXPLAINERS["grad-cam"].factory(layer="first")
    assert torch.equal(grad_cam(compiled, images).evidence, grad_cam(model, images).evidence)


def test_a_network_that_was_made_in_inference_mode_is_an_error():
    with torch.inference_mode():
        model = TinyNet()
    with pytest.raises(ModelError, match=r"made in torch\.inference_mode"):
        EXPLAIN(model, smooth_images(1, 24))


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_less_than_float32_is_an_error(half):
    with pytest.raises(ModelError, match="float16, the games need float32: convert it with model.float"):
        EXPLAIN(TinyNet().to(half), smooth_images(1, 24).to(half))


def test_images_of_another_type_are_an_error_and_doubles_are_explained():
    model, images = TinyNet().eval(), smooth_images(1, 24)
    with pytest.raises(InputError, match="images are float64, the network is float32"):
        EXPLAIN(model, images.double())
    precise = EXPLAIN(copy.deepcopy(model).double(), images.double())
    assert precise.mask.dtype == torch.float64
    torch.testing.assert_close(precise.score_before.float(), EXPLAIN(model, images).score_before)


@pytest.mark.parametrize("fold", [True, False])
def test_dropout_that_is_forced_on_is_an_error(fold):
    class Forced(TinyNet):
        def forward(self, images):
            return super().forward(torch.nn.functional.dropout(images, 0.5, training=True))

    with pytest.raises(ModelError, match="two passes over the same image give different logits"):
        replace(EXPLAIN, fold=fold)(Forced(), smooth_images(1, 24))


@pytest.mark.parametrize("fold", [True, False])
def test_batch_normalisation_without_statistics_is_an_error(fold):
    model = TinyNet()
    model.norm = torch.nn.BatchNorm2d(8, track_running_stats=False)
    with pytest.raises(ModelError, match="norm has no running statistics"):
        replace(EXPLAIN, fold=fold)(model, smooth_images(1, 24))
