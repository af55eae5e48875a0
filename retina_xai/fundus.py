"""From a photograph to the network's input: the square round the field of view, resized and normalised.

`prepare` finds the aperture (aperture.py), crops the square round it, fills with black what sticks out of the file
and resizes it; `FundusImage.geometry` (geometry.py) maps points and maps exactly back to pixels of the file.
`Preprocessing` is what a network expects and travels with its weights. The default mean and deviation are those of
the o_O team's Kaggle solution (2015), of the 0-255 RGB image.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from retina_xai.aperture import FieldOfView, field_of_view, square_of
from retina_xai.errors import InputError
from retina_xai.geometry import Geometry
from retina_xai.gradability import Gradability, gradability
from retina_xai.images import Photograph

__all__ = [
    "FieldOfView",
    "FundusImage",
    "Geometry",
    "Gradability",
    "Preprocessing",
    "field_of_view",
    "gradability",
    "prepare",
]


@dataclass(frozen=True)
class Preprocessing:
    """The network's input: `size` pixels a side; `mean` and `std` of the 0-255 RGB image (o_O, Kaggle 2015)."""

    size: int = 448
    mean: tuple[float, float, float] = (108.65, 75.87, 54.34)
    std: tuple[float, float, float] = (70.54, 51.71, 43.03)

    def to_tensor(self, pixels: np.ndarray) -> torch.Tensor:
        """(size, size, 3) uint8 -> (3, size, size) float32, (pixels - mean) / std."""
        if pixels.shape != (self.size, self.size, 3):
            raise InputError(
                f"got pixels of shape {pixels.shape}, expected ({self.size}, {self.size}, 3): prepare() them"
            )
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        normalised = (pixels.astype(np.float32) - mean) / std
        return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))

    def to_pixels(self, tensor: torch.Tensor) -> np.ndarray:
        """(3, size, size) -> (size, size, 3) uint8, clipped to 0-255: the inverse of `to_tensor`."""
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        values = tensor.detach().cpu().float().numpy().transpose(1, 2, 0) * std + mean
        pixels: np.ndarray = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        return pixels

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """The inverse of `to_dict`.

        Raises:
            InputError: a key is missing or a value is unfit.
        """
        try:
            mean, std = tuple(map(float, values["mean"])), tuple(map(float, values["std"]))
            size = int(values["size"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"preprocessing {dict(values)}: expected size, mean and std; export the weights again"
            ) from error
        if size < 1 or len(mean) != 3 or len(std) != 3 or min(std) <= 0 or not np.isfinite([*mean, *std]).all():
            raise InputError(f"preprocessing {dict(values)}: expected three means and three positive deviations")
        return cls(size, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


@dataclass(frozen=True, eq=False)
class FundusImage:
    """A photograph with its square crop `pixels` (size, size, 3) uint8 and `field_of_view` (size, size) bool."""

    photograph: Photograph
    pixels: np.ndarray
    field_of_view: np.ndarray
    geometry: Geometry


def prepare(photograph: Photograph, size: int = 448) -> FundusImage:
    """Crop the square round the field of view (black where it sticks out of the file) and resize it."""
    pixels, mask, geometry = square_of(photograph.pixels, field_of_view(photograph.pixels), size)
    return FundusImage(photograph, pixels, mask, geometry)
