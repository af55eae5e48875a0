"""Which calls of a forward pass need bounds: a walk through the autograd graph from the logits to the image.

Every node of the graph must be linear, or belong to an observed call; otherwise the defence would miss a nonlinearity,
and that is an error which names the node. Custom autograd functions, scripted blocks and comparisons of activations
(`x * (x > 0)`) are errors.

Products of two tensors that both depend on the image are one of two things:

* An activation written by hand, such as `x * sigmoid(x)` or `0.5 * x * (1 + erf(x / sqrt(2)))`: all factors are
  elementwise functions of one tensor. The outermost product gets bounds, its inner calls get none, as in the function
  that torch has for it.
* A gate (squeeze-and-excitation, gated linear units): one factor is the output of a nonlinearity or of a softmax, which
  is bounded itself. The product gets no bounds.

Any other product is an error. A sigmoid at the end of the network gets no bounds, because eq. 6 excludes the final
classification layer.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from retina_xai.errors import ModelError
from retina_xai.games.calls import COMPARISONS, NONLINEARITIES, PASSIVE, PRODUCTS, Call

VIEWS = frozenset(
    {
        *("Alias", "AsStrided", "Clone", "CopySlices", "Expand", "Permute", "PixelShuffle", "Reshape"),
        *("ReshapeAlias", "Select", "Slice", "Split", "SplitWithSizes", "Squeeze", "T", "ToCopy"),
        *("Transpose", "Unbind", "Unsqueeze", "UnsafeSplit", "UnsafeView", "View"),
    }
)
LINEAR = VIEWS | frozenset(
    {
        *("AccumulateGrad", "AdaptiveAvgPool", "Addmm", "Addmv", "AvgPool", "Baddbmm", "Bmm", "Cat"),
        *("Col2Im", "ConstantPad", "ConstantPadNd", "Convolution", "Copy", "Copies", "CudnnBatchNorm"),
        *("CudnnConvolution", "Cumsum", "Diagonal", "Dot", "Flip", "Gather", "Im2Col", "Index"),
        *("IndexSelect", "Linear", "MaskedFill", "Mean", "MiopenBatchNorm", "MkldnnConvolution", "Mm"),
        *("Mv", "NativeBatchNorm", "PixelUnshuffle", "ReflectionPad", "ReplicationPad", "Repeat", "Roll"),
        *("Stack", "Sum", "Take", "Tril", "Triu", "Unfold", "UpsampleBicubic", "UpsampleBilinear"),
        *("UpsampleLinear", "UpsampleNearest", "UpsampleNearestExact", "UpsampleTrilinear", "Where"),
    }
)
"""Kinds of nodes: names without "Backward0" and the number of dimensions. Bmm of two activations is attention."""

ARITHMETIC = frozenset({"Add", "Sub", "Rsub", "Neg", "Mul", "Div", "Clone", "Alias"})
"""Elementwise; products of activations among these are observed calls."""

FINAL = frozenset(
    {
        *("sigmoid", "special_expit", "hardsigmoid", "log_sigmoid", "logsigmoid", "tanh"),
        *("exp", "reciprocal", "rdiv", "clamp", "clip", "clamp_min", "clamp_max"),
    }
)
"""Calls that turn logits into probabilities, and back (see `models.scores`), at the end of the network."""

BEHIND = (
    VIEWS
    | ARITHMETIC
    | frozenset(
        {
            *(
                "Log",
                "Logit",
                "Exp",
                "Reciprocal",
                "Clamp",
                "ClampMin",
                "ClampMax",
                "Cat",
                "Stack",
                "Index",
                "IndexSelect",
            )
        }
    )
)
"""Nodes between such a call and the logits."""


def calls_with_bounds(logits: Tensor, calls: Sequence[Call]) -> list[bool]:
    """For each nonlinearity or product of `calls`, in order, whether it needs bounds.

    Args:
        logits: output of the network, with its autograd graph.
        calls: the observed calls in order. Comparisons and passive functions have no element in the result.

    Raises:
        ModelError: a node is not linear and belongs to no call, a product is no activation and no gate, or activations
            are compared.
    """
    compared = next((call.name for call in calls if call.name in COMPARISONS), None)
    if compared is not None:
        raise _refused(f"it compares activations ({compared})")
    known = {node for call in calls for node in _nodes_of(call)}
    for node in _reachable([_root(logits)]):
        if node not in known and (_kind(node) not in LINEAR | ARITHMETIC or _is_custom(node)):
            raise _refused(f"its graph has the operation {node.name()}, which is no known call")
    return _needed(logits, [call for call in calls if call.name not in PASSIVE], known, _gates(calls))


def _needed(logits: Tensor, watched: Sequence[Call], known: set[Node], gates: set[Node | None]) -> list[bool]:
    ends = set(_reachable([_root(logits)], lambda node: _kind(node) in BEHIND))
    activations, inner = set(), set()
    for call in watched:
        if call.name in PRODUCTS:
            nodes = _activation(call, known)
            if nodes is not None:
                activations.add(call.node)
                inner |= nodes
            elif not any(_behind_views(source) in gates for source in call.sources):
                raise _refused(f"it multiplies activations ({call.name})")
    return [
        (call.name in NONLINEARITIES or call.node in activations)
        and call.node not in inner
        and not (call.name in FINAL and call.node in ends)
        for call in watched
    ]


def _activation(product: Call, known: set[Node]) -> set[Node] | None:
    """The nodes inside an elementwise function of one tensor whose last step is `product`; None if it is none."""

    def elementwise(node: Node) -> bool:
        return node in known or _kind(node) in ARITHMETIC

    found: set[Node] | None = None
    for argument in _reachable(product.sources, elementwise):
        inside = set(_reachable(product.sources, lambda node: elementwise(node) and node is not argument))  # noqa: B023
        inside.discard(argument)
        if all(map(elementwise, inside)) and (found is None or len(inside) < len(found)):
            found = inside
    return found


def _gates(calls: Iterable[Call]) -> set[Node | None]:
    return {call.node for call in calls if call.name not in PRODUCTS}


def _nodes_of(call: Call) -> set[Node]:
    """The nodes that the call added to the graph."""
    return set() if call.node is None else set(_reachable([call.node], stop=call.sources)) - set(call.sources)


def _reachable(
    roots: Iterable[Node], through: Callable[[Node], bool] = lambda node: True, stop: Sequence[Node] = ()
) -> Iterator[Node]:
    """The roots and all nodes behind them, each once; nodes behind one in `stop`, or not `through`, are left out."""
    seen, waiting = set(), list(roots)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        if node not in stop and through(node):
            waiting += [following for following, _ in node.next_functions if following is not None]


def _behind_views(node: Node) -> Node:
    while _kind(node) in VIEWS and node.next_functions and node.next_functions[0][0] is not None:
        node = node.next_functions[0][0]
    return node


def _kind(node: Node) -> str:
    """`Convolution` for ConvolutionBackward0, `AvgPool` for AvgPool2DBackward0."""
    return re.sub(r"(\d[dD])?(Backward\d*)?$", "", node.name().rpartition("::")[2])


def _is_custom(node: Node) -> bool:
    return isinstance(node, torch.autograd.function.BackwardCFunction)


def _root(logits: Tensor) -> Node:
    if logits.grad_fn is None:
        raise ModelError("the logits have no gradient with respect to the image: does the network detach its input?")
    return logits.grad_fn


def _refused(what: str) -> ModelError:
    return ModelError(
        f"the defence cannot bound every nonlinearity of the network: {what}; use torch's own activation functions "
        "(torch.nn.functional) in the network, or set defence='none'"
    )
