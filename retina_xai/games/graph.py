"""Which calls of a forward pass need bounds: a walk through the autograd graph from the logits to the image.

Every node of the graph must be linear in the image, or belong to an observed call; otherwise the defence would miss a
nonlinearity, and that is an error which names the node. Custom autograd functions, scripted blocks, comparisons of
activations (`x * (x > 0)`) and convolutions whose weights depend on the image are errors.

Products of two tensors that both depend on the image are one of three things:

* An activation written by hand, such as `x * sigmoid(x)` or `0.5 * x * (1 + erf(x / sqrt(2)))`: all factors are
  elementwise functions of one tensor. The outermost product gets bounds, its inner calls get none, as in the function
  that torch has for it.
* A gate (squeeze-and-excitation, gated linear units): one factor is the output of a nonlinearity or of a softmax, which
  is bounded itself. The product gets no bounds.
* Attention: a matrix product inside of a softmax, or with the output of one. It gets no bounds.

Any other product is an error. A sigmoid at the end of the network gets no bounds, because eq. 6 excludes the final
classification layer.
"""

from collections.abc import Iterator, Sequence

from torch import Tensor
from torch.autograd.graph import Node

from retina_xai.errors import ModelError
from retina_xai.games.calls import COMPARISONS, NONLINEARITIES, PASSIVE, PRODUCTS, Call
from retina_xai.models.autograd_graph import VIEWS, behind_views, inputs_of, is_custom, kind_of, reachable

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
"""Kinds of nodes that are linear in each of their inputs; see `FACTORS`."""

ARITHMETIC = frozenset({"Add", "Sub", "Rsub", "Neg", "Mul", "Div", "Clone", "Alias"})
"""Elementwise; products of activations among these are observed calls."""

FACTORS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("Mul", "Div", "Mm", "Bmm", "Mv", "Dot", "Linear"), (0, 1)),
    **dict.fromkeys(("Addmm", "Addmv", "Baddbmm"), (1, 2)),
    **dict.fromkeys(("Convolution", "CudnnConvolution", "MkldnnConvolution"), (0, 1)),
    **dict.fromkeys(("NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"), (0, 1)),
}
"""Inputs of a node that are multiplied; it is linear if only the first of them depends on the image, or only one."""

MATRIX_PRODUCTS = frozenset({"Mm", "Bmm", "Baddbmm"})
SOFTMAX = frozenset({"Softmax", "SafeSoftmax", "LogSoftmax"})

FINAL = frozenset(
    {
        *("sigmoid", "special_expit", "hardsigmoid", "log_sigmoid", "logsigmoid", "tanh"),
        *("exp", "log", "logit", "special_logit", "reciprocal", "rdiv", "clamp", "clip", "clamp_min", "clamp_max"),
    }
)
"""Calls that turn logits into probabilities, and back (see `models.scores`), at the end of the network."""

BEHIND = (
    VIEWS
    | ARITHMETIC
    | {"Log", "Logit", "Exp", "Reciprocal", "Clamp", "ClampMin", "ClampMax", "Cat", "Stack", "Index", "IndexSelect"}
)
"""Nodes between such a call and the logits."""

AROUND_SOFTMAX = VIEWS | ARITHMETIC | {"MaskedFill", "Where"}
"""Nodes between a softmax and a matrix product of attention, on either side."""


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
    root = _root(logits)
    known = {node for call in calls for node in _nodes_of(call)}
    attention = _in_attention(root)
    for node in reachable([root]):
        if node not in known and (is_custom(node) or not _is_linear(node, attention)):
            raise _refused(f"its graph has the operation {node.name()}, which is no known call")
    return _needed(root, [call for call in calls if call.name not in PASSIVE], _gates(root, calls))


def _is_linear(node: Node, attention: set[Node]) -> bool:
    """Whether a node is linear in the image; products of attention count as such."""
    kind = kind_of(node)
    if kind not in LINEAR | ARITHMETIC:
        return False
    dependent = [
        at < len(node.next_functions) and node.next_functions[at][0] is not None for at in FACTORS.get(kind, ())
    ]
    if kind == "Div" and dependent[1]:
        return False
    return not dependent or not all(dependent) or node in attention


def _in_attention(root: Node) -> set[Node]:
    """The matrix products of two activations that are inside of a softmax, or multiply the output of one."""
    nodes, end = list(reachable([root])), set(_at_the_end(root))
    inside = reachable((node for node in nodes if kind_of(node) in SOFTMAX and node not in end), _leads_to_softmax)
    return {node for node in (*inside, *filter(_multiplies_softmax, nodes)) if kind_of(node) in MATRIX_PRODUCTS}


def _at_the_end(root: Node) -> Iterator[Node]:
    return reachable([root], lambda node: kind_of(node) in BEHIND)


def _leads_to_softmax(node: Node) -> bool:
    return kind_of(node) in AROUND_SOFTMAX | SOFTMAX


def _multiplies_softmax(node: Node) -> bool:
    sources = reachable(inputs_of(node), lambda before: kind_of(before) in AROUND_SOFTMAX)
    return kind_of(node) in MATRIX_PRODUCTS and any(kind_of(source) in SOFTMAX for source in sources)


def _needed(root: Node, watched: Sequence[Call], gates: set[Node | None]) -> list[bool]:
    end = set(_at_the_end(root))
    own = {node for call in watched for node in _nodes_of(call)}
    activations, inner = set(), set()
    for call in watched:
        if call.name in PRODUCTS:
            nodes = _activation(call, own)
            if nodes is not None:
                activations.add(call.node)
                inner |= nodes
            elif not any(behind_views(source) in gates for source in call.sources):
                raise _refused(f"it multiplies activations ({call.name})")
    return [
        (call.name in NONLINEARITIES or call.node in activations)
        and call.node not in inner
        and not (call.name in FINAL and call.node in end)
        for call in watched
    ]


def _activation(product: Call, own: set[Node]) -> set[Node] | None:
    """The nodes inside an elementwise function of one tensor whose last step is `product`; None if it is none.

    `own`: the nodes of elementwise calls.
    """

    def elementwise(node: Node) -> bool:
        return node in own or kind_of(node) in ARITHMETIC

    found: set[Node] | None = None
    for argument in reachable(product.sources, elementwise):
        inside = set(reachable(product.sources, lambda node: elementwise(node) and node is not argument))  # noqa: B023
        inside.discard(argument)
        if all(map(elementwise, inside)) and (found is None or len(inside) < len(found)):
            found = inside
    return found


def _gates(root: Node, calls: Sequence[Call]) -> set[Node | None]:
    """The outputs of nonlinearities and of softmaxes."""
    softmaxes = {node for node in reachable([root]) if kind_of(node) in SOFTMAX}
    return softmaxes | {call.node for call in calls if call.name in NONLINEARITIES}


def _nodes_of(call: Call) -> set[Node]:
    """The nodes that the call added to the graph."""
    return set() if call.node is None else set(reachable([call.node], stop=call.sources)) - set(call.sources)


def _root(logits: Tensor) -> Node:
    if logits.grad_fn is None:
        raise ModelError("the logits have no gradient with respect to the image: does the network detach its input?")
    return logits.grad_fn


def _refused(what: str) -> ModelError:
    return ModelError(
        f"the defence cannot bound every nonlinearity of the network: {what}; use torch's own activation functions "
        "(torch.nn.functional) in the network, or set defence='none'"
    )
