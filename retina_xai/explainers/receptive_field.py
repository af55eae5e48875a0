"""Which pixels a position of a feature map sees: its receptive field, read from the autograd graph.

From the map back to the image, every convolution and pooling widens the interval of positions along each axis,

    [first, last]  ->  [first * stride - padding,  last * stride - padding + dilation * (kernel - 1)]

elementwise operations keep it, branches are joined. Fully connected layers and global poolings see everything.

>>> import torch
>>> layer = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
>>> image = torch.zeros(1, 1, 20, 20, requires_grad=True)
>>> receptive_field(layer(image).grad_fn, (4, 0), (20, 20))
((7, 11), (-1, 3))
"""

from collections.abc import Sequence
from typing import Any

from torch.autograd.graph import Node

from retina_xai.models.autograd_graph import inputs_of, kind_of

Interval = tuple[int, int]
"""First position and the one behind the last."""

GLOBAL = frozenset({"AdaptiveAvgPool", "AdaptiveMaxPool", "Addmm", "Linear", "Mean", "Mm", "Bmm", "Sum"})
"""Kinds of nodes whose outputs see every position."""

CONVOLUTIONS = frozenset({"Convolution", "MkldnnConvolution", "CudnnConvolution"})


def receptive_field(node: Node | None, position: Sequence[int], size: Sequence[int]) -> tuple[Interval, ...]:
    """The pixels that a position of a map sees, for each axis; those outside of the image are padding.

    Args:
        node: `grad_fn` of the map (N, C, h, w), made from an image that records gradients.
        position: in the map, (row, column); () for a unit without a position, which sees everything.
        size: of the image, (H, W).
    """
    whole = tuple((0, side) for side in size)
    if not position or node is None:
        return whole
    seen: dict[Node, list[Interval]] = {node: [(at, at) for at in position]}
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if kind_of(here) in GLOBAL:
            return whole
        wider = _widened(here, seen[here])
        for before in _activations(here):
            joined = _joined(seen.get(before, wider), wider)
            if seen.get(before) != joined:
                seen[before] = joined
                waiting.append(before)
    ends = next((intervals for found, intervals in seen.items() if kind_of(found) == "AccumulateGrad"), None)
    return whole if ends is None else tuple((low, high + 1) for low, high in ends)


def _activations(node: Node) -> list[Node]:
    """The inputs of a node that depend on the image: the first, and others that are no parameters."""
    first = node.next_functions[0][0] if node.next_functions else None
    return [one for one in inputs_of(node) if one is first or kind_of(one) != "AccumulateGrad"]


def _widened(node: Node, intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The positions that the inputs of a node contribute."""
    kind, saved, axes = kind_of(node), _saved(node), len(intervals)
    if kind in CONVOLUTIONS:
        kernel = saved["weight"].shape[2:]
    elif "kernel_size" in saved:
        kernel = _each(saved["kernel_size"], axes)
    else:
        return intervals
    stride, padding = (_each(saved[name], axes) for name in ("stride", "padding"))
    dilation = _each(saved.get("dilation", 1), axes)
    stride = stride or kernel
    return [
        (low * step - pad, high * step - pad + spread * (width - 1))
        for (low, high), step, pad, spread, width in zip(intervals, stride, padding, dilation, kernel, strict=True)
    ]


def _saved(node: Node) -> dict[str, Any]:
    names = ("weight", "kernel_size", "stride", "padding", "dilation")
    return {name: getattr(node, f"_saved_{name}") for name in names if hasattr(node, f"_saved_{name}")}


def _each(value: Any, axes: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,) * axes


def _joined(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(one, other, strict=True)]
