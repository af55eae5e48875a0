"""Backward passes without the grid of strides (VEBI, Oramas et al., ICLR 2019).

The backward pass of a strided operation leaves gaps between the positions that it visited, which appear as a grid in
maps of gradients. Here a strided convolution or pooling runs backwards at stride 1: the signal that arrives at its
output is resampled by nearest neighbours to the size that the operation would have at stride 1,

    A' = A + 2 O - M + 1        (A the size of the input, O the padding, M the size of the filter or window)

and passed back at stride 1. Max pooling passes it to the maximum of each window at stride 1. The forward pass is
unchanged. Ours: the resampled signal is divided by the number of its copies, so that branches with and without a stride
keep their weights.

>>> image = torch.zeros(1, 1, 4, 4, requires_grad=True)
>>> with StrideOne(frozenset({"avg_pool2d"})):
...     output = torch.nn.functional.avg_pool2d(image, 2)
>>> output[0, 0, 0, 0].backward()
>>> [round(9 * value, 4) for value in image.grad[0, 0, 0].tolist()]
[1.0, 2.0, 1.0, 0.0]
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d"})
POOLINGS = frozenset({f"{kind}_pool{sides}d" for kind in ("max", "avg") for sides in (1, 2, 3)})
RESAMPLED: dict[str, frozenset[str]] = {
    "all": CONVOLUTIONS | POOLINGS,
    "convolutions": CONVOLUTIONS,
    "none": frozenset(),
}
"""Which operations run backwards at stride 1, by the name of the setting."""


class StrideOne(TorchFunctionMode):
    """While the `with` block lasts, the strided torch functions of these names run backwards at stride 1."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self.names = names

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name not in self.names or given.get("return_indices") or not args or not args[0].requires_grad:
            return func(*args, **given)
        strided = _at_stride_one(name, args, given)
        if strided is None:
            return func(*args, **given)
        rest, others = strided
        return _Resampled.apply(
            args[0], lambda images: func(images, *args[1:], **given), lambda images: func(images, *rest, **others)
        )


def is_stride_one(node: Node) -> bool:
    """Whether a node of the autograd graph is a strided operation that runs backwards at stride 1."""
    return getattr(node, "_forward_cls", None) is _Resampled


def _at_stride_one(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]] | None:
    """The arguments behind the first for stride 1; None where the stride is 1."""
    place = 3 if name in CONVOLUTIONS else 2
    stride = kwargs.get("stride", args[place] if len(args) > place else None)
    if stride is None and name in POOLINGS:
        stride = kwargs.get("kernel_size", args[1] if len(args) > 1 else 1)
    if stride is None or isinstance(stride, str) or prod(stride if isinstance(stride, Sequence) else [stride]) == 1:
        return None
    rest = list(args[1:])
    if len(args) > place:
        rest[place - 1] = 1
        return rest, kwargs
    return rest, {**kwargs, "stride": 1}


class _Resampled(torch.autograd.Function):
    """`compute` forwards; `at_stride_one` backwards, with the resampled signal."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, compute: Callable[[Tensor], Tensor], at_stride_one: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.save_for_backward(images)
        ctx.at_stride_one = at_stride_one
        return compute(images)

    @staticmethod
    def backward(ctx: Any, *arrived: Tensor) -> Any:
        (images,) = ctx.saved_tensors
        with torch.enable_grad():
            leaf = images.detach().requires_grad_()
            full = ctx.at_stride_one(leaf)
        signal = F.interpolate(arrived[0], size=full.shape[2:], mode="nearest")
        signal = signal * (arrived[0][0, 0].numel() / signal[0, 0].numel())
        return torch.autograd.grad(full, leaf, signal)[0], None, None
