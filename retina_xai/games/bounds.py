"""The bounds of one nonlinearity call, and the backward pass that respects them (see `games.defence` for the rules).

Every step of a game pays for this arithmetic at each unit, so it is written for few passes over memory: the forward
pass leaves one value per unit from which one or two fast kernels of torch (`threshold_backward`, `hardtanh_backward`)
make the gradient; `torch.where` and products with bool tensors are several times slower. A ReLU or ReLU6 under
two-sided bounds is replaced by a function of its own, whose backward pass is the derivative and the bounds in one
kernel.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

Hook = Callable[[Tensor], Tensor]
"""Gradient at an output -> gradient that goes on."""


@dataclass(frozen=True)
class Bound:
    """Bounds of the output of one call, per unit: (N * k, ...), with k rows of the output for each image.

    Results of `cut`, `one_sided_cut` and `quotient` are valid until the next forward pass: on a CPU they share memory.
    Outputs that are outside of a bound by no more than the smallest normal number count as within it.

    lower: None for functions without negative values, whose outputs are all above it.
    ceiling: for a call that is the identity between 0 and this value and constant elsewhere; None for others.
    """

    name: str
    upper: Tensor
    lower: Tensor | None
    ceiling: float | None = None

    def rows(self, keep: Tensor, images: int) -> "Bound":
        """The bounds of the images that `keep` selects; `images` is the number of all images."""
        lower = None if self.lower is None else _rows(self.lower, keep, images)
        return replace(self, upper=_rows(self.upper, keep, images), lower=lower)

    def holds(self, output: Tensor) -> Tensor:
        """Where the output stays within the bounds, bool of the output's shape."""
        held = output <= self.upper
        return held if self.lower is None else held.logical_and_(output >= self.lower)

    def cut(self, output: Tensor) -> Hook:
        """A backward hook for the output of the call: no gradient for units outside the bounds (eq. 6)."""
        if self.lower is None:
            margin = torch.sub(self.upper, output, out=self._memory)
            return lambda gradient: _where_not_negative(gradient, margin)
        excess, tiny = self._excess(output), torch.finfo(output.dtype).tiny
        return lambda gradient: torch.ops.aten.hardtanh_backward(gradient, excess, -tiny, tiny)

    def one_sided_cut(self, output: Tensor) -> Hook:
        """A backward hook: no gradient where a descent step would move a unit further out of the bounds."""
        if self.lower is None:
            margin = torch.sub(self.upper, output, out=self._memory)
            return lambda gradient: _at_least(_where_not_negative(gradient, margin), gradient)
        side = self._excess(output).sign_()
        return lambda gradient: _where_not_negative(gradient, gradient * side)

    def rectifies(self, tensor: Tensor, ceiling: float | None) -> bool:
        """Whether the call can be a `bounded_rectifier`: its ceiling is the recorded one, and so is its shape."""
        return ceiling is not None and ceiling == self.ceiling and tensor.shape == self.upper.shape

    def quotient(self, output: Tensor) -> Tensor:
        """Of the output of a rectifier: in (0, 1] where its derivative is 1 and the output is within the bounds.

        A rounded quotient a / b is above 1 exactly if a > b.
        """
        return torch.div(output, self._highest, out=self._memory)

    def _excess(self, output: Tensor) -> Tensor:
        """By how much the output is above (positive) or below (negative) its bounds; exactly 0 within them."""
        nearest = torch.clamp(output, self.lower, self.upper, out=self._memory)
        return torch.sub(output, nearest, out=self._memory)

    @cached_property
    def _memory(self) -> Tensor | None:
        """Memory for one value per unit. On a CPU, a step that allocates its own is slower; accelerators cache it."""
        return torch.empty_like(self.upper) if self.upper.device.type == "cpu" else None

    @cached_property
    def _highest(self) -> Tensor:
        """The highest output with a gradient: the upper bound, below the ceiling, and above 0: it is a divisor."""
        if self.ceiling is None or math.isinf(self.ceiling):
            below_ceiling = math.inf
        else:
            ceiling = torch.tensor(self.ceiling, dtype=self.upper.dtype)
            below_ceiling = torch.nextafter(ceiling, torch.zeros_like(ceiling)).item()
        return self.upper.clamp(torch.finfo(self.upper.dtype).tiny, below_ceiling)


class _BoundedRectifier(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, function: Callable[[], Tensor], bound: Bound) -> Tensor:
        output = function()
        if output is image:
            ctx.mark_dirty(image)
        ctx.quotient = bound.quotient(output)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        above_one = 1 + torch.finfo(ctx.quotient.dtype).eps
        return torch.ops.aten.hardtanh_backward(gradients[0], ctx.quotient, 0, above_one), None, None


def bounded_rectifier(image: Tensor, function: Callable[[], Tensor], bound: Bound) -> Tensor:
    """The output of a ReLU or ReLU6, whose gradient is cut at units outside the bounds (eq. 6).

    Args:
        image: the input of the call.
        function: makes the call; it may change `image` in place and return it.
        bound: of the call; see `Bound.rectifies`.
    """
    output: Tensor = _BoundedRectifier.apply(image, function, bound)
    return output


def _where_not_negative(gradient: Tensor, values: Tensor) -> Tensor:
    """The gradient where the value is not negative, and 0 elsewhere: the backward pass of a ReLU of the values."""
    kept: Tensor = torch.ops.aten.threshold_backward(gradient, values, -torch.finfo(values.dtype).tiny)
    return kept


def _at_least(values: Tensor, others: Tensor) -> Tensor:
    """The maximum of both, in the memory of the first."""
    return torch.maximum(values, others, out=values)


def _rows(values: Tensor, keep: Tensor, images: int) -> Tensor:
    if len(values) == images:
        return values[keep]
    return values.reshape(images, -1, *values.shape[1:])[keep].flatten(0, 1)
