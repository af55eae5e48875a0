"""Occlusion or "sliding window" (Zeiler and Fergus, 2014): the decrease of the score when a square is covered.

    evidence(pixel) = relu( mean over the windows W that cover it of  p_c(x) - p_c(x with W set to r) ),   r = 0

in the model's normalised space, so a covered pixel has the mean colour. Computed by Captum; each map is divided by
its maximum. The attribution (N, 1, H, W) is the mean without relu: it is negative where covering raises the score.

Window and stride are shares of the longer side, so that one setting fits all input sizes. The defaults are 32 and 8 of
224 pixels (our choice: Zeiler and Fergus give no size, and a pixel of the networks' last map covers 32 input pixels).
In a volume (N, C, D, H, W), a cube is covered.
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
        window: side of the covered square as a share of the longer side, in (0, 1]; at least one pixel.
        stride: step of the square as a share of the longer side, in (0, window], so that no pixel is skipped.
        batch: squares per forward pass, None for the device's default; it changes the result by rounding only.

    Raises:
        UsageError: a value outside these ranges.
    """

    method: ClassVar[str] = "occlusion"
    window: float = 32 / 224
    stride: float = 8 / 224
    batch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.stride <= self.window <= 1:
            raise UsageError(
                f"window {self.window:g}, stride {self.stride:g}: give shares of the side, 0 < stride <= window <= 1"
            )
        check_batch(self.batch)

    def plan(self) -> Plan:
        """The uncovered image and the squares, for any photograph: rounding reduces a stride by at most a third."""
        places = math.ceil(1.5 * (1 - self.window) / self.stride + 0.5) + 1
        return Plan(games=1, steps=1 + places**2)

    def attribution_of(self, scores: Scores, image: Tensor) -> Tensor:
        """The mean decrease of the score over the squares that cover a pixel."""
        from captum.attr import Occlusion as CaptumOcclusion

        channels, *sides = image.shape[1:]
        window, stride = (max(1, round(share * max(sides))) for share in (self.window, self.stride))
        decrease: Tensor = CaptumOcclusion(scores).attribute(
            image,
            sliding_window_shapes=(channels, *(min(window, side) for side in sides)),
            strides=(channels, *(min(stride, side) for side in sides)),
            perturbations_per_eval=batch_for(image, self.batch),
        )
        return decrease[0, 0].to(image)
