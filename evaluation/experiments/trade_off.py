"""What does a defence cost, and what does it gain? Classes that are present against classes that are absent.

The generation game is played on every photograph toward its most likely class, which is present, and toward three
classes that are absent: the least likely one, a random one of the ranks 2 to 10, and a random one of the ranks 11 to
50; and on a black image toward random classes other than the one that the network sees in it. All games have the same
budget of steps and end when their class is the most likely one (see `reach`). Similar classes are harder to keep out
than the least likely one, and a class of rank 2 can be present indeed, so that a rate above 0 is no fault there.

The deletion game is played besides, against the most likely class: a defence should let it remove the class, too.

A configuration is a text "defence:scale:slack", with the names of `FGVis`. Slack does nothing for "none". The figure
has one curve for each: the share of present classes over the share of absent classes that are reached within the same
number of steps, from 0 to the budget. A curve at the upper left is best. The area under such a curve, continued to
(1, 1), is the *separation*: the probability that a present class needs fewer steps than an absent one; a class that is
not reached needs more than all others, and equal numbers count half. It is 0.5 for a defence that tells nothing.

Recorded besides, per photograph and network: the share of units whose bounds exclude the reference (`games.exclusion`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.experiments.black_image import black, targets
from retina_xai.evaluation.experiments.reach import Reach, class_of_start, plain_games, rate, reach_each
from retina_xai.evaluation.plots import TradeOffCurve, trade_offs
from retina_xai.evaluation.tables import mean_of, named, number, percent, rate_cell
from retina_xai.games.defence import DEFENCES
from retina_xai.games.exclusion import exclusion
from retina_xai.metrics.classification import auroc, auroc_interval
from retina_xai.models.network import Network

PRESENT, LEAST, BLACK, REMOVED = "present", "least", "black", "removed"
RANKS = {"2-10": (2, 10), "11-50": (11, 50)}
"""Ranks of which an absent class is drawn."""

GROUPS = {
    PRESENT: "most likely class",
    LEAST: "least likely class",
    **{name: f"class of rank {name}" for name in RANKS},
    BLACK: "black image",
}
"""The generation games."""

ABSENT = tuple(group for group in GROUPS if group != PRESENT)
STEPS = {PRESENT: "steps to the most likely class", REMOVED: "steps to remove it"}
CONFIGURATIONS = (
    *(f"fgvis:{steps}" for steps in ("max:1e-5", "q99:1e-5", "max:1e-2", "max:1e-1")),
    *(f"reference:{steps}" for steps in ("max:1e-5", "q99:1e-5")),
    "one-sided:q99:1e-5",
    "none:q99:1e-5",
)


@dataclass(frozen=True)
class Configuration:
    """A defence with the scale of its steps and the slack of its bounds; `text` is how it was given."""

    text: str
    defence: str
    scale: str
    slack: float

    @classmethod
    def of(cls, text: str) -> "Configuration":
        """Read "defence:scale:slack".

        Raises:
            UsageError: another form, an unknown defence, or a slack that is no number.
        """
        defence, *rest = text.split(":")
        try:
            scale, slack = rest[0], float(rest[1])
        except (IndexError, ValueError) as error:
            raise UsageError(f"configuration {text!r}: give defence:scale:slack, such as fgvis:max:1e-5") from error
        if defence not in DEFENCES or len(rest) > 2:
            raise UsageError(f"configuration {text!r}: give a defence of {', '.join(DEFENCES)}, a scale and a slack")
        return cls(text, defence, scale, slack)


@dataclass(frozen=True)
class TradeOff(Experiment):
    """Rates of present and absent classes for several configurations.

    Args:
        configurations: texts "defence:scale:slack", at least one, each once.
        iterations: the budget of steps of every game.
        judged_every: steps between two looks at whether a class is reached.
        lr, lam, strict_steps: as in `FGVis`.
        black_classes: number of classes that are drawn for the black image; 0 leaves it out.

    Raises:
        UsageError: settings out of these ranges.
    """

    name: ClassVar[str] = "trade-off"
    title: ClassVar[str] = "Trade-off of the defence: absent classes against present classes"
    several_networks: ClassVar[bool] = True
    configurations: tuple[str, ...] = CONFIGURATIONS
    iterations: int = 40
    judged_every: int = 1
    lr: float = 0.1
    lam: float = 1e-10
    strict_steps: int = 40
    black_classes: int = 20

    def __post_init__(self) -> None:
        if not self.configurations or len(set(self.configurations)) < len(self.configurations):
            raise UsageError(f"configurations {', '.join(self.configurations) or 'none given'}: give each once")
        if self.black_classes < 0:
            raise UsageError(f"black_classes {self.black_classes}: give 0 or more")
        for configuration in self.parsed:
            self.reach_settings(configuration, 0)

    @property
    def parsed(self) -> tuple[Configuration, ...]:
        """The configurations."""
        return tuple(map(Configuration.of, self.configurations))

    def reach_settings(self, configuration: Configuration, seed: int) -> Reach:
        """The settings of the games under a configuration, with the seed of their start."""
        rules = Reach(self.lr, self.lam, self.iterations, self.judged_every, seed, strict_steps=self.strict_steps)
        return replace(rules, scale=configuration.scale, slack=configuration.slack)

    def cases(self, subject: Subject) -> list[ExperimentCase]:
        """The chosen photographs, and the black image."""
        photographs = subject.photographs()
        dark = [ExperimentCase("black image", "black image", -1)] if self.black_classes else []
        return [*photographs, *dark]

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """All games of one photograph, or of the black image, on every network."""
        play = self._on_black if case.path is None else self._on_photograph
        return Measurement(
            {"case": case.name, **{network.name: play(network, subject, case) for network in subject.networks}}
        )

    def _on_photograph(self, network: Network, subject: Subject, case: ExperimentCase) -> dict[str, Any]:
        image = network.input_of(case.photograph())
        start = class_of_start(network, image, subject.seed)
        seed = (case.seed + subject.seed) % 2**32
        aims = {group: index for group, index in aimed_at(network.logits(image)[0], seed).items() if index != start}
        classes = torch.tensor(list(aims.values()), dtype=torch.long, device=network.device)
        shut_out = exclusion(network.model, image, torch.zeros_like(image))
        top = network.logits(image).argmax(dim=1)
        return {
            "excluded": float(shut_out.of_units[0]),
            "excluded_layers": float(shut_out.of_layers[0]),
            "games": [
                *self._games(network, image, subject.seed, [*aims], classes),
                *self._games(network, image, subject.seed, [REMOVED], top, "deletion"),
            ],
        }

    def _on_black(self, network: Network, subject: Subject, case: ExperimentCase) -> dict[str, Any]:
        classes = np.random.default_rng(subject.seed).permutation(targets(network, subject.seed))[: self.black_classes]
        image = black(network)
        chosen = torch.tensor(classes.tolist(), dtype=torch.long, device=network.device)
        return {"games": self._games(network, image, subject.seed, [BLACK] * len(chosen), chosen)}

    def _games(
        self,
        network: Network,
        image: Tensor,
        seed: int,
        groups: Sequence[str],
        classes: Tensor,
        game: str = "generation",
    ) -> list[dict[str, Any]]:
        rows = []
        for one in self.parsed:
            settings = replace(self.reach_settings(one, seed), game=game)
            played = plain_games(reach_each(network, image, classes, settings, one.defence))
            for group, index, result in zip(groups, classes.tolist(), played, strict=True):
                rows.append({"configuration": one.text, "group": group, "index": index, **result})
        return rows

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """The rate of each group of classes under each configuration."""
        games = all_games(subject, records)
        photographs = [record for record in records if "excluded" in record[subject.networks[0].name]]
        figures: dict[str, float] = {"n": len(photographs)}
        rows = {}
        for network in subject.networks:
            for share in ("excluded", "excluded_layers"):
                figures[f"{network.name}.{share}"] = mean_of([one[network.name][share] for one in photographs])
            for text in self.configurations:
                rows[network.name, text] = self._row(network.name, text, games, figures)
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(["network", "defence:scale:slack"])
        picture = trade_offs(self._panels(subject, games), "absent class reached", "present class reached")
        frames = {"games": pd.DataFrame(games)}
        return Findings(figures, table, self._caption(subject, figures), {"trade-off": picture}, frames)

    def _row(
        self, network: str, text: str, games: Sequence[Mapping[str, Any]], figures: dict[str, float]
    ) -> dict[str, str]:
        """The row of the table for a configuration; its rates are added to `figures`."""
        own = [game for game in games if (game["network"], game["configuration"]) == (network, text)]
        cells = {}
        for group, head in {**GROUPS, REMOVED: "most likely class removed"}.items():
            name = f"{network}.{text}.{group}"
            figures |= named(name, rate([game for game in own if game["group"] == group]))
            cells[head] = rate_cell(figures, name)
        for group, head in STEPS.items():
            cells[head] = number(figures[f"{network}.{text}.{group}.median_steps"], 0)
        for group in (LEAST, *RANKS):
            name = f"{network}.{text}.{group}.separation"
            figures |= named(name, self.separation([game for game in own if game["group"] in (PRESENT, group)]))
            cells[f"separation, {GROUPS[group]}"] = number(
                figures[name], 2, figures[f"{name}.low"], figures[f"{name}.high"]
            )
        return cells

    def separation(self, games: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """How well the steps tell the present from the absent classes of these games, with the 95 % bootstrap interval
        over photographs; NaN where one kind is missing.
        """
        present = np.array([game["group"] == PRESENT for game in games], dtype=np.int64)
        speed = -np.array([self._steps(game) for game in games], dtype=np.float64)
        interval = auroc_interval(present, speed, np.array([game["case"] for game in games]))
        return {"": auroc(present, speed), "low": interval.low, "high": interval.high}

    def _steps(self, game: Mapping[str, Any]) -> int:
        """Steps until the class was reached; one more than the budget if it was not."""
        return int(game["steps"]) if game["reached"] else self.iterations + 1

    def _within(self, games: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """The share of games whose class is reached within 0, 1, ... steps, (iterations + 1,); NaN without games."""
        steps = np.array([self._steps(game) for game in games])
        budgets = np.arange(self.iterations + 1)
        return (steps[:, None] <= budgets).mean(axis=0) if len(games) else np.full(len(budgets), np.nan)

    def _panels(self, subject: Subject, games: Sequence[Mapping[str, Any]]) -> dict[str, list[TradeOffCurve]]:
        """The curves of each network and group of absent classes, one per configuration, by budget."""
        panels: dict[str, list[TradeOffCurve]] = {}
        for network in subject.networks:
            for text in self.configurations:
                own = [game for game in games if (game["network"], game["configuration"]) == (network.name, text)]
                within = {group: self._within([game for game in own if game["group"] == group]) for group in GROUPS}
                for group in ABSENT:
                    curve = TradeOffCurve(text, within[group], within[PRESENT])
                    panels.setdefault(f"{network.name}: {GROUPS[group]}", []).append(curve)
        return panels

    def _caption(self, subject: Subject, figures: Mapping[str, float]) -> str:
        shares = ", ".join(
            f"{network.name} {percent(figures[f'{network.name}.excluded'])} of the units, "
            f"{percent(figures[f'{network.name}.excluded_layers'])} on average over the layers"
            for network in subject.networks
        )
        return (
            f"{figures['n']:.0f} photographs and the black image with {self.black_classes} classes, {self.iterations} "
            "steps for every game: share of games after which the class is the most likely one (deletion: no longer; "
            "95 % Wilson interval), the median number of steps of those that reach or remove the most likely class "
            "of the photograph, and the probability that the most likely class needs fewer steps than the absent one "
            "(separation, 95 % bootstrap interval over photographs). The figure shows both rates within the same "
            f"number of steps, from 0 to {self.iterations}; the marker is the last. Generation games that start with "
            f"their class are left out. Units whose bounds exclude the reference, mean over the photographs: {shares}."
        )


def all_games(subject: Subject, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every game of every record and network, with the name of its network, as one flat list."""
    return [
        {"network": network.name, "case": record["case"], **game}
        for network in subject.networks
        for record in records
        for game in record[network.name]["games"]
    ]


def aimed_at(logits: Tensor, seed: int) -> dict[str, int]:
    """The classes of the games on a photograph by their group, from its logits (K,); groups that K does not fill are
    left out.
    """
    order = logits.argsort(descending=True).tolist()
    rng = np.random.default_rng(seed)
    drawn = {}
    for name, (first, last) in RANKS.items():
        candidates = order[first - 1 : min(last, len(order) - 1)]
        if candidates:
            drawn[name] = int(rng.choice(candidates))
    return {PRESENT: order[0], LEAST: order[-1], **drawn}
