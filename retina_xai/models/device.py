"""Selection of the device. Falls back to the CPU with a warning if a GPU is requested but not available."""

import logging

import torch

from retina_xai.errors import UsageError

logger = logging.getLogger(__name__)
CHOICES = ("auto", "cpu", "cuda")


def device_named(name: str = "auto") -> torch.device:
    """The device for "auto", "cpu" or "cuda"; without a GPU, "cuda" gives the CPU and logs a warning.

    Raises:
        UsageError: another name.
    """
    if name not in CHOICES:
        raise UsageError(f"unknown device {name!r}: choose one of {', '.join(CHOICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        logger.warning("no GPU was found: computing on the CPU, which takes longer")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
