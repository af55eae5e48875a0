"""Reliance: how much of the log-odds of a class depends on given areas of an image.

    M(s) = log-odds of the class for the image without the shares s of its pixels (`metrics.removal`)

    removed(a) = (M(0) - M(a)) / (M(0) - M(1))        necessity: the share of the margin that goes with the area a
    kept(a)    = (M(1 - a) - M(1)) / (M(0) - M(1))    sufficiency: the share of the margin that a alone keeps

M(0) is the image, M(1) an image of the reference alone. Both shares are 0 for an empty area and 1 for the whole image;
they can be below 0 or above 1, because areas can speak against the class. They are NaN unless M(0) > M(1).

After DeYoung et al., "ERASER" (2020), with log-odds instead of scores, which saturate, and normalised (ours).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn, ones_like, zeros_like

from retina_xai.metrics.removal import log_odds_without


@dataclass(frozen=True)
class Reliance:
    """One area: log-odds `without` it and with it `alone`; `removed` and `kept` are the shares of the margin."""

    without: float
    alone: float
    removed: float
    kept: float


@dataclass(frozen=True)
class Margins:
    """Log-odds of the whole image, and of the reference."""

    image: float
    reference: float

    def of(self, without: float, alone: float) -> Reliance:
        """The reliance on an area, from the log-odds without it and with it alone."""
        margin = self.image - self.reference
        if not margin > 0:
            return Reliance(without, alone, math.nan, math.nan)
        return Reliance(without, alone, (self.image - without) / margin, (alone - self.reference) / margin)


def reliance(
    model: nn.Module, image: Tensor, areas: Sequence[Tensor], target: int, reference: Tensor | None = None
) -> tuple[Margins, list[Reliance]]:
    """Reliance of the class `target` on each area of one image (C, H, W).

    Args:
        areas: (H, W) in [0, 1], the share of every pixel that belongs to the area.
        reference: what removed pixels become, (C, H, W); default: 0 in normalised space.

    Raises:
        InputError, ModelError: as `log_odds_without`.
    """
    blank = zeros_like(image[0])

    def shares() -> Iterator[Tensor]:
        yield from (blank, ones_like(blank))
        for area in areas:
            yield from (area, 1 - area)

    whole, nothing, *others = log_odds_without(model, image, shares(), target, reference).tolist()
    margins = Margins(whole, nothing)
    return margins, [margins.of(*pair) for pair in zip(others[::2], others[1::2], strict=True)]
