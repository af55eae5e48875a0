"""How many units have bounds that exclude the reference image? The mechanism by which games stall (see `defence`).

A unit whose output for the reference r is outside of the bounds that the image x sets gets no gradient while the
explanation is close to r. With biases and batch normalisation this holds for many units.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from retina_xai.games.defence import SLACK, record_bounds
from retina_xai.models.scored_model import scored


@dataclass(frozen=True)
class Exclusion:
    """For N images and L defended calls: excluded units (N, L), and the number of units of each call, (L,)."""

    excluded: Tensor
    units: Tensor

    @property
    def of_units(self) -> Tensor:
        """The share of all units, (N,) in [0, 1]; large early layers rule it."""
        return self.excluded.sum(dim=1) / self.units.sum()

    @property
    def of_layers(self) -> Tensor:
        """The mean over the calls of the share of each call's units, (N,) in [0, 1]."""
        return (self.excluded / self.units).mean(dim=1)


def exclusion(model: nn.Module, images: Tensor, references: Tensor, slack: float = SLACK) -> Exclusion:
    """The units of the defended calls whose bounds (eq. 6) exclude the reference.

    Args:
        model: any torch classifier that `record_bounds` accepts.
        images: (N, C, H, W) in the model's normalised space.
        references: the same shape.
        slack: as in `FGVis`.

    Raises:
        ModelError: as `record_bounds`.
    """
    count = len(images)
    excluded, units = [], []
    with scored(model, "logit") as network:  # of any head
        bounds, _ = record_bounds(network, images, slack)
        outputs, _ = record_bounds(network, references, 0.0)
    for bound, output in zip(bounds.calls, outputs.calls, strict=True):
        if bound is None or output is None:
            continue
        # Without slack, the bounds of an output h are max(0, h) and min(0, h), whose sum is h.
        value = output.upper if output.lower is None else output.upper + output.lower
        outside = (~bound.holds(value)).reshape(count, -1)
        excluded.append(outside.sum(dim=1))
        units.append(outside.shape[1])
    return Exclusion(torch.stack(excluded, dim=1), torch.tensor(units, device=images.device))
