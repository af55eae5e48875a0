"""Batch size and memory format of many forward passes."""

import pytest
import torch
from helpers.networks import TinyNet
from torch import nn

from retina_xai.explainers.occlusion import Occlusion
from retina_xai.models import throughput
from retina_xai.models.throughput import CPU_BATCH, LARGE_CPU_BATCH, batch_for, keep_freed_memory, layout_for


class Viewing(nn.Sequential):
    """A network that `view`s its maps, which only the usual layout allows."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Linear(4 * 64, 3))

    def forward(self, images):
        return self[2](self[1](self[0](images)).view(len(images), -1))


def test_a_network_that_uses_view_gets_contiguous_images():
    images = torch.rand(2, 3, 8, 8)
    with pytest.raises(RuntimeError, match="view size"):
        Viewing()(images.contiguous(memory_format=torch.channels_last))
    assert layout_for(Viewing(), images) == torch.contiguous_format
    assert layout_for(TinyNet(), images) == torch.channels_last
    assert Occlusion()(Viewing(), images).evidence.shape == (2, 8, 8)


def test_the_batch_is_the_requested_one_or_the_default_of_the_device():
    assert batch_for(torch.zeros(1), 3) == 3
    assert batch_for(torch.zeros(1), None) in (CPU_BATCH, LARGE_CPU_BATCH)
    assert batch_for(torch.zeros(1, device="meta"), None) > CPU_BATCH


def test_a_process_that_keeps_freed_memory_has_a_larger_batch(monkeypatch):
    monkeypatch.setitem(throughput._process, "keeps freed memory", False)
    assert batch_for(torch.zeros(1), None) == CPU_BATCH
    kept = keep_freed_memory()
    assert batch_for(torch.zeros(1), None) == (LARGE_CPU_BATCH if kept else CPU_BATCH)
