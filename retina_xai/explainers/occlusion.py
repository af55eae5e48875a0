"""Occlusion, the "sliding window" (Zeiler and Fergus, 2014): how far the score falls when a square is covered.

    evidence(pixel) = relu( mean over the windows W that cover it of  p_c(x) - p_c(x with W set to r) ),   r = 0

in the model's normalised space, so a covered pixel has the mean colour. Captum computes it; each map is divided by its
own maximum.

Window and stride are shares of the longer side, so that one setting fits all input sizes. The defaults are 32 and
8 of 224 pixels (ours): Zeiler and Fergus give no size, and the networks' last maps resolve 32 pixels.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import Plan
from retina_xai.explainers.perturbation import PerturbationExplainer, Scores, check_batch
from retina_xai.models.throughput import batch_for


@dataclass(frozen=True)
class Occlusion(PerturbationExplainer):
    """Sliding window.

    Args:
        window: side of the covered square, as a share of the longer side, in (0, 1]; at least one pixel.
        stride: step of the square, likewise; not above `window`, or pixels would be skipped.
        batch: squares per forward pass, None for the default of the device; it changes the result by rounding only.

    Raises:
        UsageError: a value outside these ranges.
    """

    method: ClassVar[str] = "occlusion"
    window: float = 32 / 224
    stride: float = 8 / 224
    batch: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.window <= 1:
            raise UsageError(
                f"window {self.window:g}, stride {self.stride:g}: give shares of the side, 0 < stride <= window <= 1"
            )
        check_batch(self.batch)

    def plan(self) -> Plan:
        """The uncovered image and the squares, for any size: a stride of x pixels is rounded to 2/3 x at least."""
        places = math.ceil(1.5 * (1 - self.window) / self.stride + 0.5) + 1
        return Plan(games=1, steps=1 + places**2)

    def evidence_of(self, scores: Scores, image: Tensor) -> Tensor:
        """The mean fall of the score over the squares that cover a pixel, where it is positive."""
        from captum.attr import Occlusion as CaptumOcclusion

        channels, height, width = image.shape[1:]
        window, stride = (max(1, round(share * max(height, width))) for share in (self.window, self.stride))
        fall: Tensor = CaptumOcclusion(scores).attribute(
            image,
            sliding_window_shapes=(channels, min(window, height), min(window, width)),
            strides=(channels, min(stride, height), min(stride, width)),
            perturbations_per_eval=batch_for(image, self.batch),
        )
        return fall[0, 0].to(image).clamp(min=0)
