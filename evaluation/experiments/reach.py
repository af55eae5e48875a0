"""Which classes does a game reach, under which defence? Common to the experiments that ask this.

A game reaches its goal if the class becomes the most likely one (generation) or is no longer the most likely one
(deletion). It ends then, which is looked at after every `judged_every` steps. A class that was reached and would be
lost again counts as reached; this can only raise a rate. A generation game whose start shows the class already reaches
nothing by itself; such games are left out.

A rate says little without the other one: a defence that stops every game keeps every absent class out, and every class
that is present too. So both are reported, with the same number of steps.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Experiment
from retina_xai.evaluation.tables import share_of
from retina_xai.games.defence import DEFENCES, SLACK
from retina_xai.games.engine import SCALES, Outcome, Settings, play
from retina_xai.games.game import GAMES
from retina_xai.games.position import Position
from retina_xai.models.folding import folded
from retina_xai.models.network import Network
from retina_xai.models.scored_model import scored
from retina_xai.models.throughput import batch_for

GENERATION = GAMES["generation"]


@dataclass(frozen=True)
class Reach:
    """Settings of the game: step, weight of the mask's sum, maximum of steps, steps between looks, seed of the start,
    and, as in `FGVis`, scale of a step, strict steps, slack and game.

    Raises:
        UsageError: a value outside of its range.
    """

    lr: float = 0.1
    lam: float = 1e-10
    iterations: int = 100
    judged_every: int = 10
    seed: int = 0
    scale: str = "max"
    strict_steps: int = 40
    slack: float = SLACK
    game: str = GENERATION.name

    def __post_init__(self) -> None:
        finite = 0 < self.lr < float("inf") and 0 <= self.lam < float("inf")
        if not finite or self.iterations < 1 or self.judged_every < 1:
            raise UsageError(
                f"lr {self.lr}, lam {self.lam}, iterations {self.iterations}, judged_every {self.judged_every}: "
                "give a positive rate, a weight of at least 0 and at least 1 step"
            )
        if self.scale not in SCALES or self.strict_steps < 0 or not 0 <= self.slack < float("inf"):
            raise UsageError(
                f"scale {self.scale!r}, strict_steps {self.strict_steps}, slack {self.slack}: "
                f"give {' or '.join(SCALES)}, at least 0 steps and a share of at least 0"
            )


def reach(model: nn.Module, images: Tensor, targets: Tensor, settings: Reach, defence: str) -> Outcome:
    """Play on images (N, C, H, W) with targets (N,) until each game reaches its goal.

    The mean colour is the reference. `defence` is a key of `games.defence.DEFENCES`.
    """
    with scored(model) as network:
        return _play(folded(network, images[:1]), images, targets, settings, defence)


def reach_each(network: Network, image: Tensor, targets: Tensor, settings: Reach, defence: str) -> Outcome:
    """Play on one image (1, C, H, W) toward each of the targets (N,).

    On a CPU the games are played one by one, so that a result depends on its class alone.
    """
    size = batch_for(targets, 1 if network.device.type == "cpu" else len(targets))
    with scored(network.model) as classifier:
        faster = folded(classifier, image)
        parts = [
            _play(faster, image.repeat(len(part), 1, 1, 1), part, settings, defence)
            for part in torch.split(targets, size)
        ]
    return Outcome(*(torch.cat([getattr(part, name) for part in parts]) for name in Outcome.__dataclass_fields__))


def class_of_start(network: Network, image: Tensor, seed: int) -> int:
    """The most likely class of the start of the generation game on one image (1, C, H, W)."""
    return int(network.logits(GENERATION.start_mask(image.shape, seed, image) * image).argmax())


def plain_games(games: Outcome) -> list[dict[str, Any]]:
    """The results of N games as plain values for a record."""
    rows = zip(games.converged.tolist(), games.iterations.tolist(), games.score.tolist(), strict=True)
    return [{"reached": reached, "steps": steps, "score": score} for reached, steps, score in rows]


def rate(games: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Figures of games as `plain_games` lists them: share reached, its interval, number, median of the steps."""
    steps = [game["steps"] for game in games if game["reached"]]
    shares = share_of(len(steps), len(games))
    return {**shares, "n": len(games), "median_steps": statistics.median(steps) if steps else float("nan")}


@dataclass(frozen=True)
class ReachExperiment(Experiment):
    """An experiment that plays one kind of game under several defences; the defaults are those of the paper.

    Args:
        defences: keys of `games.defence.DEFENCES`, at least one, each once.
        lr, lam, iterations, judged_every, scale, slack, strict_steps: see `Reach`.

    Raises:
        UsageError: an unknown defence or none, or settings that `Reach` refuses.
    """

    lr: float = 0.1
    lam: float = 1e-10
    iterations: int = 100
    judged_every: int = 10
    defences: tuple[str, ...] = ("none", "fgvis")
    scale: str = "max"
    slack: float = SLACK
    strict_steps: int = 40

    def __post_init__(self) -> None:
        self.reach_settings(0)
        unknown = [key for key in self.defences if key not in DEFENCES]
        if unknown or not self.defences or len(set(self.defences)) < len(self.defences):
            raise UsageError(
                f"defences {', '.join(self.defences) or 'none given'}: give each once, of {', '.join(DEFENCES)}"
            )

    def reach_settings(self, seed: int) -> Reach:
        """The settings of the games, with the seed of their start."""
        return Reach(
            self.lr, self.lam, self.iterations, self.judged_every, seed, self.scale, self.strict_steps, self.slack
        )


def _play(model: nn.Module, images: Tensor, targets: Tensor, settings: Reach, defence: str) -> Outcome:
    """The games of `reach`, on a network in evaluation mode."""
    references = torch.zeros_like(images)
    bounds, _ = DEFENCES[defence].record(model, images, references, settings.strict_steps, settings.slack)
    game = GAMES[settings.game]
    start = game.start_mask(images.shape, settings.seed, images).expand_as(images)
    lam = torch.full((len(images),), settings.lam, device=images.device)
    position = Position(images, references, start, targets, lam, torch.full_like(lam, -torch.inf))
    rules = Settings(settings.lr, settings.iterations, settings.scale, settings.judged_every)
    return play(model, game, position, bounds, rules)
