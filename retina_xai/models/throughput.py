"""Many forward passes of one network: the batch and the memory format in which they take least time.

On a CPU, convolutions of the small ImageNet networks are quicker on images laid out channels last (the layout of the
images is enough, the model's own weights stay as they are). How many images at once is a matter of memory: the C
library gives large blocks back to the system after every layer and gets them again, cleared page by page, for the next;
then few images are quicker than many. A process that keeps what it freed (`keep_freed_memory`) takes more at once, and
is quicker still: by a quarter (squeezenet1_0) to a third (mobilenet_v2) an image. Scores differ by rounding only.
"""

import ctypes
import sys

import torch
from torch import Tensor, nn

CPU_BATCH, LARGE_CPU_BATCH, ACCELERATOR_BATCH = 4, 16, 64
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 2**30

_process = {"keeps freed memory": False}


def keep_freed_memory() -> bool:
    """Have this process keep freed blocks of up to 1 GiB for its next tensors; True where that is possible (glibc).

    It is a setting of the whole process, so a library does not make it: a command line does.
    """
    if sys.platform.startswith("linux") and hasattr(library := ctypes.CDLL(None), "mallopt"):
        set_both = [library.mallopt(name, LARGEST_KEPT) for name in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD)]
        _process["keeps freed memory"] = all(set_both)
    return _process["keeps freed memory"]


def batch_for(images: Tensor, asked: int | None) -> int:
    """How many images to show at once on the device of `images`: what was asked, or what is quick there."""
    if images.device.type != "cpu":
        return asked or ACCELERATOR_BATCH
    return asked or (LARGE_CPU_BATCH if _process["keeps freed memory"] else CPU_BATCH)


def layout_for(model: nn.Module, images: Tensor) -> torch.memory_format:
    """Channels last on a CPU, unless the model fails on it (networks that `view` their maps do); else the usual one.

    It costs one forward pass of the first of `images` (N, C, H, W).
    """
    if images.device.type != "cpu":
        return torch.contiguous_format
    try:
        with torch.no_grad():
            model(images[:1].contiguous(memory_format=torch.channels_last))
    except RuntimeError:
        return torch.contiguous_format
    return torch.channels_last
