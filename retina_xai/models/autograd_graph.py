"""Walks through the autograd graph of a forward pass, from an output back to the input.

>>> x = torch.ones(2, requires_grad=True)
>>> [kind_of(node) for node in reachable([(x.exp() * 2).grad_fn])]
['Mul', 'Exp', 'AccumulateGrad']
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch.autograd.graph import Node

VIEWS = frozenset(
    {
        *("Alias", "AsStrided", "Clone", "CopySlices", "Expand", "Permute", "PixelShuffle", "Reshape"),
        *("ReshapeAlias", "Select", "Slice", "Split", "SplitWithSizes", "Squeeze", "T", "ToCopy"),
        *("Transpose", "Unbind", "Unsqueeze", "UnsafeSplit", "UnsafeView", "View"),
    }
)
"""Kinds of nodes that move values and do not change them."""


def kind_of(node: Node) -> str:
    """`Convolution` for ConvolutionBackward0, `AvgPool` for AvgPool2DBackward0."""
    return re.sub(r"(\d[dD])?(Backward\d*)?$", "", node.name().rpartition("::")[2])


def is_custom(node: Node) -> bool:
    """Whether the node belongs to a `torch.autograd.Function`, whose name says nothing."""
    return isinstance(node, torch.autograd.function.BackwardCFunction)


def inputs_of(node: Node) -> list[Node]:
    """The nodes of the inputs that have a gradient."""
    return [before for before, _ in node.next_functions if before is not None]


def reachable(
    roots: Iterable[Node | None], through: Callable[[Node], bool] = lambda node: True, stop: Sequence[Node] = ()
) -> Iterator[Node]:
    """The roots and all nodes behind them, each once; nodes behind one in `stop`, or not `through`, are left out."""
    seen, waiting = set(), list(roots)
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        if node not in stop and through(node):
            waiting += inputs_of(node)


def users_of(root: Node | None) -> Counter[Node]:
    """How many nodes of a graph use each node."""
    return Counter(before for node in reachable([root]) for before in inputs_of(node))


def behind_views(node: Node) -> Node:
    """The node whose values a chain of views shows; the first one of a view of several."""
    while kind_of(node) in VIEWS and node.next_functions and node.next_functions[0][0] is not None:
        node = node.next_functions[0][0]
    return node
