"""Seconds, bare passes and memory of a call."""

import math

import pytest
import torch
from helpers.tiny_network import tiny_network

from retina_xai.evaluation.comparison import cost

IMAGE = torch.zeros(1, 3, 32, 32)


def test_seconds_are_told_in_bare_passes(monkeypatch):
    clock = {"now": 5.0}

    def takes(seconds):
        clock["now"] += seconds
        return "done"

    bare = iter([0.5, 0.01, 0.02])
    monkeypatch.setattr(cost.time, "perf_counter", lambda: clock["now"])
    monkeypatch.setattr(cost, "_bare_pass", lambda network, image: takes(next(bare)))
    result, found = cost.costed(tiny_network(), IMAGE, lambda: takes(0.4))
    assert result == "done"
    assert found.seconds == pytest.approx(0.4)
    assert found.passes == pytest.approx(0.4 / 0.02), "the median of three passes"


def test_a_bare_pass_is_forward_and_backward_and_leaves_the_network_alone():
    network = tiny_network()
    gradient = cost._bare_pass(network, IMAGE)
    assert gradient.shape == IMAGE.shape
    assert gradient.abs().sum() > 0
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.model.parameters())


def test_the_peak_counts_although_it_is_freed():
    _, found = cost.costed(tiny_network(), IMAGE, lambda: float(torch.ones(64 * 2**20 // 4).sum()))
    assert math.isnan(found.memory) or 60 < found.memory < 120


def test_where_nothing_tells_the_memory_it_is_undefined(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "STATUS", tmp_path / "none")
    _, found = cost.costed(tiny_network(), IMAGE, lambda: None)
    assert math.isnan(found.memory)
