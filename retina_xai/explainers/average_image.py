"""What a filter looks for: the mean of the patches to which it responds most (VEBI, Oramas et al., ICLR 2019).

For each image, the position of the largest value of the filter's map; of all images, the `count` largest values. The
patch is the receptive field of the position (`explainers.receptive_field`), cut from the image. Where a receptive field
reaches over the edge of its image, the missing pixels are left out of the mean.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop

import torch
from torch import Tensor

from retina_xai.explainers.explainer import RankedFilter
from retina_xai.explainers.layers import LayerWatch
from retina_xai.explainers.receptive_field import receptive_field
from retina_xai.models.scored_model import ScoredModel

COUNT = 100
"""Patches of a mean in the paper."""


@dataclass
class StrongestPatches:
    """The patches (C, h, w) of the largest values of one filter, each with its offset in the receptive field."""

    count: int
    found: list[tuple[float, int, Tensor, tuple[int, ...]]] = field(default_factory=list)

    def add(self, value: float, number: int, patch: Tensor, missing: tuple[int, ...]) -> None:
        """Keep the patch of image `number` if its value is among the largest."""
        entry = (value, -number, patch.clone(), missing)
        if len(self.found) < self.count:
            heappush(self.found, entry)
        else:
            heappushpop(self.found, entry)

    def mean(self) -> Tensor:
        """The mean patch (C, h, w) over the pixels that lie in their image; 0 where none does."""
        sides = [max(missing[axis] + patch.shape[1 + axis] for *_, patch, missing in self.found) for axis in range(2)]
        channels = self.found[0][2].shape[0]
        total, times = torch.zeros(channels, *sides), torch.zeros(1, *sides)
        for *_, patch, (top, left) in self.found:
            place = slice(top, top + patch.shape[1]), slice(left, left + patch.shape[2])
            total[:, *place] += patch.float().cpu()
            times[:, *place] += 1
        return total / times.clamp(min=1)


def average_images(
    network: ScoredModel, images: Iterable[Tensor], filters: Sequence[RankedFilter], count: int = COUNT
) -> list[Tensor]:
    """The mean patch (C, h, w) of each filter over images (1, C, H, W) each, in the network's normalised space.

    Filters that respond to no image have a patch of zeros (C, 1, 1).
    """
    kept = [StrongestPatches(count) for _ in filters]
    channels = 3
    for number, image in enumerate(images):
        channels = image.shape[1]
        for patches, one in zip(kept, _strongest(network, image, filters), strict=True):
            value, patch, missing = one
            if value > 0:
                patches.add(value, number, patch, missing)
    return [patches.mean() if patches.found else torch.zeros(channels, 1, 1) for patches in kept]


def _strongest(
    network: ScoredModel, image: Tensor, filters: Sequence[RankedFilter]
) -> list[tuple[float, Tensor, tuple[int, ...]]]:
    """For each filter its largest value, the patch, and how many pixels of it are missing at the top and left."""
    outputs: dict[int, Tensor] = {}

    def keep(number: int, output: Tensor) -> None:
        if output.requires_grad:  # not the passes that find how the model ends
            outputs[number] = output.clone()

    leaf = image.detach().clone().requires_grad_()
    with LayerWatch(network.model, keep) as watch:
        network(leaf)
    numbers = {layer.name: number for number, layer in enumerate(watch.layers)}
    found: list[tuple[float, Tensor, tuple[int, ...]]] = []
    for one in filters:
        output = outputs[numbers[one.layer]]
        values = output.detach()[0, one.filter]
        place = torch.unravel_index(values.argmax(), values.shape) if values.ndim else ()
        position = [int(axis) for axis in place]
        seen = receptive_field(output.grad_fn, position, image.shape[2:])
        (top, bottom), (left, right) = seen
        patch = image[0, :, max(0, top) : bottom, max(0, left) : right]
        found.append((float(values.max()), patch, (max(0, -top), max(0, -left))))
    return found
