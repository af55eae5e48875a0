"""The fastest batch size and memory format for many forward passes of one network.

On a CPU, convolutions of small ImageNet networks are faster on images in the channels-last layout (the weights can
keep theirs). The best batch size depends on memory allocation: by default the C library returns large blocks to the
system after every layer and requests new ones, cleared page by page, for the next. Small batches are then faster. A
process that keeps its freed memory (`keep_freed_memory`) is faster with larger batches: by a quarter (squeezenet1_0) to
a third (mobilenet_v2) per image. Scores differ by rounding only.

Where the memory of the device does not suffice, `with_smaller_batches` repeats the work with half of each batch.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

CPU_BATCH, LARGE_CPU_BATCH, ACCELERATOR_BATCH = 4, 16, 64
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAX_KEPT_BLOCK = 2**30

_process = {"keeps freed memory": False}
_batches = {"divisor": 1, "largest": 1}
"""By how much batches are divided now, and the largest batch since then."""

Result = TypeVar("Result")


def keep_freed_memory(larger_batches: bool = True, largest: int = MAX_KEPT_BLOCK) -> bool:
    """Let this process keep freed blocks for its next tensors; True if that is possible (glibc).

    The setting affects the whole process, so only commands and workers call it, not library functions.

    Args:
        larger_batches: whether `batch_for` gives the batches that are fastest then.
        largest: bytes of the largest block that is kept.
    """
    kept = False
    if sys.platform.startswith("linux") and hasattr(library := ctypes.CDLL(None), "mallopt"):
        set_both = [library.mallopt(name, largest) for name in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD)]
        kept = all(set_both)
        _process["keeps freed memory"] = kept and larger_batches
    return kept


def keeps_freed_memory() -> bool:
    """Whether `keep_freed_memory` was called, and could be done, in this process."""
    return _process["keeps freed memory"]


def batch_for(images: Tensor, requested: int | None) -> int:
    """The batch size for the device of `images`: `requested`, or the device's default; see `with_smaller_batches`."""
    if images.device.type != "cpu":
        default = ACCELERATOR_BATCH
    else:
        default = LARGE_CPU_BATCH if _process["keeps freed memory"] else CPU_BATCH
    size = max(1, (requested or default) // _batches["divisor"])
    _batches["largest"] = max(_batches["largest"], size)
    return size


def with_smaller_batches(work: Callable[[], Result]) -> Result:
    """The result of `work`, which is repeated with half of each `batch_for` while the memory does not suffice.

    Raises:
        torch.OutOfMemoryError: the memory does not suffice for batches of one image.
    """
    try:
        while True:
            _batches["largest"] = 1
            try:
                return work()
            except torch.OutOfMemoryError:
                if _batches["largest"] == 1:
                    raise
            _batches["divisor"] *= 2
            torch.cuda.empty_cache()
    finally:
        _batches["divisor"] = 1


def layout_for(model: nn.Module, images: Tensor) -> torch.memory_format:
    """Channels last on a CPU if the model accepts it (a model that uses `view` does not), otherwise contiguous.

    Costs one forward pass of the first of `images` (N, C, H, W).
    """
    if images.device.type != "cpu":
        return torch.contiguous_format
    try:
        with torch.no_grad():
            model(images[:1].contiguous(memory_format=torch.channels_last))
    except RuntimeError:
        return torch.contiguous_format
    return torch.channels_last
