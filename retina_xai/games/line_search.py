"""Line search over lambda (FGVis supplement A2): the largest lambda whose game succeeds gives the sparsest explanation.

Thirteen logarithmically spaced values, largest first. An image takes the first lambda that succeeds and leaves the
batch. If none succeeds, it keeps the mask of the smallest lambda and is marked as not converged.
"""

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor, nn

from retina_xai.games.defence import Recorded
from retina_xai.games.engine import OnStep, Outcome, Settings, play
from retina_xai.games.game import Game
from retina_xai.games.position import Position

LAMBDAS: tuple[float, ...] = tuple(10 ** (-4 - index / 2) for index in range(13))
"""The paper's values: 1e-4, 10^-4.5, ..., 1e-10."""


def line_search(
    model: nn.Module,
    game: Game,
    position: Position,
    bounds: Recorded | None,
    settings: Settings,
    lams: Sequence[float],
    on_step: OnStep | None = None,
) -> tuple[Outcome, Tensor]:
    """Play with each lambda in turn, largest first; every image keeps the first that succeeds.

    The arguments are those of `engine.play`.

    Returns:
        The outcome of all images, and the lambda of each, (N,).

    Raises:
        ValueError: no lambda.
    """
    chosen = position.lam.clone()
    best: Outcome | None = None
    searching = torch.ones(len(position), dtype=torch.bool, device=position.mask.device)
    for lam in sorted(lams, reverse=True):
        current = position.rows(searching).with_lam(lam)
        current_bounds = None if bounds is None else bounds.rows(searching)
        outcome = play(model, game, current, current_bounds, settings, on_step)
        best = outcome if best is None else _overwrite(best, searching, outcome)
        chosen[searching] = lam
        searching = ~best.converged
        if not searching.any():
            break
    if best is None:
        raise ValueError("line_search needs at least one lambda")
    return best, chosen


def _overwrite(best: Outcome, rows: Tensor, outcome: Outcome) -> Outcome:
    for field in fields(Outcome):
        getattr(best, field.name)[rows] = getattr(outcome, field.name)
    return best
