"""What an explanation costs: seconds, bare passes, and memory.

A bare pass is a forward pass and the backward pass to the input of one image (`docs/benchmarks.md`). The seconds of an
explanation are divided by those of a bare pass, the median of three right before it, so that a slower machine or
another busy process changes the passes little.

Memory is the peak above that before the call, in MiB: of the device on a GPU, otherwise of the process, which Linux
tells (/proc). Elsewhere it is NaN. Seconds and memory are measured; a second run gives other values.
"""

import ctypes
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

import torch
from torch import Tensor

from retina_xai.models.network import Network
from retina_xai.models.scored_model import scored

REPEATS = 3
MIB = 2**20
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """Seconds, the same in bare passes, and the peak of memory in MiB above that before (NaN if unknown)."""

    seconds: float
    passes: float
    memory: float


def costed(network: Network, image: Tensor, work: Callable[[], Result]) -> tuple[Result, Cost]:
    """The result of `work` on one image (1, C, H, W), and its cost."""
    bare = median(_seconds(lambda: _bare_pass(network, image))[1] for _ in range(REPEATS))
    before = _begin(image.device)
    result, seconds = _seconds(work, image.device)
    return result, Cost(seconds, seconds / bare, _peak(image.device) - before)


def _bare_pass(network: Network, image: Tensor) -> Tensor:
    with scored(network.model, "softmax") as model, torch.enable_grad():
        leaf = image.detach().clone().requires_grad_()
        return torch.autograd.grad(model(leaf).sum(), leaf)[0]


def _seconds(work: Callable[[], Result], device: torch.device | None = None) -> tuple[Result, float]:
    begin = time.perf_counter()
    result = work()
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
    return result, time.perf_counter() - begin


def _begin(device: torch.device) -> float:
    """Reset the peak, and return what is used now, in MiB."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device) / MIB
    if not sys.platform.startswith("linux"):
        return math.nan
    if hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)  # otherwise freed memory that the process keeps hides the next peak
    try:
        RESET.write_text("5")
    except OSError:
        return math.nan
    return _status("VmRSS")


def _peak(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated(device) / MIB if device.type == "cuda" else _status("VmHWM")


def _status(name: str) -> float:
    """A value of /proc/self/status in MiB; NaN if there is none."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return math.nan
    values = [float(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")]
    return values[0] if values else math.nan
