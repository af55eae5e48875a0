"""Can the game invent evidence in a black image? (FGVis table A1)

The generation game is played on a black image (pixel value 0, normalised) with lambda 0 toward every class, except the
most likely class of the black image and that of the start of the game. Whatever it shows is invented. Published: 100 %
of the classes are reached without the defence, 0.0 to 0.1 % with it. Other defences are measured where they are named.

A limit draws that many classes by the seed. They are measured in pieces; another limit makes other pieces and needs
another folder. On a CPU the games are played one by one, so that a result depends on its class alone; on an accelerator
`batch` games are played together. `reach` describes when a game ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from retina_xai.evaluation.experiments.adversarial_evidence import rates_table, with_published
from retina_xai.evaluation.experiments.base import ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.experiments.reach import GENERATION, ReachExperiment, plain_games, rate, reach_each
from retina_xai.evaluation.plots import Tile, sheet
from retina_xai.evaluation.tables import named
from retina_xai.games.engine import Outcome
from retina_xai.models.network import Network

PUBLISHED = {"all four networks, at most": 0.001}
AIMS = {"absent": "other classes"}
CAPTION = (
    "Share of generation games after which the class is the most likely one (95 % Wilson interval), and the median "
    "number of steps of these games. No class should be reached: a black image shows none. How often the same defence "
    "reaches a class that is present is in the table of `adversarial-evidence`. Published figures are those of the "
    "paper, for its networks."
)


@dataclass(frozen=True)
class BlackImage(ReachExperiment):
    """Table A1; a case is a piece of `batch` classes, and the first `shown` pieces get a picture."""

    name: ClassVar[str] = "black-image"
    title: ClassVar[str] = "Black image: every class (table A1)"
    lam: float = 0.0
    batch: int = 10
    shown: int = 1

    def cases(self, subject: Subject) -> list[ExperimentCase]:
        """The target classes, in pieces."""
        network = subject.network
        classes = targets(network, subject.seed)
        wanted = [classes[index] for index in subject.chosen(len(classes))]
        pieces = [wanted[first : first + self.batch] for first in range(0, len(wanted), self.batch)]
        return [
            ExperimentCase(f"classes {piece[0]}-{piece[-1]}", " ".join(map(str, piece)), number)
            for number, piece in enumerate(pieces)
        ]

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """The games of all defences of a piece of classes."""
        network = subject.network
        classes = torch.tensor([int(word) for word in case.identity.split()], device=network.device)
        settings = self.reach_settings(subject.seed)
        games = {key: reach_each(network, black(network), classes, settings, key) for key in self.defences}
        plain = {key: plain_games(played) for key, played in games.items()}
        rows = [
            {"class": network.classes[int(index)], "index": int(index)} | {key: plain[key][row] for key in plain}
            for row, index in enumerate(classes)
        ]
        pictures = {"evidence": _picture(network, classes, games)} if case.number < self.shown else {}
        return Measurement({"classes": rows}, pictures)

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Shares of classes that were reached."""
        network = subject.network
        rows = [row for record in records for row in record["classes"]]
        figures: dict[str, float] = {"n": len(rows)}
        for key in self.defences:
            figures |= named(f"{key}.absent", rate([row[key] for row in rows]))
        note = (
            f"{len(rows)} classes of {len(network.classes)}, black image, lambda {self.lam:g}, {self.iterations} steps"
        )
        table = with_published(rates_table(network.name, figures, self.defences, AIMS), PUBLISHED)
        return Findings(figures, table, f"{note}. {CAPTION}")


def black(network: Network) -> Tensor:
    """The black image (1, 3, size, size), normalised: -mean / std in each channel."""
    rules = network.preprocessing
    return rules.to_tensor(np.zeros((rules.size, rules.size, 3), np.uint8))[None].to(network.device)


def targets(network: Network, seed: int) -> list[int]:
    """All classes except the most likely ones of the black image and of the start of the game."""
    image = black(network)
    start = GENERATION.start_mask(image.shape, seed, image) * image
    seen = {int(network.logits(picture).argmax()) for picture in (image, start)}
    return [index for index in range(len(network.classes)) if index not in seen]


def _picture(network: Network, classes: Tensor, games: Mapping[str, Outcome]) -> Any:
    rows = []
    for game in games.values():
        explained = game.mask * black(network)
        seen = [network.classes[int(index)] for index in network.logits(explained).argmax(dim=1)]
        pixels = [network.preprocessing.to_pixels(image) for image in explained]
        aims = [network.classes[int(index)] for index in classes]
        rows.append([Tile(*one) for one in zip(pixels, map("aim: {}\nseen: {}".format, aims, seen), strict=True)])
    return sheet(rows, list(games))
