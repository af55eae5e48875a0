"""A faster copy of a network for many passes: batch normalisation folded into convolutions, weights channels-last.

In evaluation mode, a batch normalisation directly behind a convolution is a factor and an offset of its outputs. The
copy has them in the weights of the convolution (`torch.nn.utils.fusion`). On a CPU, the weights of convolutions have
the channels-last layout, for which oneDNN has faster kernels. The copy shares all other parameters with the network,
which is not changed.

Which convolution is directly in front of which batch normalisation is observed in one forward pass, so no network has
to be traced or scripted. The copy is used only if its logits equal those of the network up to rounding.
"""

import copy
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.utils.fusion import fuse_conv_bn_eval

from retina_xai.errors import ModelError
from retina_xai.models.autograd_graph import users_of

TOLERANCE = 1e-3
"""Largest accepted difference of two logits of one image, as a share of the largest logit."""

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
Pair = tuple[nn.Conv2d, nn.BatchNorm2d]
"""Or the same for one or three dimensions."""


def folded(model: nn.Module, image: Tensor) -> nn.Module:
    """A faster copy of the network with equal logits, or the network itself if there is none.

    Args:
        model: in evaluation mode with frozen parameters (see `models.inference`), (N, C, ...) -> logits (N, K).
        image: (1, C, ...), any image that the network accepts.

    Raises:
        ModelError: two passes over the image give different logits, or a batch normalisation has no statistics.
    """
    _check_statistics(model)
    pairs, logits = _pairs(model, image)
    if not logits.isfinite().all():
        return model  # the caller reports it
    layouts = [torch.channels_last] if image.device.type == "cpu" and image.ndim == 4 else []
    for layout in [*layouts, None] if pairs else layouts:
        try:
            faster = _copy(model, pairs, layout)
            if _agrees(faster, image, logits):
                return faster
        except (RuntimeError, TypeError, AttributeError):  # it cannot be copied, or needs the other layout
            continue
    return _repeated(model, image, logits)


def repeatable(model: nn.Module, image: Tensor) -> nn.Module:
    """The network itself, with the checks of `folded`."""
    _check_statistics(model)
    with torch.no_grad():
        logits: Tensor = model(image)
    return _repeated(model, image, logits) if logits.isfinite().all() else model


def _check_statistics(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if isinstance(module, NORMALISATIONS) and module.running_mean is None:
            raise ModelError(
                f"the batch normalisation {name or type(module).__name__} has no running statistics, so the images of "
                "a batch influence each other: set track_running_stats=True and train the network with it"
            )


def _repeated(model: nn.Module, image: Tensor, logits: Tensor) -> nn.Module:
    """The network, if another pass gives the same logits."""
    if not _agrees(model, image, logits):
        raise ModelError(
            "two passes over the same image give different logits: the network is random in evaluation mode (dropout "
            "with training=True?); explanations need one that is not"
        )
    return model


def _pairs(model: nn.Module, image: Tensor) -> tuple[list[Pair], Tensor]:
    """Convolutions and the batch normalisations directly behind them, and the logits (1, K) of the image."""
    outputs: dict[int, tuple[Any, Tensor, Node | None]] = {}
    found: list[tuple[Any, Any, Node | None]] = []
    calls: Counter[nn.Module] = Counter()

    def observe(module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
        calls[module] += 1
        if isinstance(module, CONVOLUTIONS):
            outputs[id(output)] = (module, output, output.grad_fn)
            return
        convolution, before, node = outputs.get(id(arguments[0]), (None, None, None))
        if convolution is not None and before is arguments[0]:
            found.append((convolution, module, node))

    watched = [module for module in model.modules() if type(module) in CONVOLUTIONS + NORMALISATIONS]
    handles = [module.register_forward_hook(observe) for module in watched]
    try:
        with torch.enable_grad():
            logits: Tensor = model(image.detach().clone().requires_grad_())
    finally:
        for handle in handles:
            handle.remove()
    users = users_of(logits.grad_fn)
    once = [
        (convolution, normalisation)
        for convolution, normalisation, node in found
        if calls[convolution] == calls[normalisation] == 1 and node is not None and users[node] == 1
    ]
    return once, logits.detach()


def _copy(model: nn.Module, pairs: list[Pair], layout: torch.memory_format | None) -> nn.Module:
    replaced: dict[int, nn.Module] = {}
    for convolution, normalisation in pairs:
        replaced[id(convolution)] = fuse_conv_bn_eval(convolution, normalisation)
        replaced[id(normalisation)] = nn.Identity()
    for module in model.modules():
        if layout is not None and type(module) is nn.Conv2d:
            replaced[id(module)] = _with_layout(replaced.get(id(module), module), layout)
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, {**shared, **replaced})


def _with_layout(module: nn.Module, layout: torch.memory_format) -> nn.Module:
    converted = copy.deepcopy(module)
    for parameter in converted.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)
    return converted


def _agrees(model: nn.Module, image: Tensor, logits: Tensor) -> bool:
    with torch.no_grad():
        found: Tensor = model(image)
    return found.shape == logits.shape and bool((found - logits).abs().max() <= TOLERANCE * logits.abs().max())
