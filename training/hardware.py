"""From the settings of the hardware to arguments of Lightning's Trainer, and the check that this machine can do it.

Lightning reports what it cannot do with errors of many types, some of them after the photographs were prepared. So a
trainer is made once before anything else, one setting at a time; the first that fails is the one to correct.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Trainer

from retina_xai.errors import UsageError
from retina_xai.training.config import HardwareSettings

SETTINGS = ("accelerator", "devices", "num_nodes", "strategy", "precision")
CPU_BFLOAT16 = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
"""Functions of `torch.cpu` that tell whether the processor computes in bfloat16 itself, not by emulation."""


def trainer_arguments(settings: HardwareSettings) -> dict[str, Any]:
    """The arguments of the Trainer that choose the hardware."""
    return {**{name: getattr(settings, name) for name in SETTINGS}, "precision": precision_of(settings)}


def precision_of(settings: HardwareSettings) -> str:
    """The precision of the settings; for "auto", that of this machine."""
    if settings.precision != "auto":
        return settings.precision
    if settings.accelerator != "cpu" and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = any(getattr(torch.cpu, name, bool)() for name in CPU_BFLOAT16)
    return "bf16-mixed" if fast else "32-true"


def check_hardware(settings: HardwareSettings, started: int = 1) -> None:
    """Check that this machine can train with these settings.

    Args:
        started: number of processes that torchrun or srun started; 1 if neither did.

    Raises:
        UsageError: it cannot; the message names the setting.
    """
    if settings.accelerator == "gpu" and not torch.cuda.is_available():
        raise UsageError("hardware.accelerator: gpu, but no GPU was found; choose auto or cpu")
    chosen: dict[str, Any] = {"strategy": "auto"}
    for name, value in trainer_arguments(settings).items():
        chosen[name] = value
        try:
            with quiet():
                trainer = Trainer(**chosen, logger=False, enable_checkpointing=False, enable_progress_bar=False)
        except Exception as error:  # Lightning raises many types
            reason = " ".join(str(error).split()).partition(". ")[0].rstrip(".!")
            raise UsageError(f"hardware.{name}: {value!r} cannot be used ({reason}); correct this setting") from error
    if started > 1 and trainer.world_size != started:
        raise UsageError(
            f"{started} processes were started, the settings say {trainer.num_devices} on each of {trainer.num_nodes} "
            "machines; correct hardware.devices and hardware.num_nodes (--devices, --nodes)"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress log messages and warnings of Lightning and MONAI."""
    names = ("lightning.pytorch", "lightning.fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", module="monai")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
