"""The defence against adversarial evidence (FGVis eq. 4-6): no unit may be activated more than by the original image.

For every nonlinearity call l let h^l(x) be its output for the original image, bu = max(0, h^l(x)) and
bl = min(0, h^l(x)). In the backward pass, the gradient at the output of the call is multiplied by

    1[h^l(e) <= bu] * 1[h^l(e) >= bl]                                                   (6)

The forward pass is unchanged. The inequalities are not strict, so at m = 1 every gradient passes. The bounds are
widened by 1e-5 * max |h^l(x)| per image and layer (our addition), because kernels for another batch size round
differently.

The defence works on calls, not on modules: a `TorchFunctionMode` observes every nonlinearity of the forward pass by
its function name (module, functional or in-place; a module used three times is three calls) and registers a hook on the
output *tensor*. Nothing is attached to the model. Softmax is not defended, neither in the classification layer nor in
attention. Calls whose output does not depend on the image have no gradient and are skipped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from retina_xai.errors import ModelError

SLACK = 1e-5

NONLINEARITIES: dict[str, bool] = {
    # name of the torch function -> whether its output is never negative (the lower bound then always holds)
    **dict.fromkeys(("relu", "relu6", "sigmoid", "special_expit", "softplus", "hardsigmoid"), True),
    **dict.fromkeys(("leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish"), False),
    **dict.fromkeys(("hardswish", "hardtanh", "tanh", "softsign", "log_sigmoid", "logsigmoid", "tanhshrink"), False),
    **dict.fromkeys(("threshold", "hardshrink", "softshrink"), False),
    # functions from which some networks build their own activation
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "clip", "maximum", "minimum"), False),
}


@dataclass(frozen=True)
class Bound:
    """Bounds of the output of one call, per unit: (N * k, ...), with k rows of the output for each image."""

    name: str
    upper: Tensor
    lower: Tensor | None

    def rows(self, keep: Tensor, images: int) -> "Bound":
        """The bounds of the images that `keep` selects; `images` is the number of all images."""
        return Bound(
            self.name,
            _rows(self.upper, keep, images),
            None if self.lower is None else _rows(self.lower, keep, images),
        )

    def holds(self, output: Tensor) -> Tensor:
        """Where the output stays within the bounds, bool of the output's shape."""
        held = output <= self.upper
        return held if self.lower is None else held.logical_and_(output >= self.lower)


@dataclass(frozen=True)
class Bounds:
    """The bounds of all calls of a forward pass over N images, in order; None for calls that depend on no image."""

    calls: tuple[Bound | None, ...]
    images: int

    def rows(self, keep: Tensor) -> "Bounds":
        """The bounds of the images that the bool tensor `keep` (N,) selects."""
        calls = tuple(None if bound is None else bound.rows(keep, self.images) for bound in self.calls)
        return Bounds(calls, int(keep.sum()))


def record_bounds(model: nn.Module, images: Tensor, slack: float = SLACK) -> tuple[Bounds, Tensor]:
    """One pass over the original images: the bounds of every nonlinearity call, and the logits (N, K), detached.

    Raises:
        ModelError: the network calls no known nonlinearity, or an output's first dimension is not the batch.
    """
    calls: list[Bound | None] = []

    def observe(name: str, output: Tensor) -> None:
        calls.append(_bound(name, output, len(images), slack) if output.requires_grad else None)

    with torch.enable_grad(), _NonlinearityObserver(observe):
        logits: Tensor = model(images.detach().requires_grad_())
    if not any(calls):
        raise ModelError(
            f"no nonlinearity was found in {type(model).__name__}, but the defence needs one: "
            "use torch's own activation functions (scripted or compiled modules hide them), or set defended=False"
        )
    return Bounds(tuple(calls), len(images)), logits.detach()


def defended_forward(model: nn.Module, explained: Tensor, bounds: Bounds) -> Tensor:
    """Logits (N, K) of the explanations; their backward pass is zero at every unit that leaves its bounds.

    Raises:
        ModelError: the calls of this pass differ from those of the recorded one.
    """
    remaining = iter(bounds.calls)
    count = 0

    def observe(name: str, output: Tensor) -> None:
        nonlocal count
        count += 1
        bound = next(remaining, None)
        if bound is None:
            return
        if name != bound.name or output.shape != bound.upper.shape:
            raise _differs(count, f"{name} {tuple(output.shape)}", f"{bound.name} {tuple(bound.upper.shape)}")
        held = bound.holds(output.detach())
        output.register_hook(lambda gradient: gradient * held)  # type: ignore[no-untyped-call]

    with _NonlinearityObserver(observe):
        logits: Tensor = model(explained)
    if count != len(bounds.calls):
        raise _differs(count, f"{count} calls", f"{len(bounds.calls)}")
    return logits


class _NonlinearityObserver(TorchFunctionMode):
    """Calls `observe(name, output)` after every nonlinearity, once even if that calls another one internally."""

    def __init__(self, observe: Callable[[str, Tensor], None]) -> None:
        super().__init__()
        self.observe = observe

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").strip("_")
        if name in NONLINEARITIES and isinstance(output, Tensor):
            self.observe(name, output)
        return output


def _bound(name: str, output: Tensor, images: int, slack: float) -> Bound:
    if output.ndim == 0 or len(output) % images:
        raise ModelError(
            f"the output of {name} has shape {tuple(output.shape)} for a batch of {images}: for the defence, its "
            "first dimension must be the batch; explain one image at a time, or set defended=False"
        )
    output = output.detach()
    largest = output.reshape(images, -1).abs().amax(dim=1).repeat_interleave(len(output) // images)
    room = (slack * largest).reshape(-1, *[1] * (output.ndim - 1))
    lower = None if NONLINEARITIES[name] else output.clamp(max=0) - room
    return Bound(name, output.clamp(min=0) + room, lower)


def _rows(values: Tensor, keep: Tensor, images: int) -> Tensor:
    if len(values) == images:
        return values[keep]
    return values.reshape(images, -1, *values.shape[1:])[keep].flatten(0, 1)


def _differs(call: int, came: str, expected: str) -> ModelError:
    return ModelError(
        f"the forward pass differs between two runs at nonlinearity {call}: {came}, expected {expected}; "
        "the defence needs a network that makes the same calls each time"
    )
