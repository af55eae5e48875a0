"""Which classes does the network recognise by colour? (FGVis supplement A3)

The colour channels of every photograph are swapped from BGR to RBG and to GRB. These two swaps leave no channel in its
place. Of the photographs that were classified correctly (true positives), the figures count those that still are after
the swap. In the channel order RGB of the images here:

    BGR -> RBG:  (R, G, B) becomes (G, B, R);        BGR -> GRB:  (R, G, B) becomes (B, R, G)

A class that keeps few true positives is recognised by colour. Published: school bus 8.3 % kept, minivan 83.3 %.

Ours: if the name of a photograph holds no class (`true_class`), the predicted class of the original photograph is used
instead; the caption counts such photographs. Classes with few true positives are left out: one photograph says nothing
of its class (the 95 % Wilson interval of 0 of 1 reaches 79 %, of 0 of 20 16 %). The score of the class after the swap,
as a share of the score before, orders classes of equal counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.experiments.true_class import true_class
from retina_xai.evaluation.plots import Tile, bars, sheet
from retina_xai.evaluation.tables import named, percent, rate_cell, share_of

SWAPS: dict[str, tuple[int, int, int]] = {"rbg": (1, 2, 0), "grb": (2, 0, 1)}
"""The source channel of R, of G and of B."""

PUBLISHED = {"school bus": 0.083, "minivan": 0.833}


def swapped(pixels: np.ndarray, swap: str) -> np.ndarray:
    """RGB pixels (H, W, 3) with their channels swapped; `swap` is a key of SWAPS."""
    return np.ascontiguousarray(pixels[..., SWAPS[swap]])


@dataclass(frozen=True)
class ColourBias(Experiment):
    """Table of A3; the first `shown` photographs get a picture.

    Args:
        listed: how many classes at either end get a row.
        least: true positives that a class must have for that, at least 1.

    Raises:
        UsageError: `least` is below 1.
    """

    name: ClassVar[str] = "colour-bias"
    title: ClassVar[str] = "Colour bias: true positives kept after swapping colour channels (A3)"
    listed: int = 10
    shown: int = 8
    least: int = 20

    def __post_init__(self) -> None:
        if self.least < 1:
            raise UsageError(f"least {self.least}: give at least 1 photograph")

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """The most likely class and the score of the true class, for the original photograph and for both swaps."""
        network = subject.network
        pixels = case.photograph().pixels
        views = {"plain": pixels, **{swap: swapped(pixels, swap) for swap in SWAPS}}
        images = torch.stack([network.preprocessing.to_tensor(view) for view in views.values()])
        scores = network.scores(images).cpu()
        label = None if case.path is None else true_class(case.path, network.classes)
        index = int(scores[0].argmax()) if label is None else label
        record = {"class": network.classes[index], "index": index, "labelled": label is not None}
        for row, view in enumerate(views):
            top = int(scores[row].argmax())
            record[view] = {"top": network.classes[top], "right": top == index, "score": float(scores[row, index])}
        if case.number >= self.shown:
            return Measurement(record)
        return Measurement(record, {"swaps": _picture(subject, images, record)})

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Shares kept of all true positives, and the classes most and least affected."""
        right = [record for record in records if record["plain"]["right"]]
        figures: dict[str, float] = {"n": len(records), "true_positives": len(right)}
        for swap in SWAPS:
            figures |= named(f"kept.{swap}", share_of(sum(record[swap]["right"] for record in right), len(right)))
        every = by_class(right)
        classes = every[every["n"] >= self.least]
        figures |= {"classes": len(every), "judged_classes": len(classes)}
        for name, row in classes.iterrows():
            for swap in SWAPS:
                figures |= named(f"class.{name}.kept.{swap}", share_of(int(row[f"kept {swap}"]), int(row["n"])))
        ends = classes if len(classes) <= 2 * self.listed else classes.iloc[_ends(self.listed, len(classes))]
        unlabelled = sum(not record["labelled"] for record in records)
        caption = self._caption(subject.network.name, figures, unlabelled)
        return Findings(figures, _table(ends, figures), caption, _bars(ends))

    def _caption(self, name: str, figures: Mapping[str, float], unlabelled: int) -> str:
        stand_in = (
            f" {unlabelled} bear no class in their name: the class predicted for the plain photograph stands in."
            if unlabelled
            else ""
        )
        judged = figures["judged_classes"]
        told = f"{judged} of {figures['classes']} classes have at least {self.least} true positives"
        return (
            f"{name}, {figures['n']} photographs, {figures['true_positives']} of them classified right.{stand_in} "
            "n: true positives; kept: share of these still classified right after the swap (with its 95 % Wilson "
            "interval); score: mean of the true class's softmax score as a share of the one before the swap. "
            + (f"{told}; most affected first. " if judged else f"{told}, so nothing is said of single classes. ")
            + "The published figures are one per class, over both swaps."
        )


