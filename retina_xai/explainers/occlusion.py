"""Occlusion, the "sliding window" (Zeiler and Fergus, 2014): how far the score falls when a square is covered.

    evidence(pixel) = relu( mean over the windows W that cover it of  p_c(x) - p_c(x with W set to r) ),   r = 0

in the model's normalised space, so a covered pixel has the mean colour. Computed by Captum; each map is divided by
its own maximum.

Window and stride are shares of the longer side, so that one setting serves all input sizes. The defaults are 32 and
8 of 224 pixels (ours): Zeiler and Fergus give no size, and the networks' last maps resolve 32 pixels.
"""

from dataclasses import dataclass
from typing import Any

from captum.attr import Occlusion as CaptumOcclusion
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import Explanation
from retina_xai.explainers.perturbation import Scores, explain_each
from retina_xai.games.engine import OnStep
from retina_xai.models.throughput import batch_for


@dataclass(frozen=True)
class Occlusion:
    """Sliding window.

    Args:
        window: side of the covered square, as a share of the longer side, in (0, 1]; at least one pixel.
        stride: step of the square, likewise; not above `window`, or pixels would be skipped.
        batch: squares tried at once, None for what is quick on the device; it changes the result by rounding only.

    Raises:
        UsageError: a value outside these ranges.
    """

    window: float = 32 / 224
    stride: float = 8 / 224
    batch: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.window <= 1:
            raise UsageError(
                f"window {self.window:g}, stride {self.stride:g}: give shares of the side, 0 < stride <= window <= 1"
            )
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"batch {self.batch}: give at least 1, or None for the device's default")

    def __call__(
        self, model: nn.Module, images: Tensor, targets: Tensor | int | None = None, on_step: OnStep | None = None
    ) -> Explanation:
        """Explain images (N, C, H, W); see `explainer.Explanation` and, for `on_step`, `perturbation.explain_each`."""
        return explain_each(model, images, targets, self._evidence, self.settings(), on_step)

    def settings(self) -> dict[str, Any]:
        """What the result depends on, as plain values."""
        return {"method": "occlusion", "window": self.window, "stride": self.stride}

    def _evidence(self, scores: Scores, image: Tensor) -> Tensor:
        channels, height, width = image.shape[1:]
        window, stride = (max(1, round(share * max(height, width))) for share in (self.window, self.stride))
        fall: Tensor = CaptumOcclusion(scores).attribute(
            image,
            sliding_window_shapes=(channels, min(window, height), min(window, width)),
            strides=(channels, min(stride, height), min(stride, width)),
            perturbations_per_eval=batch_for(image, self.batch),
        )
        return fall[0, 0].to(image).clamp(min=0)
