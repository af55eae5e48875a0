"""Optimisation of a batch of games. Every image has its own target, lambda and stop, and leaves the batch when done.

One step, per image: g is the (defended) gradient of the similarity term with respect to m, plus the undefended gradient
of the lambda term; g <- g / max|g|; m <- clamp(m - lr * g, 0, 1). If max|g| is 0, the mask does not change.

A game ends when the score falls below its stop (the result is the mask that reached it, not the next one), when a step
leaves the mask unchanged (a fixed point: all later steps would too), or after the given number of iterations.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from retina_xai.games.defence import Bounds, defended_forward
from retina_xai.games.game import Game, class_score
from retina_xai.games.position import Position

OnStep = Callable[[int, Tensor], None]
"""Called as (step, scores of all N images) after each forward pass; an exception from it cancels the game."""


@dataclass(frozen=True)
class Settings:
    """Learning rate in mask units per step, and the maximum number of steps."""

    lr: float = 0.1
    iterations: int = 500


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
    bounds: Bounds | None,
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
    active = torch.arange(len(position), device=position.mask.device)
    for step in range(settings.iterations + 1):
        explained = position.explained().requires_grad_()
        logits = model(explained) if bounds is None else defended_forward(model, explained, bounds)
        score = class_score(logits.detach(), position.targets)
        stopped = score < position.stop
        last = step == settings.iterations
        proposal = position.mask if last else _step(game, position, explained, logits, settings.lr)
        done = stopped | (proposal == position.mask).flatten(1).all(dim=1)
        success = torch.where(position.stop.isinf(), game.succeeded(logits.detach(), position.targets), stopped)
        outcome.score[active], outcome.iterations[active] = score, step
        outcome.converged[active] = success
        outcome.mask[active[done]] = position.mask[done]
        if on_step is not None:
            on_step(step, outcome.score)
        if done.all():
            break
        position = replace(position, mask=proposal)
        if done.any():
            active, position = active[~done], position.rows(~done)
            bounds = None if bounds is None else bounds.rows(~done)
    return outcome


def _step(game: Game, position: Position, explained: Tensor, logits: Tensor, lr: float) -> Tensor:
    similarity = game.similarity(logits, position.targets).sum()
    (signal,) = torch.autograd.grad(similarity, explained)
    gradient = signal * (position.images - position.references)
    gradient += game.sparsity_sign * position.lam[:, None, None, None]
    peak = gradient.abs().amax(dim=(1, 2, 3), keepdim=True)
    step = gradient / torch.where(peak > 0, peak, 1)
    return (position.mask - lr * step).clamp_(0, 1)


def _blank(position: Position) -> Outcome:
    count, device = len(position), position.mask.device
    return Outcome(
        mask=position.mask.clone(),
        score=position.mask.new_zeros(count),
        iterations=torch.zeros(count, dtype=torch.long, device=device),
        converged=torch.zeros(count, dtype=torch.bool, device=device),
    )
