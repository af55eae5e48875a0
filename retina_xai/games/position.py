"""The state of a batch of games: one row per image, each with its own target, lambda, stop and mask."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Position:
    """Tensors of N games.

    images, references, mask: (N, C, H, W), the start mask in [0, 1]. targets: (N,) class indices. lam: (N,), not
    negative. stop: (N,) score below which a game ends early; minus infinity never ends one.
    """

    images: Tensor
    references: Tensor
    mask: Tensor
    targets: Tensor
    lam: Tensor
    stop: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def contrast(self) -> Tensor:
        """x - r, (N, C, H, W): the derivative of the explained image with respect to the mask."""
        return self.images - self.references

    @cached_property
    def _references_are_zero(self) -> bool:
        return not self.references.any()

    def explained(self, mask: Tensor) -> Tensor:
        """m * x + (1 - m) * r, (N, C, H, W): eq. 1."""
        kept = mask * self.images
        return kept if self._references_are_zero else kept + (1 - mask) * self.references

    def rows(self, keep: Tensor) -> "Position":
        """The games that `keep` (bool or index tensor) selects."""
        return Position(*(getattr(self, field.name)[keep] for field in fields(self)))

    def with_lam(self, lam: float) -> "Position":
        """The same games with one lambda for all."""
        return replace(self, lam=torch.full_like(self.lam, lam))
