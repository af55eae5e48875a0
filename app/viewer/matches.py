"""Games on any classifier for the researchers' page: one photograph, one class, with the defence and without."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from retina_xai.app.viewer.jobs import Job
from retina_xai.evaluation.explanation_sheet import tiles_of
from retina_xai.evaluation.plots import Tile
from retina_xai.explainers.explainer import Explainer, Plan
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games.line_search import LAMBDAS
from retina_xai.io.images import Photograph
from retina_xai.models.network import Network

DEFENCES = {"with the defence": (True,), "without": (False,), "both": (True, False)}
LAMBDA_SEARCH = "line search"


@dataclass(frozen=True)
class Match:
    """Settings of both sides; `lam` None searches the paper's 13 values; `target` None is the most likely class."""

    game: str = "deletion"
    lam: float | None = None
    lr: float = 0.1
    iterations: int = 100
    target: int | None = None
    defences: tuple[bool, ...] = (True, False)

    def explainer(self, defended: bool) -> Explainer:
        """The method of one side.

        Raises:
            UsageError: settings that the game refuses.
        """
        lam = LAMBDAS if self.lam is None else self.lam
        return FGVis(game=self.game, lam=lam, lr=self.lr, iterations=self.iterations, defended=defended)

    def plan(self) -> Plan:
        """Upper bounds of the work of all sides."""
        plans = [self.explainer(defended).plan() for defended in self.defences]
        return Plan(sum(plan.games for plan in plans), max(plan.steps for plan in plans))


@dataclass(frozen=True, eq=False)
class Side:
    """One game as it ended: labelled pictures, and its score at every step as (game, step, score)."""

    defended: bool
    tiles: Sequence[Tile]
    curve: Sequence[tuple[int, int, float]] = field(default_factory=tuple)
    target: int = 0
    converged: bool = True
    lam: float = 0.0


def play_match(photograph: Photograph, network: Network, match: Match, job: Job) -> list[Side]:
    """Play with each of the defences in turn.

    Raises:
        UsageError: settings that the game refuses.
    """
    image = network.input_of(photograph)
    return [_play(image, network, match, defended, job) for defended in match.defences]


def likely(photograph: Photograph, network: Network, count: int = 5) -> list[tuple[int, float]]:
    """The most likely classes of a photograph and their scores, highest first."""
    scores = network.scores(network.input_of(photograph))[0].cpu().numpy()
    return [(int(place), float(scores[place])) for place in np.argsort(-scores, kind="stable")[:count]]


def _play(image: Tensor, network: Network, match: Match, defended: bool, job: Job) -> Side:
    begun = len(job.progress)
    result = match.explainer(defended)(network.model, image, match.target, on_step=job.on_step)
    first = job.progress[begun][0] if len(job.progress) > begun else 0
    curve = tuple((game - first, step, score) for game, step, score in job.progress[begun:])
    return Side(
        defended,
        list(tiles_of(network, image, result).values()),
        curve,
        int(result.target),
        bool(result.converged),
        float(result.lam),
    )
