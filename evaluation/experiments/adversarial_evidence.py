"""Does the defence prevent evidence that is not in the photograph? (FGVis table 1)

The generation game is played on every photograph toward the least likely class, so whatever it shows of that class is
invented. The figures are the shares of photographs on which the class becomes the most likely one, under each defence.
Published: 100 % without the defence for all four networks; with it 0.2 % for VGG16 and 0 % for AlexNet, ResNet-50 and
GoogLeNet.

Ours: beside it, the share of photographs on which the same game with the same settings reaches the most likely class of
the photograph, which is present. `reach` describes when a game ends. The default is 100 steps instead of 500: on eight
photographs (`--limit 8 --iterations 500`, squeezenet1_0) the undefended game needed 10 steps, and no game under the
paper's defence reached its class; the defended scores after 500 steps were those after 100 steps, 0.0006 to 0.0010.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor

from retina_xai import drawing
from retina_xai.evaluation.experiments.base import ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.experiments.reach import (
    GENERATION,
    ReachExperiment,
    class_of_start,
    plain_games,
    rate,
    reach_each,
)
from retina_xai.evaluation.plots import Tile, sheet
from retina_xai.evaluation.tables import named, number, percent, rate_cell
from retina_xai.games.defence import DEFENCES
from retina_xai.games.engine import Outcome
from retina_xai.models.scores import class_score

PUBLISHED = {"VGG16": 0.002, "AlexNet": 0.0, "ResNet50": 0.0, "GoogLeNet": 0.0}
AIMS = {"absent": "least likely class", "present": "most likely class"}
"""What a game aims at, and the head of its column; in the order of the targets."""

CAPTION = (
    "Share of generation games after which the class is the most likely one (95 % Wilson interval), and the median "
    "number of steps of these games. An absent class should not be reached, a present class should. Games whose class "
    "is that of the start are left out. Published figures are those of the paper, for its networks."
)


@dataclass(frozen=True)
class AdversarialEvidence(ReachExperiment):
    """Table 1; `shown` photographs get a picture."""

    name: ClassVar[str] = "adversarial-evidence"
    title: ClassVar[str] = "Adversarial evidence: the least likely and the most likely class (table 1)"
    shown: int = 8

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """The games of all defences toward both classes of one photograph."""
        network = subject.network
        image = network.input_of(case.photograph())
        logits = network.logits(image)
        targets = torch.stack([logits[0].argmin(), logits[0].argmax()])
        settings = self.reach_settings(subject.seed)
        games = {key: reach_each(network, image, targets, settings, key) for key in self.defences}
        start = class_of_start(network, image, subject.seed)
        record: dict[str, Any] = {"start_index": start}
        for row, aim in enumerate(AIMS):
            target = targets[row : row + 1]
            record[aim] = {
                "class": network.classes[int(target)],
                "index": int(target),
                "score": float(class_score(logits, target)),
                "counts": int(target) != start,
                **{key: plain_games(played)[row] for key, played in games.items()},
            }
        pictures = {"evidence": _picture(subject, image, games)} if case.number < self.shown else {}
        return Measurement(record, pictures)

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Shares of photographs whose least likely, and whose most likely class was reached."""
        figures: dict[str, float] = {"n": len(records)}
        for key in self.defences:
            for aim in AIMS:
                counted = [record[aim][key] for record in records if record[aim]["counts"]]
                figures |= named(f"{key}.{aim}", rate(counted))
        note = f"{len(records)} photographs, network of {len(subject.network.classes)} classes, {self.iterations} steps"
        table = rates_table(subject.network.name, figures, self.defences, AIMS)
        return Findings(figures, with_published(table, PUBLISHED), f"{note}. {CAPTION}")


def rates_table(
    name: str, figures: Mapping[str, float], defences: Sequence[str], aims: Mapping[str, str]
) -> pd.DataFrame:
    """One row for each defence: rates, numbers of games and medians of the steps."""
    rows = {}
    for key in defences:
        cells = {}
        for aim, head in aims.items():
            cells[head] = rate_cell(figures, f"{key}.{aim}")
            cells[f"{head}: steps"] = number(figures[f"{key}.{aim}.median_steps"], 0)
            cells[f"{head}: games"] = number(figures[f"{key}.{aim}.n"], 0)
        rows[name, DEFENCES[key].label] = cells
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["network", "defence"])


def with_published(table: pd.DataFrame, shares: Mapping[str, float]) -> pd.DataFrame:
    """The table with the paper's rates of the first column below it, with and without the paper's defence."""
    rows = {}
    for network, share in shares.items():
        for key, value in (("none", 1.0), ("fgvis", share)):
            rows[f"{network} (published)", DEFENCES[key].label] = {table.columns[0]: percent(value)}
    published = pd.DataFrame.from_dict(rows, orient="index", columns=table.columns)
    return pd.concat([table, published]).fillna("").rename_axis(table.index.names)


def _picture(subject: Subject, image: Tensor, games: Mapping[str, Outcome]) -> Any:
    """The photograph, and what each defence shows of the least likely class."""
    network = subject.network
    top = network.classes[int(network.logits(image).argmax())]
    row = [Tile(network.preprocessing.to_pixels(image[0]), f"photograph\n{top}")]
    for key, played in games.items():
        mask = played.mask[:1]
        seen = network.classes[int(network.logits(mask * image).argmax())]
        row.append(Tile(network.preprocessing.to_pixels((mask * image)[0]), f"defence: {key}\nseen as {seen}"))
        row.append(Tile(drawing.heatmap(GENERATION.evidence(mask)[0].cpu().numpy()), "its mask\nscaled to its maximum"))
    return sheet([row])
