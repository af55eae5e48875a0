"""The precision that a machine trains in."""

import pytest
import torch

from retina_xai.training.config import HardwareSettings
from retina_xai.training.hardware import CPU_BFLOAT16, precision_of, trainer_arguments


@pytest.mark.parametrize(
    ("avx", "amx", "expected"),
    [(False, False, "32-true"), (True, False, "bf16-mixed"), (False, True, "bf16-mixed")],
)
def test_auto_is_bfloat16_where_the_processor_has_it(monkeypatch, avx, amx, expected):
    for name, value in zip(CPU_BFLOAT16, (avx, amx), strict=True):
        monkeypatch.setattr(torch.cpu, name, lambda value=value: value)
    settings = HardwareSettings(accelerator="cpu", precision="auto")
    assert precision_of(settings) == expected
    assert trainer_arguments(settings)["precision"] == expected


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_asks_the_gpu_where_there_is_one(monkeypatch, fast, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast)
    assert precision_of(HardwareSettings(precision="auto")) == expected


def test_a_processor_that_torch_does_not_describe_trains_in_single_precision(monkeypatch):
    for name in CPU_BFLOAT16:
        monkeypatch.delattr(torch.cpu, name)
    assert precision_of(HardwareSettings(accelerator="cpu", precision="auto")) == "32-true"


def test_a_given_precision_is_kept():
    assert trainer_arguments(HardwareSettings(precision="16-mixed"))["precision"] == "16-mixed"
