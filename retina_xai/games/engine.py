"""Optimisation of a batch of games. Every image has its own target, lambda and stop, and leaves the batch when done.

One step, per image: g is the (defended) gradient of the similarity term with respect to m, plus the undefended gradient
of the lambda term; g <- clamp(g / s, -1, 1); m <- clamp(m - lr * g, 0, 1). The scale s is max|g| (the paper's), or the
99th percentile of |g| ("q99", ours), which one outlier does not rule. If max|g| is 0, the mask does not change.

A game ends when the score falls below its stop (the result is the mask that reached it, not the next one; not with
`Settings.stop_ends` False), when a step leaves the mask unchanged (a fixed point: all later steps would too, unless the
bounds still change), at a look at which `Game.succeeded` holds (`Settings.judged_every`), or after the given number of
iterations.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from retina_xai.games.defence import Recorded, defended_forward
from retina_xai.games.game import Game
from retina_xai.games.position import Position

OnStep = Callable[[int, Tensor], None]
"""Called as (step, scores of all N images) after each forward pass; an exception from it cancels the game."""


@dataclass(frozen=True)
class Settings:
    """Learning rate in mask units per step, maximum number of steps, and a key of `SCALES`.

    judged_every: after so many steps each, a game whose goal is reached ends; None: no game ends for that.
    stop_ends: whether a game ends at the first step below its stop; otherwise the stop judges the result only.
    """

    lr: float = 0.1
    iterations: int = 500
    scale: str = "max"
    judged_every: int | None = None
    stop_ends: bool = True

    def looks(self, step: int) -> bool:
        """Whether a game ends at this step if its goal is reached; never before the first step."""
        return self.judged_every is not None and step > 0 and step % self.judged_every == 0


@dataclass(frozen=True)
class Outcome:
    """Results of N games: mask (N, C, H, W), score of the target (N,), steps taken (N,), success (N,) bool."""

    mask: Tensor
    score: Tensor
    iterations: Tensor
    converged: Tensor


def play(
    model: nn.Module,
    game: Game,
    position: Position,
    bounds: Recorded | None,
    settings: Settings,
    on_step: OnStep | None = None,
) -> Outcome:
    """Play all games of `position` to their ends. Success is reaching the stop or, without a stop, `Game.succeeded`.

    Args:
        model: in evaluation mode with frozen parameters (see `models.inference`), (N, C, H, W) -> logits (N, K).
        bounds: of the original images, for the defence; None plays without it.
        on_step: progress; raise from it to cancel.
    """
    outcome = _blank(position)
    mask, active = position.mask, torch.arange(len(position), device=position.mask.device)
    for step in range(settings.iterations + 1):
        explained = position.explained(mask).requires_grad_()
        logits = model(explained) if bounds is None else defended_forward(model, explained, bounds.at(step))
        score = game.score.value(logits.detach(), position.targets)
        stopped = score < position.stop
        last = step == settings.iterations
        proposal = mask if last else _step(game, position, mask, (explained, logits), settings)
        done = (stopped & settings.stop_ends) | last
        if not last and (bounds is None or bounds.final(step)):
            done |= _unchanged(proposal, mask)
        success = torch.where(position.stop.isinf(), game.succeeded(logits.detach(), position.targets), stopped)
        done = done | success if settings.looks(step) else done
        outcome.score[active], outcome.iterations[active] = score, step
        outcome.converged[active] = success
        outcome.mask[active[done]] = mask[done]
        if on_step is not None:
            on_step(step, outcome.score)
        if done.all():
            break
        mask = proposal
        if done.any():
            active, mask, position = active[~done], mask[~done], position.rows(~done)
            bounds = None if bounds is None else bounds.rows(~done)
    return outcome


def _step(game: Game, position: Position, mask: Tensor, forward: tuple[Tensor, Tensor], settings: Settings) -> Tensor:
    """The next mask; `forward` holds the explained images and their logits."""
    explained, logits = forward
    similarity = game.similarity(logits, position.targets).sum()
    (signal,) = torch.autograd.grad(similarity, explained)
    gradient = signal * position.contrast
    gradient += _per_image(game.sparsity_sign * position.lam, gradient)
    scale = SCALES[settings.scale](gradient.flatten(1))
    gradient /= _per_image(torch.where(scale > 0, scale, 1), gradient)
    if settings.scale != "max":
        gradient.clamp_(-1, 1)
    return torch.sub(mask, gradient.mul_(settings.lr)).clamp_(0, 1)


def _per_image(values: Tensor, like: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (like.ndim - 1))


def _unchanged(proposal: Tensor, mask: Tensor) -> Tensor:
    """Whether each image's mask is that of the last step, (N,) bool."""
    if mask.device.type == "cpu":  # `torch.equal` stops at the first difference
        return torch.tensor([torch.equal(*pair) for pair in zip(proposal, mask, strict=True)])
    return (proposal == mask).flatten(1).all(dim=1)


def _largest(gradient: Tensor) -> Tensor:
    return torch.maximum(gradient.amax(dim=1), -gradient.amin(dim=1))  # several times faster than the maximum norm


def _quantile_99(gradient: Tensor) -> Tensor:
    """The 99th percentile of each row, (N,); the maximum where it is 0. `torch.quantile` refuses large rows."""
    sizes = gradient.abs()
    rank = max(1, math.ceil(0.99 * sizes.shape[1]))
    percentile = sizes.kthvalue(rank, dim=1).values
    return torch.where(percentile > 0, percentile, _largest(gradient))


SCALES: dict[str, Callable[[Tensor], Tensor]] = {"max": _largest, "q99": _quantile_99}
"""The scale of each row of a gradient (N, M); one outlier rules "max"."""


def _blank(position: Position) -> Outcome:
    count, device = len(position), position.mask.device
    return Outcome(
        mask=position.mask.clone(),
        score=position.mask.new_zeros(count),
        iterations=torch.zeros(count, dtype=torch.long, device=device),
        converged=torch.zeros(count, dtype=torch.bool, device=device),
    )
