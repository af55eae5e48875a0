"""Games, networks, learning rates and lambdas side by side (FGVis figures A2 and A10 to A15).

Each photograph has one picture with a row for each combination of network, game, learning rate and lambda. A row shows
the mask m, the complementary mask 1 - m, the explanation m x + (1 - m) r, and the evidence of each pixel (yellow is the
maximum). A second picture leaves out everything that shows the photograph. Without given lambdas, the line search
chooses one for each row. In figures A14 and A15 preservation and generation look alike, and so do deletion and
repression, which are sparser. The figures here measure this: the mean evidence of every row, and the correlation of the
evidence of each pair of games of the same network, learning rate and lambda.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.explanation_sheet import tiles_of
from retina_xai.evaluation.plots import sheet
from retina_xai.evaluation.tables import mean_of, number, percent
from retina_xai.explainers.explainer import Explanation
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games.game import GAMES
from retina_xai.games.line_search import LAMBDAS
from retina_xai.models.network import Network

SEARCH = "search"
MASKS = ("mask", "complement", "evidence")
"""Columns that do not show the photograph."""


@dataclass(frozen=True)
class Gallery(Experiment):
    """The pictures; an empty `lam` means the line search over the paper's 13 values."""

    name: ClassVar[str] = "gallery"
    several_networks: ClassVar[bool] = True
    title: ClassVar[str] = "Games, networks, learning rates and lambdas (figures A2, A10 to A15)"
    game: tuple[str, ...] = tuple(GAMES)
    lr: tuple[float, ...] = (0.1,)
    lam: tuple[float, ...] = ()
    iterations: int = 500

    def __post_init__(self) -> None:
        for game, lr, lam in product(self.game, self.lr, self.lam or LAMBDAS):
            FGVis(game=game, lam=lam, lr=lr, iterations=self.iterations)

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """All games on one photograph, and its pictures."""
        photograph = case.photograph()
        rows, tiles, maps = {}, {}, {}
        for network in subject.networks:
            image = network.input_of(photograph)
            for key, explain in self._games(network.name, subject.seed):
                result = explain(network.model, image)
                rows[key], maps[key] = _row(network, result), result.evidence[0].cpu().double().numpy().ravel()
                tiles[key] = tiles_of(network, image, result)
        heads = [key.replace(" ", "\n") for key in tiles]
        pictures = {
            "gallery": sheet([list(row.values()) for row in tiles.values()], heads, case.name),
            "masks": sheet([[row[name] for name in MASKS] for row in tiles.values()], heads, case.name),
        }
        return Measurement({"games": rows, "alike": _correlations(maps)}, pictures)

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Means over the photographs."""
        figures: dict[str, float] = {"n": len(records)}
        rows: dict[str, dict[str, str]] = {}
        for key in records[0]["games"]:
            games = [record["games"][key] for record in records]
            converged, evidence, after = (
                float(np.mean([game[name] for game in games])) for name in ("converged", "evidence", "after")
            )
            figures |= {f"{key}.converged": converged, f"{key}.evidence": evidence, f"{key}.score_after": after}
            rows[key] = {"converged": percent(converged), "evidence": number(evidence), "score after": number(after)}
        for pair in records[0]["alike"]:
            figures[f"correlation.{pair}"] = mean_of([record["alike"][pair] for record in records])
            rows[pair] = {"correlation": number(figures[f"correlation.{pair}"], 2)}
        caption = (
            f"{len(records)} photographs. Converged: share of games that reached their goal; evidence: its mean over "
            "all pixels; score after: mean softmax score of the class for the explanation; correlation: of the "
            "evidence of two games, Pearson's, mean over the photographs. Published: pictures only."
        )
        table = pd.DataFrame.from_dict(rows, orient="index").fillna("").rename_axis("game")
        return Findings(figures, table, caption)

    def _games(self, network: str, seed: int) -> Iterator[tuple[str, FGVis]]:
        chosen: dict[str, float | tuple[float, ...]] = {f"{lam:g}": lam for lam in self.lam} or {SEARCH: LAMBDAS}
        for game, lr, (said, values) in product(self.game, self.lr, chosen.items()):
            key = f"{network} {game} lr={lr:g} lambda={said}"
            yield key, FGVis(game=game, lam=values, lr=lr, iterations=self.iterations, seed=seed)


def _row(network: Network, result: Explanation) -> dict[str, Any]:
    return {
        "class": network.classes[int(result.target)],
        "before": float(result.score_before),
        "after": float(result.score_after),
        "lambda": float(result.lam),
        "iterations": int(result.iterations),
        "converged": bool(result.converged),
        "evidence": float(result.evidence.mean()),
    }


def _correlations(maps: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Pearson correlation of the evidence of each pair of rows that differ only in the game; NaN for a constant map."""
    found = {}
    for (first, one), (second, other) in combinations(maps.items(), 2):
        words, others = first.split(" "), second.split(" ")
        if [words[0], *words[2:]] == [others[0], *others[2:]]:
            both_vary = min(one.std(), other.std()) > 0
            name = f"{words[0]} {words[1]}-{others[1]} {' '.join(words[2:])}"
            found[name] = float(np.corrcoef(one, other)[0, 1]) if both_vary else float("nan")
    return found
