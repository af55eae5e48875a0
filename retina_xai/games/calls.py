"""Observation of the function calls of a forward pass, by function name: modules, functionals and in-place calls alike.

A `TorchFunctionMode` sees every call of a torch function. A module that is used three times makes three calls.
Nothing is attached to the model. Scripted blocks and custom autograd functions are not seen; `games.graph` detects
them.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge
from torch.overrides import TorchFunctionMode

NONLINEARITIES: dict[str, bool] = {
    # name of the torch function -> whether its output is never negative (the lower bound then always holds)
    **dict.fromkeys(("relu", "relu6", "sigmoid", "special_expit", "softplus", "hardsigmoid"), True),
    **dict.fromkeys(("leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "glu"), False),
    **dict.fromkeys(("hardswish", "hardtanh", "tanh", "softsign", "log_sigmoid", "logsigmoid", "tanhshrink"), False),
    **dict.fromkeys(("threshold", "hardshrink", "softshrink"), False),
    # functions from which some networks build their own activation
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "clip", "maximum", "minimum"), False),
    **dict.fromkeys(
        (
            "exp",
            "expm1",
            "erf",
            "sin",
            "cos",
            "atan",
            "arctan",
            "log",
            "log1p",
            "sqrt",
            "rsqrt",
            "logit",
            "special_logit",
        ),
        False,
    ),
    **dict.fromkeys(("abs", "absolute", "square", "pow", "reciprocal", "rdiv"), False),
}

PRODUCTS = frozenset({"mul", "multiply", "div", "divide", "true_divide"})
"""Functions that are linear unless both arguments depend on the image."""

DIVISIONS = frozenset({"div", "divide", "true_divide"})
"""Nonlinear if the divisor depends on the image: a reciprocal if the dividend does not, a product otherwise."""

EXTREMES = {"max": "maximum", "min": "minimum"}
"""Functions that compare two tensors if they get two, and reduce one otherwise."""

COMPARISONS = frozenset(
    {"gt", "greater", "lt", "less", "ge", "greater_equal", "le", "less_equal", "eq", "ne", "sign", "sgn", "heaviside"}
)
"""Functions whose result has no gradient, so that the autograd graph does not show them."""

PASSIVE = frozenset(
    {
        *("softmax", "log_softmax", "softmin", "scaled_dot_product_attention", "multi_head_attention_forward"),
        *("layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm", "normalize"),
        *("max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d"),
        *("adaptive_max_pool3d", "amax", "max", "amin", "min", "logsumexp"),
    }
)
"""Known functions without bounds: normalisation, attention and pooling rescale or select units that have bounds."""


@dataclass(frozen=True)
class Call:
    """A call whose output depends on the image.

    name: of the function, without underscores at its ends. output: its result. node: the node of the autograd graph
    that computed it; None if it has no gradient. sources: the nodes of the tensor arguments that depend on the image.
    never_negative: whether the function has no negative values. ceiling: of a function that is the identity between 0
    and this value and constant elsewhere (infinite: ReLU); None for others.
    """

    name: str
    output: Tensor
    node: Node | None
    sources: tuple[Node, ...]
    never_negative: bool = False
    ceiling: float | None = None


Rectify = Callable[[Tensor, float, Callable[[], Tensor]], Tensor]
"""(input, ceiling, function that makes the call) -> output."""


class CallObserver(TorchFunctionMode):
    """Calls `observe(call)` after every watched call, once even if that calls another one internally.

    Args:
        observe: called for nonlinearities and for products of tensors that depend on the image; if `everything` is set,
            for comparisons and passive functions too.
        rectify: makes the calls that have a ceiling (see `Call`) instead of torch; None leaves them to torch.
        everything: see `observe`.
    """

    def __init__(
        self, observe: Callable[[Call], None], rectify: Rectify | None = None, *, everything: bool = False
    ) -> None:
        super().__init__()
        self.observe = observe
        self.rectify = rectify
        self.watched = PRODUCTS | NONLINEARITIES.keys() | (COMPARISONS | PASSIVE if everything else frozenset())

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = _name_of(func, args, kwargs or {})
        if name not in self.watched:
            return func(*args, **(kwargs or {}))
        dependent = [tensor for tensor in _tensors((*args, *(kwargs or {}).values())) if tensor.requires_grad]
        sources = tuple(get_gradient_edge(tensor).node for tensor in dependent)
        ceiling = _ceiling(name, args, kwargs or {})
        run = partial(func, *args, **(kwargs or {}))
        if self.rectify is None or ceiling is None or not dependent:
            output = run()
        else:
            output = self.rectify(dependent[0], ceiling, run)
        result = output[0] if isinstance(output, tuple) else output
        if len(sources) > int(name in PRODUCTS) and isinstance(result, Tensor):
            never_negative = NONLINEARITIES.get(name, False) or ceiling is not None
            self.observe(Call(name, result, result.grad_fn, sources, never_negative, ceiling))
        return output


def _name_of(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The name of a torch function; some do the work of another one, depending on their arguments."""
    name: str = getattr(func, "__name__", "").strip("_")
    other = kwargs.get("other", args[1] if len(args) > 1 else None)
    if name in EXTREMES and isinstance(other, Tensor):
        return EXTREMES[name]
    if name in DIVISIONS and not _depends(args[0] if args else kwargs.get("input")) and _depends(other):
        return "rdiv"
    return name


def _depends(value: object) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _ceiling(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> float | None:
    """The ceiling of a `Call`."""
    if name == "hardtanh":  # of nn.ReLU6, too
        lowest, highest = (
            kwargs.get(key, args[place] if len(args) > place else default)
            for key, place, default in (("min_val", 1, -1.0), ("max_val", 2, 1.0))
        )
        return float(highest) if lowest == 0 else None
    return {"relu": math.inf, "relu6": 6.0}.get(name)


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
