"""The layers of a network, and what their filters respond to an image.

A layer is a call of a convolution or of a linear layer, with the normalisation and the nonlinearity that directly
follow it, whether these are modules or functions. Poolings and concatenations are no layers: they would repeat the
channels of the layers before them. A filter is a channel of a layer's output. A module that is called twice is two
layers.

The response of a filter is the L2 norm of its map; the responses of a layer are divided by their sum (VEBI, Oramas et
al., ICLR 2019). The last layer gives the scores of the classes and is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from retina_xai.errors import ModelError
from retina_xai.explainers.explainer import check_logits
from retina_xai.models.scored_model import ScoredModel

FOLLOWING = frozenset(
    {
        *("batch_norm", "group_norm", "instance_norm", "local_response_norm"),
        *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"),
        *("hardswish", "hardtanh", "hardsigmoid", "sigmoid", "tanh", "threshold", "clamp", "clamp_min"),
    }
)
"""Torch functions that belong to the layer before them."""

Handle = Callable[[int, Tensor], None]
"""Called with the number of a layer and its output (N, filters, ...), once for the convolution and once for each
function that follows; the last call is the output of the layer. It may change the values in place."""


@dataclass(frozen=True)
class Layer:
    """A layer: the name of its module in `named_modules()`, the number of its filters, whether it is a convolution.

    Calls of a module after the first are named "name (call 2)".
    """

    name: str
    filters: int
    convolution: bool


class LayerWatch(TorchFunctionMode):
    """Calls `handle` for the layers of each forward pass of a model, while the `with` block lasts.

    `layers` are those of the last pass, the last layer included.
    """

    def __init__(self, model: nn.Module, handle: Handle) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self._model, self._handle = model, handle
        self._output: Tensor | None = None
        self._hooks: list[Any] = []

    def __enter__(self) -> "LayerWatch":
        self._hooks.append(self._model.register_forward_pre_hook(self._begin))
        for name, module in self._model.named_modules():
            if isinstance(module, _ConvNd | nn.Linear):
                self._hooks.append(module.register_forward_hook(partial(self._weighted, name)))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._output = None

    def _begin(self, module: nn.Module, inputs: object) -> None:
        self.layers, self._output = [], None

    def _weighted(self, name: str, module: nn.Module, inputs: object, output: object) -> None:
        convolution = isinstance(module, _ConvNd)
        if not isinstance(output, Tensor) or output.ndim < 2 or (not convolution and output.ndim != 2):
            self._output = None
            return
        calls = sum(layer.name.partition(" (call ")[0] == name for layer in self.layers)
        label = f"{name} (call {calls + 1})" if calls else name
        self.layers.append(Layer(label, output.shape[1], convolution))
        self._handled(output)

    def _handled(self, output: Tensor) -> None:
        self._handle(len(self.layers) - 1, output)
        self._output = output

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        follows = getattr(func, "__name__", "").strip("_") in FOLLOWING and args and args[0] is self._output
        output = func(*args, **(kwargs or {}))
        if follows and isinstance(output, Tensor):
            self._handled(output)
        return output


@dataclass(frozen=True)
class Responses:
    """The logits (N, K) of images, the layers without the last one, and the responses (N, d) of all their filters."""

    logits: Tensor
    layers: tuple[Layer, ...]
    features: Tensor


def responses_of(network: ScoredModel, images: Tensor) -> Responses:
    """The responses of all filters to images (N, C, H, W).

    Raises:
        ModelError: logits that are not finite, or a network without a layer before the last one.
    """
    norms: dict[int, Tensor] = {}

    def measure(number: int, output: Tensor) -> None:
        norms[number] = output.detach().flatten(2).norm(dim=2) if output.ndim > 2 else output.detach().abs()

    with LayerWatch(network.model, measure) as watch, torch.no_grad():
        logits = check_logits(network(images))
    layers = tuple(watch.layers[:-1])
    if not layers:
        raise ModelError(f"{network.name} has no convolution or linear layer before its last one: VEBI needs some")
    shares = [norms[number] / norms[number].sum(dim=1, keepdim=True).clamp(min=1e-30) for number in range(len(layers))]
    return Responses(logits, layers, torch.cat(shares, dim=1))


def places(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """The layer and the filter in it of each of the d columns of `Responses.features`."""
    return [(number, index) for number, layer in enumerate(layers) for index in range(layer.filters)]


def ablated_logits(network: ScoredModel, images: Tensor, kept: Tensor) -> Tensor:
    """The logits (N, K) of images whose filters are switched off: their maps are 0.

    Args:
        images: (N, C, H, W).
        kept: (N, d) of 0 (off) and 1, for each image and filter, in the order of `Responses.features`.
    """
    starts: list[int] = [0]

    def switch(number: int, output: Tensor) -> None:
        del starts[number + 1 :]
        starts.append(starts[number] + output.shape[1])
        part = kept[:, starts[number] : starts[number + 1]]
        # not the last layer, nor the passes over one image that find how the model ends
        if part.shape[1] == output.shape[1] and len(part) == len(output):
            output.mul_(part.to(output).reshape(*part.shape, *[1] * (output.ndim - 2)))

    with LayerWatch(network.model, switch), torch.no_grad():
        logits: Tensor = network(images)
    return logits
