"""Games on any classifier, for the page of ImageNet games: one photograph, one class, with and without the defence."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from retina_xai.app.viewer.jobs import Job
from retina_xai.evaluation.explanation_sheet import tiles_of
from retina_xai.evaluation.plots import Tile
from retina_xai.explainers.explainer import Explainer, Plan
from retina_xai.explainers.registry import explainer_named
from retina_xai.games.line_search import LAMBDAS
from retina_xai.models.network import Network

DEFENCES = {"with the defence": (True,), "without": (False,), "both": (True, False)}
LAMBDA_SEARCH = "line search"


@dataclass(frozen=True)
class GameComparison:
    """Settings of the games; `lam` None searches the paper's 13 values; `target` None is the most likely class.

    A game with one lambda has the settings for photographs of its method, the search those of the paper.
    """

    game: str = "deletion"
    lam: float | None = None
    lr: float = 0.1
    iterations: int = 100
    target: int | None = None
    defences: tuple[bool, ...] = (True, False)

    def explainer(self, defended: bool) -> Explainer:
        """The method of one game.

        Raises:
            UsageError: settings that the game refuses.
        """
        method = explainer_named("fgvis" if defended else "fgvis-undefended")
        if self.lam is None:
            return method.factory(game=self.game, lam=LAMBDAS, lr=self.lr, iterations=self.iterations)
        return method.for_photographs(self.game, lam=self.lam, lr=self.lr, iterations=self.iterations)

    def plan(self) -> Plan:
        """Upper bounds of the work of all games."""
        plans = [self.explainer(defended).plan() for defended in self.defences]
        return Plan(sum(plan.games for plan in plans), max(plan.steps for plan in plans))


@dataclass(frozen=True, eq=False)
class PlayedGame:
    """The result of one game: labelled pictures, and its score at every step as (game, step, score)."""

    defended: bool
    tiles: Sequence[Tile]
    curve: Sequence[tuple[int, int, float]] = field(default_factory=tuple)
    target: int = 0
    converged: bool = True
    lam: float = 0.0


def play_games(image: Tensor, network: Network, comparison: GameComparison, job: Job) -> list[PlayedGame]:
    """Play a game on an image (1, 3, size, size) for each of the defences.

    Raises:
        UsageError: settings that the game refuses.
    """
    return [_play(image, network, comparison, defended, job) for defended in comparison.defences]


def _play(image: Tensor, network: Network, comparison: GameComparison, defended: bool, job: Job) -> PlayedGame:
    begun = len(job.progress)
    result = comparison.explainer(defended)(network.model, image, comparison.target, on_step=job.on_step)
    first = job.progress[begun][0] if len(job.progress) > begun else 0
    curve = tuple((game - first, step, score) for game, step, score in job.progress[begun:])
    return PlayedGame(
        defended,
        list(tiles_of(network, image, result).values()),
        curve,
        int(result.target),
        bool(result.converged),
        float(result.lam),
    )
