"""CAM, class activation mapping (Zhou et al., 2016): the last feature maps, weighted by the weights of the class.

    S_c = b_c + sum_k w_ck * mean over positions of A_k,     attribution = sum_k w_ck A_k

so the mean of the attribution (N, 1, h, w) is S_c without its bias. Evidence is upsampled linearly to the image and
scaled from its minimum and maximum to [0, 1], as in the code of the authors.

A is the input of the last global average pooling, found as a call (a module, `F.adaptive_avg_pool2d`, or a mean over
the positions). Behind it, there must be nothing but linear layers, and what turns logits into probabilities. SqueezeNet
has no layer behind it; its map of the class is A_c. Networks with another head are refused: Grad-CAM is the
generalisation to them. w_ck is the gradient of S_c by A_k, summed over the positions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from retina_xai.errors import ModelError
from retina_xai.explainers.explainer import min_max
from retina_xai.explainers.grad_cam import upsampled
from retina_xai.explainers.gradient_method import GradientExplainer, leaf_of
from retina_xai.explainers.rectifiers import is_rectifier
from retina_xai.games.graph import ARITHMETIC, FACTORS, LINEAR
from retina_xai.models.autograd_graph import kind_of, reachable
from retina_xai.models.scored_model import ScoredModel

AVERAGES = frozenset({f"{kind}avg_pool{sides}d" for kind in ("", "adaptive_") for sides in (1, 2, 3)} | {"mean"})
"""Torch functions that can be a global average pooling."""

WEIGHTED = FACTORS.keys() - {"Mul", "Div"}
"""Kinds of nodes that are a layer with weights."""


@dataclass(frozen=True)
class CAM(GradientExplainer):
    """CAM; it has no settings of its own."""

    method: ClassVar[str] = "cam"

    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor) -> Tensor:
        """The weighted sum (N, 1, h, w) of the last feature maps.

        Raises:
            ModelError: no global average pooling, layers behind it that are not linear, or a map of a single pixel.
        """
        with PoolingObserver(images.ndim) as observer:
            score = network.differentiated(target)(leaf_of(images))
        maps = observer.last
        if maps is None:
            raise ModelError(f"{network.name} has no global average pooling: CAM needs one, use grad-cam")
        if maps.shape[2:].numel() == 1:
            raise ModelError(f"{network.name} averages maps of a single pixel: CAM needs larger images, use grad-cam")
        _check_head(network.name, score.grad_fn, maps.grad_fn)
        (gradient,) = torch.autograd.grad(score.sum(), maps)
        weights = gradient.flatten(2).sum(dim=2)
        return torch.einsum("nk,nk...->n...", weights, maps.detach())[:, None]

    def evidence_of(self, attribution: Tensor, images: Tensor) -> Tensor:
        """The map of each image, scaled from its minimum and maximum to [0, 1]."""
        return torch.stack([min_max(values) for values in upsampled(attribution, images)[:, 0]])


class PoolingObserver(TorchFunctionMode):
    """Keeps the input of the last global average pooling over maps (N, C, ...) of `ndim` axes, in `last`."""

    def __init__(self, ndim: int) -> None:
        super().__init__()
        self.ndim = ndim
        self.last: Tensor | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in AVERAGES:
            maps = args[0] if args else (kwargs or {})["input"]
            if maps.ndim == self.ndim and maps.requires_grad and _one_per_channel(output, maps):
                self.last = maps
        return output


def _one_per_channel(output: Tensor, maps: Tensor) -> bool:
    return output.shape[:2] == maps.shape[:2] and output.numel() == maps.shape[0] * maps.shape[1]


def _check_head(name: str, score: Node | None, maps: Node | None) -> None:
    """Refuse a head that is not linear in the feature maps alone."""
    head = [node for node in reachable([score], stop=[maps] if maps else []) if node is not maps]
    weighted = [node for node in head if kind_of(node) in WEIGHTED]
    inner = [node for node in reachable(weighted, stop=[maps] if maps else []) if node is not maps]
    others = [node for node in inner if kind_of(node) not in LINEAR | ARITHMETIC]
    others += [node for node in head if is_rectifier(node) or kind_of(node) == "AccumulateGrad"]
    if others:
        kind = kind_of(others[0])
        reason = "a way around the pooling" if kind == "AccumulateGrad" else f"{kind} behind the pooling"
        raise ModelError(f"{name} has {reason}: CAM needs global average pooling and linear layers, use grad-cam")
