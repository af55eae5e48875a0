"""The optimisation games of FGVis: `game` (objectives), `references`, `defence`, `engine` (steps), `line_search`."""

from retina_xai.games.engine import Outcome, Settings, play
from retina_xai.games.game import GAMES, Game
from retina_xai.games.line_search import LAMBDAS, line_search
from retina_xai.games.position import Position
from retina_xai.games.references import REFERENCES, Blur, GaussianNoise, Reference, Zero

__all__ = [
    "GAMES",
    "LAMBDAS",
    "REFERENCES",
    "Blur",
    "Game",
    "GaussianNoise",
    "Outcome",
    "Position",
    "Reference",
    "Settings",
    "Zero",
    "line_search",
    "play",
]
