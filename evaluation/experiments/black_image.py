"""Can the game invent evidence in a black image? (FGVis table A1)

The generation game is played on a black image (pixel value 0, normalised) with lambda 0 toward every class, except the
most likely class of the black image and that of the start of the game. Whatever it shows is invented. Published: 100 %
of the classes are reached without the defence, 0.0 to 0.1 % with it.

A limit draws that many classes by the seed. They are measured in pieces; another limit makes other pieces and needs
another folder. On a CPU the games are played one by one, so that a result depends on its class alone; on an accelerator
`batch` games are played together. `adversarial_evidence` describes when a game ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from retina_xai.evaluation.experiments.adversarial_evidence import (
    CAPTION,
    GAME,
    SIDES,
    Reach,
    Reached,
    reach,
    reached_shares,
    side_table,
)
from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.plots import Tile, sheet
from retina_xai.models.network import Network
from retina_xai.models.throughput import batch_for

PUBLISHED = {"all four networks, at most": 0.001}


@dataclass(frozen=True)
class BlackImage(Experiment):
    """Table A1; a case is a piece of `batch` classes, and the first `shown` pieces get a picture."""

    name: ClassVar[str] = "black-image"
    title: ClassVar[str] = "Black image: every class, with and without the defence (table A1)"
    lr: float = 0.1
    lam: float = 0.0
    iterations: int = 100
    judged_every: int = 10
    batch: int = 10
    shown: int = 1

    def __post_init__(self) -> None:
        self._reach(0)

    def _reach(self, seed: int) -> Reach:
        return Reach(self.lr, self.lam, self.iterations, self.judged_every, seed)

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
        """Both games of a piece of classes."""
        network = subject.network
        classes = torch.tensor([int(word) for word in case.identity.split()], device=network.device)
        settings = self._reach(subject.seed)
        games = {side: _in_batches(network, classes, settings, defended) for side, defended in SIDES.items()}
        rows = [
            {"class": network.classes[int(index)], "index": int(index)}
            | {side: _plain(game, row) for side, game in games.items()}
            for row, index in enumerate(classes)
        ]
        pictures = {"evidence": _picture(network, classes, games)} if case.number < self.shown else {}
        return Measurement({"classes": rows}, pictures)

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Shares of classes that were reached."""
        network = subject.network
        figures = reached_shares([row for record in records for row in record["classes"]])
        note = f"{figures['n']} classes of {len(network.classes)}, black image, lambda {self.lam:g}"
        return Findings(figures, side_table(network.name, figures, PUBLISHED), f"{note}. {CAPTION}")


def black(network: Network) -> Tensor:
    """The black image (1, 3, size, size), normalised: -mean / std in each channel."""
    rules = network.preprocessing
    shade = -torch.tensor(rules.mean) / torch.tensor(rules.std)
    return shade[None, :, None, None].expand(1, -1, rules.size, rules.size).contiguous().to(network.device)


def targets(network: Network, seed: int) -> list[int]:
    """All classes except the most likely ones of the black image and of the start of the game."""
    image = black(network)
    start = GAME.start_mask(image.shape, seed, image) * image
    seen = {int(network.logits(picture).argmax()) for picture in (image, start)}
    return [index for index in range(len(network.classes)) if index not in seen]


def _in_batches(network: Network, classes: Tensor, settings: Reach, defended: bool) -> Reached:
    size = batch_for(classes, 1 if network.device.type == "cpu" else len(classes))
    parts = [
        reach(network.model, black(network).repeat(len(piece), 1, 1, 1), piece, settings, defended)
        for piece in torch.split(classes, size)
    ]
    return Reached(*(torch.cat([getattr(part, name) for part in parts]) for name in Reached.__dataclass_fields__))


def _plain(game: Reached, row: int) -> dict[str, Any]:
    return {"reached": bool(game.reached[row]), "steps": int(game.steps[row]), "score": float(game.score[row])}


def _picture(network: Network, classes: Tensor, games: Mapping[str, Reached]) -> Any:
    rows = []
    for game in games.values():
        explained = game.mask * black(network)
        seen = [network.classes[int(index)] for index in network.logits(explained).argmax(dim=1)]
        pixels = [network.preprocessing.to_pixels(image) for image in explained]
        aims = [network.classes[int(index)] for index in classes]
        rows.append([Tile(*one) for one in zip(pixels, map("aim: {}\nseen: {}".format, aims, seen), strict=True)])
    return sheet(rows, list(games))
