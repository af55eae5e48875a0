"""The defence against adversarial evidence (FGVis eq. 4-6): no unit may be activated more than by the original image.

For every nonlinearity call l let h^l(x) be its output for the original image, bu = max(0, h^l(x)) and
bl = min(0, h^l(x)). In the backward pass, the gradient at the output of the call is multiplied by

    1[h^l(e) <= bu] * 1[h^l(e) >= bl]                                                   (6)

The forward pass is unchanged. With biases and batch normalisation, many units are outside these bounds for the
reference image r itself (48 % of the units of the RDR network, 70 % in the mean over its layers; see
`games.exclusion`). A game can then never remove the whole image, and such a unit is never pushed back, because eq. 6
cuts its gradient in both directions. The reference bounds (ours) change both:

    bu = max(0, h^l(x), h^l(r)),  bl = min(0, h^l(x), h^l(r))
    the gradient is cut only where a step would move the unit further out: g < 0 above bu, g > 0 below bl

A descent step moves h^l against its gradient g. `DEFENCES` lists what a game can use. "staged" plays its first steps
under the paper's bounds, which find sparse evidence, and the others under the reference bounds, which reach the goal.

The inequalities are not strict, so at m = 1 every gradient passes. The bounds are widened by slack * max |h^l(x)| per
image and layer (our addition; 1e-5 by default), because kernels for another batch size round differently.

The defence works on calls, not on modules (`games.calls`), and changes the gradient at the output *tensor* of each
(`games.bounds`).
`games.graph` decides which calls need bounds, and refuses networks with a nonlinearity that is no known call. Softmax
is not defended, neither in the classification layer nor in attention. Calls whose output does not depend on the image
have no gradient and are skipped.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest

import torch
from torch import Tensor, nn

from retina_xai.errors import ModelError
from retina_xai.games.bounds import Bound, bounded_rectifier
from retina_xai.games.calls import NONLINEARITIES, PRODUCTS, Call, CallObserver
from retina_xai.games.graph import calls_with_bounds

SLACK = 1e-5


@dataclass(frozen=True)
class Bounds:
    """The bounds of all calls of a forward pass over N images, in order; None for calls that depend on no image."""

    calls: tuple[Bound | None, ...]
    images: int
    one_sided: bool = False

    def at(self, step: int) -> "Bounds":
        """The bounds of a step: the same for all."""
        return self

    def final(self, step: int) -> bool:
        """Whether all later steps have the bounds of this one."""
        return True

    def rows(self, keep: Tensor) -> "Bounds":
        """The bounds of the images that the bool tensor `keep` (N,) selects."""
        calls = tuple(None if bound is None else bound.rows(keep, self.images) for bound in self.calls)
        return Bounds(calls, int(keep.sum()), self.one_sided)


@dataclass(frozen=True)
class Staged:
    """Bounds that change once: `first` for the first `steps` steps, then `then`."""

    first: Bounds
    steps: int
    then: Bounds

    def at(self, step: int) -> Bounds:
        """The bounds of a step, counted from 0."""
        return self.first if step < self.steps else self.then

    def final(self, step: int) -> bool:
        """Whether all later steps have the bounds of this one."""
        return step >= self.steps

    def rows(self, keep: Tensor) -> "Staged":
        """The bounds of the images that the bool tensor `keep` (N,) selects."""
        return Staged(self.first.rows(keep), self.steps, self.then.rows(keep))


Recorded = Bounds | Staged
"""What a defended game uses."""


@dataclass(frozen=True)
class DefenceSpec:
    """A defence: `strict` uses the paper's bounds, `reference` the reference bounds, both one after the other.

    hull, one_sided: the two parts of the reference bounds; "hull" and "one-sided" have one of them each.
    """

    key: str
    label: str
    strict: bool
    reference: bool
    hull: bool = True
    one_sided: bool = True

    def record(
        self, model: nn.Module, images: Tensor, references: Tensor, steps: int, slack: float = SLACK
    ) -> tuple[Recorded | None, Tensor]:
        """Bounds of the images, and their logits (N, K). `steps`: strict steps where both kinds of bounds are used.

        Raises:
            ModelError: as `record_bounds`.
        """
        if not self.strict and not self.reference:
            with torch.no_grad():
                return None, model(images)
        strict, logits = record_bounds(model, images, slack)
        if not self.reference:
            return strict, logits
        widened = widen(strict, record_bounds(model, references, slack)[0]) if self.hull else strict
        widened = replace(widened, one_sided=self.one_sided)
        return (Staged(strict, steps, widened) if self.strict else widened), logits


DEFENCES: dict[str, DefenceSpec] = {
    spec.key: spec
    for spec in (
        DefenceSpec("fgvis", "defended (FGVis)", strict=True, reference=False),
        DefenceSpec("reference", "defended, reference bounds", strict=False, reference=True),
        DefenceSpec("staged", "defended, FGVis and then reference bounds", strict=True, reference=True),
        DefenceSpec("none", "undefended", strict=False, reference=False),
        DefenceSpec("hull", "defended, hull of both images", strict=False, reference=True, one_sided=False),
        DefenceSpec("one-sided", "defended, one-sided bounds", strict=False, reference=True, hull=False),
    )
}


def widen(bounds: Bounds, of_references: Bounds) -> Bounds:
    """The reference bounds, from the bounds of the original images and those of the reference images.

    Raises:
        ModelError: the two passes make different calls.
    """
    calls = []
    for number, (one, other) in enumerate(zip_longest(bounds.calls, of_references.calls), start=1):
        if one is None or other is None:
            calls.append(one)
            continue
        if one.name != other.name or one.upper.shape != other.upper.shape:
            raise _differs(number, f"{other.name} {tuple(other.upper.shape)}", f"{one.name} {tuple(one.upper.shape)}")
        lower = None if one.lower is None or other.lower is None else torch.minimum(one.lower, other.lower)
        calls.append(replace(one, upper=torch.maximum(one.upper, other.upper), lower=lower))
    return Bounds(tuple(calls), bounds.images, one_sided=True)


def record_bounds(model: nn.Module, images: Tensor, slack: float = SLACK) -> tuple[Bounds, Tensor]:
    """One pass over the original images: the bounds of every nonlinearity call, and the logits (N, K), detached.

    Args:
        model: in evaluation mode with frozen parameters (see `models.inference`), (N, C, ...) -> logits (N, K).
        images: (N, C, ...).
        slack: see the module docstring.

    Raises:
        ModelError: the network calls no known nonlinearity, has one that is not a known call (see `games.graph`), or
            an output's first dimension is not the batch.
    """
    calls: list[Call] = []
    bounds: list[Bound] = []

    def observe(call: Call) -> None:
        calls.append(call)
        if call.name in NONLINEARITIES or call.name in PRODUCTS:
            bounds.append(_bound(call, len(images), slack))  # before an in-place call changes it

    with torch.enable_grad(), CallObserver(observe, everything=True):
        logits: Tensor = model(images.detach().requires_grad_())
    needed = calls_with_bounds(logits, calls)
    if not any(needed):
        raise ModelError(
            f"no nonlinearity was found in {getattr(model, 'name', type(model).__name__)}, but the defence needs one: "
            "use torch's own activation functions (scripted or compiled modules hide them), or set defence='none'"
        )
    kept = tuple(bound if needs else None for bound, needs in zip(bounds, needed, strict=True))
    return Bounds(kept, len(images)), logits.detach()


def defended_forward(model: nn.Module, explained: Tensor, bounds: Bounds) -> Tensor:
    """Logits (N, K) of the explanations; their backward pass is zero at every unit that leaves its bounds.

    Raises:
        ModelError: the calls of this pass differ from those of the recorded one.
    """
    count = 0

    def expected() -> Bound | None:
        return bounds.calls[count] if count < len(bounds.calls) else None

    def rectify(image: Tensor, ceiling: float, function: Callable[[], Tensor]) -> Tensor:
        bound = expected()
        if bound is None or bounds.one_sided or not bound.rectifies(image, ceiling):
            return function()
        return bounded_rectifier(image, function, bound)

    def observe(call: Call) -> None:
        nonlocal count
        name, output = call.name, call.output
        bound = expected()
        count += 1
        if bound is None:
            return
        if name != bound.name or output.shape != bound.upper.shape:
            raise _differs(count, f"{name} {tuple(output.shape)}", f"{bound.name} {tuple(bound.upper.shape)}")
        if bounds.one_sided:
            output.register_hook(bound.one_sided_cut(output.detach()))  # type: ignore[no-untyped-call]
        elif not bound.rectifies(output, call.ceiling):
            output.register_hook(bound.cut(output.detach()))  # type: ignore[no-untyped-call]

    with CallObserver(observe, rectify):
        logits: Tensor = model(explained)
    if count != len(bounds.calls):
        raise _differs(count, f"{count} calls", f"{len(bounds.calls)}")
    return logits


def _bound(call: Call, images: int, slack: float) -> Bound:
    name, output = call.name, call.output
    if output.ndim == 0 or len(output) % images:
        raise ModelError(
            f"the output of {name} has shape {tuple(output.shape)} for a batch of {images}: for the defence, its "
            "first dimension must be the batch; explain one image at a time, or set defence='none'"
        )
    output = output.detach()
    largest = output.reshape(images, -1).abs().amax(dim=1).repeat_interleave(len(output) // images)
    room = (slack * largest).reshape(-1, *[1] * (output.ndim - 1))
    lower = None if call.never_negative else output.clamp(max=0) - room
    return Bound(name, output.clamp(min=0) + room, lower, call.ceiling)


def _differs(call: int, came: str, expected: str) -> ModelError:
    return ModelError(
        f"the forward pass differs between two runs at nonlinearity {call}: {came}, expected {expected}; "
        "the defence needs a network that makes the same calls each time"
    )
