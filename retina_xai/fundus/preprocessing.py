"""From a photograph to the network's input: the square around the field of view, resized and normalised.

`prepare` finds the field of view (`field_of_view`), crops the square around it, fills the part beyond the file with
black, and resizes it. `FundusImage.geometry` transforms points and maps back to file pixels. Outside the field of view
the square is exactly black (0, 0, 0), because sensor noise, notches and text are not retina.

`Preprocessing` is stored with the weights. The default mean and standard deviation (of the 0-255 RGB image) are those
of the o_O team's Kaggle solution (2015). With `background`, the local background b is subtracted instead of the mean
(after Graham, winner of the Kaggle competition, 2015),

    x = (p - b) / std within the rim, 0 outside        b = (G * p) / (G * 1)   over the field of view

where G is a Gaussian of standard deviation `background` * size, and the rim is a hundredth of the size wide. This
reduces differences between cameras and removes the edge of the field of view. The zero reference of a game is then the
local background, so a deleted pixel leaves no dark or bright dot.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import torch

from retina_xai.errors import InputError
from retina_xai.fundus.field_of_view import FieldOfView, field_of_view, square_of
from retina_xai.fundus.geometry import Geometry
from retina_xai.fundus.quality import Gradability, gradability
from retina_xai.io.images import Photograph

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
    """The network's input: `size` pixels a side; `mean` and `std` of the 0-255 RGB image (o_O, Kaggle 2015).

    `background`: standard deviation of the local background as a share of the size; 0 subtracts the mean instead.
    """

    size: int = 448
    mean: tuple[float, float, float] = (108.65, 75.87, 54.34)
    std: tuple[float, float, float] = (70.54, 51.71, 43.03)
    background: float = 0.0

    def to_tensor(self, pixels: np.ndarray) -> torch.Tensor:
        """Normalise pixels of `prepare`: (size, size, 3) uint8 -> (3, size, size) float32 (see the module docstring).

        Raises:
            InputError: pixels of another shape.
        """
        if pixels.shape != (self.size, self.size, 3):
            raise InputError(
                f"got pixels of shape {pixels.shape}, expected ({self.size}, {self.size}, 3): prepare() them"
            )
        std = np.array(self.std, np.float32)
        if self.background:
            contrast = pixels - local_background(pixels, self.background * self.size)
            normalised = np.where(within_rim(pixels)[..., None], contrast, 0) / std
        else:
            normalised = (pixels - np.array(self.mean, np.float32)) / std
        return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))

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
            size, background = int(values["size"]), float(values.get("background", 0))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"preprocessing {dict(values)}: expected size, mean and std; export the weights again"
            ) from error
        if size < 1 or len(mean) != 3 or len(std) != 3 or min(std) <= 0 or not np.isfinite([*mean, *std]).all():
            raise InputError(f"preprocessing {dict(values)}: expected three means and three positive deviations")
        if not 0 <= background <= 1:
            raise InputError(
                f"preprocessing {dict(values)}: expected a background from 0 to 1; export the weights again"
            )
        return cls(size, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]), background)


@dataclass(frozen=True, eq=False)
class FundusImage:
    """A photograph with its square crop `pixels` (size, size, 3) uint8 and `field_of_view` (size, size) bool.

    `aperture` is the field of view in pixels of the file.
    """

    photograph: Photograph
    aperture: FieldOfView
    pixels: np.ndarray
    field_of_view: np.ndarray
    geometry: Geometry


def prepare(photograph: Photograph, size: int = 448) -> FundusImage:
    """Crop the square around the field of view and resize it; everything outside the field of view is black.

    The outermost pixels of the square count as outside, so that every field of view has a rim.
    """
    aperture = field_of_view(photograph.pixels)
    pixels, mask, geometry = square_of(photograph.pixels, aperture, size)
    mask[[0, -1]] = mask[:, [0, -1]] = False
    return FundusImage(photograph, aperture, np.where(mask[..., None], pixels, np.uint8(0)), mask, geometry)


def shows_retina(pixels: np.ndarray) -> np.ndarray:
    """Where a prepared photograph (H, W, 3) uint8 is not black, (H, W) bool (faster than `any`)."""
    red, green, blue = pixels.transpose(2, 0, 1)
    return np.asarray((red | green | blue) > 0)


def within_rim(pixels: np.ndarray) -> np.ndarray:
    """Where a square of `prepare` shows retina, at least a hundredth of its side from the black border, (H, W) bool."""
    inside = cv2.morphologyEx(shows_retina(pixels).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    width = 2 * max(1, round(len(pixels) / 100)) + 1
    return np.asarray(cv2.erode(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))) > 0)


def local_background(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean of the pixels that are not black, (H, W, 3) float32; `sigma` in pixels.

    If sigma is at least 8 pixels, it is computed on a four times coarser grid; the error is below one grey level.
    """
    shape = pixels.shape[1], pixels.shape[0]
    step = 4 if sigma >= 8 else 1
    coarse = max(1, shape[0] // step), max(1, shape[1] // step)
    layers = np.dstack([pixels, shows_retina(pixels)]).astype(np.float32)
    blurred = cv2.GaussianBlur(cv2.resize(layers, coarse, interpolation=cv2.INTER_AREA), (0, 0), sigma / step)
    means = blurred[..., :3] / np.maximum(blurred[..., 3:], 1e-3)
    return np.asarray(cv2.resize(means, shape, interpolation=cv2.INTER_LINEAR), np.float32)