def by_class(right: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per class of the true positives, most affected first: their number; per swap, how many were kept, and the
    mean share of the score that was kept.

    The order is by the share kept over both swaps, then by the score kept, then by name.
    """
    rows = [
        {"class": record["class"], "n": 1}
        | {f"kept {swap}": int(record[swap]["right"]) for swap in SWAPS}
        | {f"score {swap}": record[swap]["score"] / record["plain"]["score"] for swap in SWAPS}
        for record in right
    ]
    columns = ["n", *(f"{what} {swap}" for what in ("kept", "score") for swap in SWAPS)]
    if not rows:
        return pd.DataFrame(columns=columns, dtype=float).rename_axis("class")
    groups = pd.DataFrame(rows).groupby("class")
    counts, shares = groups.sum(), groups.mean()
    kept, score = (shares[[f"{what} {swap}" for swap in SWAPS]].mean(axis=1) for what in ("kept", "score"))
    order = pd.DataFrame({"kept": kept, "score": score, "name": kept.index}).sort_values(["kept", "score", "name"])
    frame = counts.assign(**{column: shares[column] for column in columns if column.startswith("score")})
    return frame.loc[order.index, columns]


def _ends(listed: int, count: int) -> list[int]:
    return [*range(listed), *range(count - listed, count)]


def _table(ends: pd.DataFrame, figures: Mapping[str, float]) -> pd.DataFrame:
    every = {f"kept {swap.upper()}": rate_cell(figures, f"kept.{swap}") for swap in SWAPS}
    blank = {f"score {swap.upper()}": "" for swap in SWAPS}
    rows: dict[str, dict[str, str]] = {"all": {"n": str(figures["true_positives"]), **every, **blank}}
    for name, row in ends.iterrows():
        rows[str(name)] = {
            "n": str(int(row["n"])),
            **{f"kept {swap.upper()}": rate_cell(figures, f"class.{name}.kept.{swap}") for swap in SWAPS},
            **{f"score {swap.upper()}": percent(row[f"score {swap}"]) for swap in SWAPS},
        }
    for name, share in PUBLISHED.items():
        rows[f"{name} (published)"] = {"n": "", **dict.fromkeys(every, percent(share)), **blank}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("class")


def _bars(ends: pd.DataFrame) -> dict[str, np.ndarray]:
    if ends.empty:
        return {}
    values = {str(name): [100 * row[f"score {swap}"] for swap in SWAPS] for name, row in ends.iterrows()}
    series = [f"BGR to {swap.upper()}" for swap in SWAPS]
    return {"classes": bars(values, series, "score after the swap (% of before)", "Most and least affected classes")}


def _picture(subject: Subject, images: Tensor, record: Mapping[str, Any]) -> np.ndarray:
    tiles = []
    for view, image in zip(("plain", *SWAPS), images, strict=True):
        score = record[view]["score"]
        label = f"{view}: {record[view]['top']}\np({record['class']}) {score:.2f}"
        tiles.append(Tile(subject.network.preprocessing.to_pixels(image), label))
    return sheet([tiles])
