"""How stable is the map of a game, and what do several starts gain? (ours)

Every photograph is explained for its most likely class by FGVis with each number of start masks, and again with other
seeds, in a batch, and with a little noise on the input (`metrics.stability`). The figures are means over the
photographs with their 95 % bootstrap intervals, and the cost: the steps of all games of one explanation.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.plots import bars
from retina_xai.evaluation.tables import mean_of, named, number
from retina_xai.explainers.fgvis import FGVis
from retina_xai.metrics.intervals import bootstrap
from retina_xai.metrics.stability import StabilitySettings, stability

GAME = FGVis(lam=1e-8, iterations=100)
VARIED = {"seed": "another start", "batch": "in a batch", "noise": "noise on the input"}
MEASURES = {"correlation": "rank correlation", "overlap": "overlap of the top"}
COST = {"score": "score after", "converged": "goal reached", "steps": "steps"}


@dataclass(frozen=True)
class StabilityOfMaps(Experiment):
    """Stability of FGVis for several numbers of start masks.

    Args:
        game: the settings of FGVis; its `starts` and `seed` are not used.
        starts: numbers of start masks, at least one, each once.
        compared: number of other seeds; 0 skips the comparison of seeds.
        batch, noise, fraction: see `StabilitySettings`.
        resamples: of the bootstrap.

    Raises:
        UsageError: no number of starts, or settings that FGVis or the comparison refuses.
    """

    name: ClassVar[str] = "stability"
    title: ClassVar[str] = "Stability of the map over starts, batches and noise"
    game: FGVis = GAME
    starts: tuple[int, ...] = (1, 3, 5)
    compared: int = 2
    batch: int = 4
    noise: float = 1e-6
    fraction: float = 0.05
    resamples: int = 10000

    def __post_init__(self) -> None:
        if not self.starts or len(set(self.starts)) < len(self.starts) or self.compared < 0 or self.resamples < 1:
            raise UsageError(
                f"starts {self.starts}, compared {self.compared}, resamples {self.resamples}: give each number once, "
                "at least 0 seeds and at least 1 resample"
            )
        self.comparison(0)
        for count in self.starts:
            replace(self.game, starts=count)

    def settings(self) -> dict[str, Any]:
        """All settings, with those of the game as FGVis lists them."""
        game = {key: value for key, value in self.game.settings().items() if key not in ("starts", "seed")}
        return {**super().settings(), "game": game}

    def comparison(self, seed: int) -> StabilitySettings:
        """The settings of the comparison, with the seed of the noise."""
        return StabilitySettings(tuple(range(1, self.compared + 1)), self.batch, self.noise, self.fraction, seed)

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """The stability and the cost of every number of starts on one photograph."""
        network = subject.network
        image = network.input_of(case.photograph())
        target = int(network.logits(image).argmax())
        seed = (case.seed + subject.seed) % 2**31
        record: dict[str, Any] = {"class": network.classes[target]}
        for count in self.starts:
            explain = replace(self.game, starts=count, seed=seed)
            found = explain(network.model, image, target)
            record[str(count)] = {
                **stability(network.model, image[0], found, explain, self.comparison(seed)).to_dict(),
                "score": float(found.score_after),
                "converged": bool(found.converged),
                "steps": int(found.iterations),
            }
        return Measurement(record)

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Means over the photographs."""
        figures: dict[str, float] = {"n": len(records)}
        rows, means = {}, {}
        for count in self.starts:
            cells, label = {}, f"{count} start{'s' if count > 1 else ''}"
            for key, head in self._columns().items():
                part = self._figure([record[str(count)][key] for record in records], subject.seed)
                figures |= named(f"{count}.{key}", part)
                cells[head] = number(part[""], 3, part["low"], part["high"])
            rows[label] = cells
            means[label] = [figures[f"{count}.{key}"] for key in self._columns() if key not in COST]
        caption = (
            f"{subject.network.name}, {len(records)} photographs, {self.game.game} game, defence {self.game.defence}: "
            f"Spearman's rank correlation and overlap of the top {100 * self.fraction:g} % of the pixels with the "
            f"first map, for {self.compared} other seeds, a batch of {self.batch} and noise of {self.noise:g}; 1 is "
            "best. Score after, goal and steps are those of one explanation; with several starts the mean mask is "
            "judged, and the steps are summed over its games. Means, with 95 % bootstrap intervals."
        )
        heads = [head for key, head in self._columns().items() if key not in COST]
        picture = bars(means, heads, "agreement with the first map", "Stability")
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("starts")
        return Findings(figures, table, caption, {"stability": picture})

    def _columns(self) -> dict[str, str]:
        """The measured values by their key, with their heads."""
        agreements = {
            f"{varied}_{measure}": f"{head}: {text}"
            for varied, head in VARIED.items()
            for measure, text in MEASURES.items()
            if varied != "seed" or self.compared
        }
        return {**agreements, **COST}

    def _figure(self, values: Sequence[float | None], seed: int) -> dict[str, float]:
        """Mean, interval and count of the defined values."""
        defined = np.array([float(value) for value in values if value is not None])
        parts = {"": mean_of(values), "n": float(len(defined)), "low": math.nan, "high": math.nan}
        if len(defined):
            interval = bootstrap(lambda drawn: float(defined[drawn].mean()), len(defined), self.resamples, seed)
            parts |= {"low": interval.low, "high": interval.high}
        return parts
