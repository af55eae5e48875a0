"""A call leaves nothing behind for the next one: the same result, the same model, and no memory."""

import ctypes
import gc
from dataclasses import replace

import pytest
import torch
from helpers.fitting import fitted_to, needs_fit
from helpers.networks import smooth_images
from torch import nn

from retina_xai.errors import UsageError
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.registry import EXPLAINERS

GAME = {"lam": 1e-4, "iterations": 1}
SHORTEST = {
    "class-model": {"iterations": 1},
    "fgvis": GAME,
    "fgvis-undefended": GAME,
    "integrated-gradients": {"points": 1},
    "lime": {"samples": 3, "segments": 4},
    "occlusion": {"window": 1.0, "stride": 1.0},
    "retina": {"game": FGVis(**GAME)},
    "retina-undefended": {"game": FGVis(**GAME, defended=False)},
    "rise": {"masks": 2, "cells": 2},
    "smooth-grad": {"samples": 1},
}
EVERY = pytest.mark.parametrize("name", EXPLAINERS)
CALLS = 50
IMAGES = smooth_images(1, 40)
ACTIVATIONS = 4 * 6 * 40 * 40
"""Bytes of the output of one layer; a call that keeps one is a leak."""


def explainer(name, model):
    made = replace(EXPLAINERS[name].factory(), **SHORTEST.get(name, {}))
    return fitted_to(made, model, IMAGES) if needs_fit(made) else made


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 6, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)).eval()


@pytest.fixture(scope="module", autouse=True)
def _quick_collections():
    """The garbage collector leaves out what exists already, of which a large test process has much."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Allocated(ctypes.Structure):
    """`struct mallinfo2` of glibc."""

    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")),
    ]


def bytes_in_use():
    """What is allocated in this process and not freed, as the C library counts it."""
    gc.collect()
    try:
        count = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        pytest.skip("the C library of this machine has no mallinfo2")
    count.restype = Allocated
    found = count()
    return found.uordblks + found.hblkhd


@EVERY
def test_memory_is_flat_over_50_calls(name, model):
    explain = explainer(name, model)
    for _ in range(3):
        explain(model, IMAGES, 1)
    before = bytes_in_use()
    for _ in range(CALLS):
        explain(model, IMAGES, 1)
    assert bytes_in_use() - before < CALLS * ACTIVATIONS / 10


def test_a_leak_would_be_noticed(model):
    before = bytes_in_use()
    kept = [model[0](IMAGES) for _ in range(CALLS)]
    assert bytes_in_use() - before > len(kept) * ACTIVATIONS


@EVERY
def test_a_class_after_another_has_the_result_of_a_fresh_call(name, model):
    fresh = explainer(name, model)(model, IMAGES, 2)
    explain = explainer(name, model)
    explain(model, IMAGES, 1)
    with pytest.raises(UsageError):
        explain(model, IMAGES, 9)
    later = explain(model, IMAGES, 2)
    assert torch.equal(later.evidence, fresh.evidence)
    assert torch.equal(later.attribution, fresh.attribution)
