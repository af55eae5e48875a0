"""`inference` restores the model."""

import pytest
from helpers.networks import TinyNet

from retina_xai.models.inference import inference


def test_inference_restores_every_module_separately():
    model = TinyNet().train()
    model.norm.eval()
    model.head.weight.requires_grad_(False)
    with pytest.raises(RuntimeError), inference(model):
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())
        raise RuntimeError
    assert model.training
    assert not model.norm.training
    assert model.drop.training
    assert not model.head.weight.requires_grad
    assert model.first.weight.requires_grad
