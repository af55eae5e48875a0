"""The part of the classifier that is exported as one graph: a prepared square in, p(RDR) out.

    square (N, 3, S, S), 0-255 -> Preprocessing.to_tensor -> RdrNet -> softmax -> p(RDR) (N, 1)

`fundus.preprocessing.prepare` makes the square. It stays outside, because it fits a circle to the field of view by
random sampling, which no graph of tensor operations holds. The normalisation is computed here with tensors only:

    local background   Every step of it (shrinking, Gaussian, enlarging) is linear and separable, so it is a product
                       with one matrix from the left and one from the right. OpenCV itself makes the matrices, from
                       the columns of the identity. The products are of float64: in float32 their rounding would change
                       scores by up to 7e-6.
    rim                Closing by max pooling, erosion by counting the pixels outside that a disc touches.

Scores differ from those of `predict` by rounding only (less than 1e-5; see the tests).
"""

from typing import cast

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d

from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.models.checkpoint import RDR, RdrClassifier
from retina_xai.models.rdr import RdrNet

CLOSING = 5
"""Side of the square with which the rim is closed; see `fundus.preprocessing.within_rim`."""


class SquareScore(nn.Module):
    """Maps squares (N, 3, S, S), RGB 0-255 of any number type, black outside the field of view, to p(RDR) (N, 1).

    Args:
        architecture, width: of `RdrNet`.
        preprocessing: `Preprocessing.to_dict` of the weights.

    Raises:
        ModelError: an unknown architecture or width. InputError: unfit preprocessing.
    """

    def __init__(self, architecture: str, width: float, preprocessing: dict[str, object]) -> None:
        super().__init__()
        settings = Preprocessing.from_dict(preprocessing)
        self.normalise: nn.Module = _LessBackground(settings) if settings.background else _LessMean(settings)
        self.network = RdrNet(architecture, width)

    @classmethod
    def of(cls, classifier: RdrClassifier) -> "SquareScore":
        """The graph of a classifier, on the CPU, in evaluation mode."""
        facts = classifier.facts
        made = cls(facts.architecture, facts.width, facts.preprocessing.to_dict())
        made.network.load_state_dict({name: value.cpu() for name, value in classifier.model.state_dict().items()})
        return made.eval()

    def forward(self, squares: Tensor) -> Tensor:
        """p(RDR), shape (N, 1) in [0, 1]."""
        return cast(Tensor, self.network(self.normalise(squares.float())).softmax(dim=1)[:, RDR : RDR + 1])


class _LessMean(nn.Module):
    """(p - mean) / std."""

    mean: Tensor
    std: Tensor

    def __init__(self, settings: Preprocessing) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(settings.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(settings.std).view(1, 3, 1, 1))

    def forward(self, squares: Tensor) -> Tensor:
        return (squares - self.mean) / self.std


class _LessBackground(nn.Module):
    """(p - b) / std within the rim, 0 outside; b is the local background."""

    blur: Tensor
    enlarge: Tensor
    disc: Tensor
    std: Tensor

    def __init__(self, settings: Preprocessing) -> None:
        super().__init__()
        size = settings.size
        blur, enlarge = _blur_and_enlarge(size, settings.background * size)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(size / 100)) + 1,) * 2)
        self.register_buffer("blur", torch.from_numpy(blur))
        self.register_buffer("enlarge", torch.from_numpy(enlarge))
        self.register_buffer("disc", torch.from_numpy(disc.astype(np.float32))[None, None])
        self.register_buffer("std", torch.tensor(settings.std).view(1, 3, 1, 1))

    def forward(self, squares: Tensor) -> Tensor:
        retina = squares.amax(dim=1, keepdim=True).gt(0).float()
        blurred = self.blur @ torch.cat([squares, retina], dim=1).double() @ self.blur.mT
        means = blurred[:, :3] / blurred[:, 3:].clamp(min=1e-3)
        background = (self.enlarge @ means @ self.enlarge.mT).float()
        return (squares - background) * self._within_rim(retina) / self.std

    def _within_rim(self, retina: Tensor) -> Tensor:
        """1 at least a rim's width inside of the retina, else 0; pixels beyond the square count as neither."""
        padding = CLOSING // 2
        outside = max_pool2d(1 - max_pool2d(retina, CLOSING, 1, padding), CLOSING, 1, padding)
        touched = conv2d(outside, self.disc, padding=self.disc.shape[-1] // 2)
        return touched.lt(0.5).float()


def _blur_and_enlarge(size: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """The matrices (coarse, size) and (size, coarse) of `fundus.preprocessing.local_background` along one axis."""
    step = 4 if sigma >= 8 else 1
    coarse = max(1, size // step)
    shrink = cv2.resize(np.eye(size), (size, coarse), interpolation=cv2.INTER_AREA)
    side = round(sigma / step * 4 * 2 + 1) | 1  # as cv2.GaussianBlur chooses it for float32
    gaussian = cv2.sepFilter2D(np.eye(coarse), -1, np.ones(1), cv2.getGaussianKernel(side, sigma / step))
    enlarge = cv2.resize(np.eye(coarse), (coarse, size), interpolation=cv2.INTER_LINEAR)
    return gaussian @ shrink, enlarge
