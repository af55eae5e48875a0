"""The logits (N, K) of whatever a network returns for N images, and whether it ends in a softmax or sigmoid.

| output                                       | logits                                                          |
|----------------------------------------------|-----------------------------------------------------------------|
| tensor (N, K) or (N, K, 1, ...)              | its rows                                                        |
| tensor (N,); for N = 1 also a single value   | one logit per image, K = 1                                      |
| object or mapping with `logits`              | that tensor                                                     |
| other mapping                                | its `out`, or its only tensor                                   |
| tuple or list                                | its tensor (N, K); the first of several with the same K (heads) |

Everything else is an error: two tensors of different K could be logits and features in either order. Where a tuple has
tensors (N, K), its other tensors (feature maps, losses) are ignored.

A network ends in a softmax or sigmoid if its output comes from one in the autograd graph, directly or through views,
concatenations and clamps. Outputs of a softmax that do not add up to 1 (it has another axis) count as sigmoids. Where
the graph does not tell (a compiled network, a mean of softmaxes, a sigmoid by hand), outputs in [0, 1] do: the images
times each of `PROBES` are passed, too. Outputs that always add up to 1 count as a softmax, others that change, but
never leave [0, 1], as sigmoids.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node

from retina_xai.errors import ModelError
from retina_xai.models.autograd_graph import VIEWS, kind_of, reachable

ENDINGS = {
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
    "Hardsigmoid": "sigmoid",
    "LogSoftmax": "log-softmax",
    "LogSigmoid": "log-sigmoid",
}
"""Kind of a node of the autograd graph -> how the network ends."""

PASSED = VIEWS | {"Index", "IndexSelect", "Cat", "Stack", "Clamp", "ClampMin", "ClampMax"}
"""Kinds of nodes between an ending and the output."""

PROBES = (0.0, 0.5, -1.0, 1e3, -1e3)
"""Factors of the images. Logits leave [0, 1] with large factors, and sigmoids become nearly 0 or 1."""

CHANGE, EDGE = 1e-3, 0.01
"""Outputs that change less between the probes, or never come so near to 0 or 1, are no sigmoids."""


def logits_of(output: object, images: int, name: str) -> Tensor:
    """The logits (images, K) in the output of the network `name`; see the module docstring.

    Raises:
        ModelError: there are none, or several tensors that could be.
    """
    for candidate in _candidates(output, images, name):
        rows = _rows(candidate, images)
        if rows is not None:
            return rows
    raise ModelError(f"{name} returned {_described(output)} for {images} images: it must return logits (N, classes)")


def ending_of(logits: Tensor) -> str:
    """How the network of these outputs ends, from their graph: a value of `ENDINGS`, "mixed", or "logits" (neither)."""
    found = _endings(logits.grad_fn)
    ending = found.pop() if len(found) == 1 else "mixed"
    return "sigmoid" if ending == "softmax" and not adds_up(logits) else ending


def adds_up(values: Tensor) -> bool:
    """Whether each row (N, K >= 2) is a distribution, up to the rounding of its type."""
    sums = values.detach().double().sum(dim=1)
    return values.shape[1] > 1 and in_unit(values) and bool(((sums - 1).abs() <= _rounding(values)).all())


def in_unit(values: Tensor) -> bool:
    """Whether all values are in [0, 1], up to the rounding of their type."""
    values = values.detach()  # the defence refuses comparisons of values with a gradient
    return bool(((values >= 0) & (values <= 1 + _rounding(values))).all())


def probable_ending(outputs: Sequence[Tensor]) -> str:
    """How a network ends that gave `outputs` for several inputs: "softmax", "sigmoid" or "logits"."""
    finite = [output.detach() for output in outputs if output.isfinite().all()]  # others hold exp of large numbers
    if all(map(adds_up, finite)):
        return "softmax"
    joined = torch.stack(finite)
    lowest, highest = joined.amin(dim=0), joined.amax(dim=0)
    saturates = (highest - lowest).amax() > CHANGE and (lowest.amin() < EDGE or highest.amax() > 1 - EDGE)
    return "sigmoid" if in_unit(joined) and saturates else "logits"


def _rounding(values: Tensor) -> float:
    return max(1e-5, 4 * torch.finfo(values.dtype).eps) if values.is_floating_point() else 0.0


def _endings(root: Node | None) -> set[str]:
    """The endings behind nodes that are `PASSED`."""
    nodes = list(reachable([root], lambda node: kind_of(node) in PASSED))
    return {ENDINGS.get(kind_of(node), "logits") for node in nodes if kind_of(node) not in PASSED} or {"logits"}


def _candidates(output: object, images: int, name: str) -> list[Tensor]:
    """The tensors that can be the logits, best first."""
    if isinstance(output, Tensor):
        return [output]
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(named, Tensor):
        return [named]
    if isinstance(output, Mapping):
        return _of_mapping(output)
    return _of_sequence(output, images, name) if isinstance(output, Sequence) else []


def _of_mapping(output: Mapping[Any, Any]) -> list[Tensor]:
    if isinstance(output.get("out"), Tensor):
        return [output["out"]]
    tensors = [value for value in output.values() if isinstance(value, Tensor)]
    return tensors if len(tensors) == 1 else []


def _of_sequence(output: Sequence[Any], images: int, name: str) -> list[Tensor]:
    tensors = [value for value in output if isinstance(value, Tensor)]
    tables = [value for value in tensors if value.ndim >= 2 and _rows(value, images) is not None]
    if not tables:
        return tensors if len(tensors) == 1 else []
    if len({table.shape[1] for table in tables}) > 1:
        raise ModelError(
            f"{name} returned {_described(output)}: several tensors can be the logits; return a mapping with 'logits'"
        )
    return tables


def _rows(tensor: Tensor, images: int) -> Tensor | None:
    """The tensor as (images, K), or None."""
    if tensor.ndim == 0 and images == 1:
        return tensor.reshape(1, 1)
    if tensor.ndim == 0 or len(tensor) != images:
        return None
    if tensor.ndim == 1:
        return tensor[:, None]
    fits = tensor.shape[1] > 0 and all(side == 1 for side in tensor.shape[2:])
    return (tensor if tensor.ndim == 2 else tensor.flatten(1)) if fits else None


def _described(output: object) -> str:
    """Shapes and keys of an output, in a few words."""
    if isinstance(output, Tensor):
        return str(tuple(output.shape))
    kind = type(output).__name__
    if isinstance(output, Mapping):
        return f"{kind} with {', '.join(f'{key!r}: {_described(value)}' for key, value in output.items())}"
    if isinstance(output, list | tuple):
        return f"{kind} of {', '.join(map(_described, output))}"
    return kind
