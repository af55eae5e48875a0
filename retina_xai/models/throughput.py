"""Many forward passes of one network: the batch and the memory format in which they take least time.

On a CPU, convolutions of the small ImageNet networks are quicker on images laid out channels last (the layout of the
images is enough, the model's own weights stay as they are), and batches of a few images quicker than large ones: there
it is the system that takes time, because memory of that size is given back after every layer. Scores differ by
rounding only.
"""

import torch
from torch import Tensor, nn

CPU_BATCH, ACCELERATOR_BATCH = 4, 64


def batch_for(images: Tensor, asked: int | None) -> int:
    """How many images to show at once on the device of `images`: what was asked, or what is quick there."""
    return asked or (CPU_BATCH if images.device.type == "cpu" else ACCELERATOR_BATCH)


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
