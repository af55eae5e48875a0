"""RISE (Petsiuk, Das and Saenko, 2018): the mean score of random masked images that show a pixel.

    evidence(pixel) ~ sum_i p_c(M_i * x) M_i(pixel) / sum_i M_i(pixel)

Mask M_i: a random binary grid of cells x cells (1 with the given probability), upsampled bilinearly to one cell more
than the image, and cropped to the image size at a random offset of up to one cell. Values are in [0, 1], and cell edges
have no fixed position. Hidden pixels are 0 in normalised space. The published code uses 4000 to 8000 masks of 7 x 7 or
8 x 8 cells with probability 0.5. For volumes, grids have a third axis and are upsampled trilinearly.

Our changes: the sum is divided by the sum of the masks at each pixel, instead of its expectation N * probability, which
corrects for uneven coverage. The map is scaled from its minimum and maximum to [0, 1] (a constant map is 0), because
its offset is the mean score of all masked images; the attribution is not scaled. All images of a call get the same
masks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import UPSAMPLING, Plan, min_max
from retina_xai.explainers.perturbation import PerturbationExplainer, Scores, check_batch
from retina_xai.models.throughput import batch_for


@dataclass(frozen=True)
class RISE(PerturbationExplainer):
    """RISE.

    Args:
        masks: number of masks, at least 1.
        cells: cells along each side of the grid, at least 1.
        probability: that a cell is shown, in (0, 1).
        seed: of grids and offsets.
        batch: masked images per forward pass, None for the device's default; it changes the result by rounding only.

    Raises:
        UsageError: a value outside these ranges.
    """

    method: ClassVar[str] = "rise"
    masks: int = 4000
    cells: int = 7
    probability: float = 0.5
    seed: int = 0
    batch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.masks, self.cells) < 1:
            raise UsageError(f"masks {self.masks}, cells {self.cells}: give at least 1 of each")
        check_batch(self.batch)
        if not 0 < self.probability < 1:
            raise UsageError(f"probability {self.probability:g}: give a number between 0 and 1, such as 0.5")

    def plan(self) -> Plan:
        """One step per mask."""
        return Plan(games=1, steps=self.masks)

    def draw(self, sides: Sequence[int], batch: int) -> Iterator[Tensor]:
        """Batches (B, 1, *sides) of masks in [0, 1], B <= batch; the masks do not depend on `batch`."""
        generator = torch.Generator().manual_seed(self.seed)
        shape = (self.masks, 1, *[self.cells] * len(sides))
        grids = (torch.rand(shape, generator=generator) < self.probability).float()
        cell = [-(-side // self.cells) for side in sides]
        offsets = (torch.rand((self.masks, len(sides)), generator=generator) * torch.tensor(cell)).long().tolist()
        large = [(self.cells + 1) * side for side in cell]
        for first in range(0, self.masks, batch):
            rows = slice(first, first + batch)
            wide = F.interpolate(grids[rows], size=large, mode=UPSAMPLING[len(sides)], align_corners=False)
            cuts = zip(wide, offsets[rows], strict=True)
            yield torch.stack([mask[_window(corner, sides)] for mask, corner in cuts])

    def attribution_of(self, scores: Scores, image: Tensor) -> Tensor:
        """The mean score of the masked images that show a pixel."""
        weighted, seen = image.new_zeros(image.shape[2:]), image.new_zeros(image.shape[2:])
        for drawn in self.draw(image.shape[2:], batch_for(image, self.batch)):
            masks = drawn.to(image)
            weighted += torch.einsum("b,b...->...", scores(masks * image), masks[:, 0])
            seen += masks[:, 0].sum(dim=0)
        return weighted / torch.where(seen > 0, seen, 1)

    def evidence_of(self, attribution: Tensor) -> Tensor:
        """The mean scores, scaled from their minimum and maximum to [0, 1]."""
        return min_max(attribution)


def _window(corner: Sequence[int], sides: Sequence[int]) -> tuple[slice, ...]:
    """All channels from `corner` on, of the size `sides`."""
    return (slice(None), *(slice(first, first + side) for first, side in zip(corner, sides, strict=True)))
