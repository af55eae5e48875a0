"""Gradients in which the rectifiers follow another rule than their own, for guided backpropagation and deconvnet.

A rectifier is a ReLU, or a unit that took its place (leaky ReLU, ReLU6, ELU, GELU, SiLU, Hardswish, ...). It is found
as a node of the autograd graph, not as a module: functional, in-place and reused rectifiers are all seen, and a rule is
a hook on that node, which lives as long as the graph. Nothing is attached to the model.

Gates (sigmoid, tanh), pooling and normalisation keep their own gradient. Networks without a rectifier are refused, and
those with a node that can hide one: a custom autograd function, a scripted block, an in-place change of a slice.

>>> images = torch.tensor([[[[1.0, 2.0]]]])
>>> rectified_gradient(lambda x: -x.relu().sum(dim=(1, 2, 3)), images, lambda own, arrived: own.clamp(min=0))
tensor([[[[0., 0.]]]])
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import Node

from retina_xai.errors import ModelError
from retina_xai.explainers.gradient_method import leaf_of
from retina_xai.explainers.stride_one import is_stride_one
from retina_xai.models.autograd_graph import is_custom, kind_of, reachable

RECTIFIERS = frozenset(
    {
        *("Relu", "LeakyRelu", "PreluKernel", "RreluWithNoise", "Elu", "Celu", "Gelu", "Silu", "Mish", "Hardswish"),
        *("Softplus", "Threshold"),
    }
)
"""Kinds of nodes that are always rectifiers."""

CLAMPS = {"Hardtanh": "_saved_min_val", "Clamp": "_saved_min", "ClampMin": "_saved_min"}
"""Kinds of nodes that are rectifiers if their lower limit, kept under this name, is 0."""

OPAQUE = frozenset({"CopySlices", "DifferentiableGraph", "CompiledFunction"})
"""Kinds of nodes that can hide a rectifier."""

Rule = Callable[[Tensor, Tensor], Tensor]
"""(gradient that the rectifier would pass on, gradient that arrives at its output) -> gradient that is passed on."""


def rectified_gradient(score: Callable[[Tensor], Tensor], images: Tensor, rule: Rule, *, needed: bool = True) -> Tensor:
    """The gradient (N, C, H, W) of `score`, images -> (N,), whose rectifiers follow the rule.

    Args:
        needed: whether a score without a rectifier is an error, otherwise it gets its plain gradient.

    Raises:
        ModelError: no rectifier, or a node that can hide one.
    """
    leaf = leaf_of(images)
    total = score(leaf).sum()
    rectifiers = []
    for node in reachable([total.grad_fn]):
        if (is_custom(node) and not is_stride_one(node)) or kind_of(node) in OPAQUE:
            name = node.name().rpartition("::")[2]
            raise ModelError(f"the network contains {name}, in which a rectifier cannot be found: use saliency")
        if is_rectifier(node):
            rectifiers.append(node)
    if needed and not rectifiers:
        raise ModelError(
            "the network has no ReLU or similar unit, so this method would be the plain gradient: use saliency"
        )
    for node in rectifiers:
        node.register_hook(_hook(rule))
    return torch.autograd.grad(total, leaf)[0]


def is_rectifier(node: Node) -> bool:
    """Whether a node of the graph is a rectifier."""
    kind = kind_of(node)
    return kind in RECTIFIERS or (kind in CLAMPS and getattr(node, CLAMPS[kind]) == 0)


def _hook(rule: Rule) -> Callable[[tuple[Tensor, ...], tuple[Tensor, ...]], tuple[Tensor | None, ...]]:
    def hook(passed: tuple[Tensor, ...], arrived: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        return rule(passed[0], arrived[0]), *passed[1:]

    return hook
