"""The reference image r, of the shape of x: it replaces removed pixels (FGVis supplement A2).

The default is zero in normalised space, the mean colour: its softmax has the highest entropy of the candidates in table
A2. Noise is the same for all images of a seed, so results do not depend on the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from retina_xai.errors import UsageError
from retina_xai.games.smoothing import gaussian_blur

Reference = Callable[[Tensor, int], Tensor]
"""(images (N, C, H, W), seed) -> reference of the same shape, in the model's normalised space."""

GREY_LEVELS = 58.0
"""Grey levels (of 255) in one unit of ImageNet's normalised space: 255 times the mean of its standard deviations."""


@dataclass(frozen=True)
class Zero:
    """The mean colour."""

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Zeros of the images' shape."""
        return torch.zeros_like(images)


@dataclass(frozen=True)
class GaussianNoise:
    """Noise around the mean colour; `sigma` in grey levels of 255 at ImageNet's scale (the paper: 8 and 32)."""

    sigma: float = 8.0

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Independent normal values for every pixel and channel."""
        noise = torch.randn((1, *images.shape[1:]), generator=torch.Generator().manual_seed(seed))
        return (noise * self.sigma / GREY_LEVELS).to(images).expand_as(images)


@dataclass(frozen=True)
class Blur:
    """The image itself, blurred by a Gaussian; `sigma` in pixels (the paper: 5 and 10), cut at three sigma."""

    sigma: float = 10.0

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Blurred images, mirrored at their borders.

        Raises:
            UsageError: volumes, which it would blur in each plane only.
        """
        if images.ndim != 4:
            raise UsageError(f"reference Blur for images {tuple(images.shape)}: blur them yourself and give the tensor")
        radius = min(round(3 * self.sigma), min(images.shape[-2:]) - 1)
        return gaussian_blur(images, radius, self.sigma)


REFERENCES: dict[str, Reference] = {"zero": Zero(), "noise": GaussianNoise(), "blur": Blur()}


def reference_for(reference: "str | Reference | Tensor", images: Tensor, seed: int) -> Tensor:
    """Resolve a name, a callable or a tensor to a reference of the images' shape, detached.

    Raises:
        UsageError: unknown name, or a tensor that cannot be expanded to the images' shape.
    """
    if isinstance(reference, Tensor):
        try:
            return reference.detach().to(images).expand_as(images)
        except RuntimeError as error:
            shapes = f"{tuple(reference.shape)}, images are {tuple(images.shape)}"
            raise UsageError(f"reference has shape {shapes}: give one that expands to the images' shape") from error
    if isinstance(reference, str):
        check_reference(reference)
        reference = REFERENCES[reference]
    return reference(images, seed).detach()


def check_reference(name: str) -> None:
    """Raise UsageError unless `name` is a key of REFERENCES."""
    if name not in REFERENCES:
        raise UsageError(f"unknown reference {name!r}: choose one of {', '.join(REFERENCES)}, or give a tensor")
