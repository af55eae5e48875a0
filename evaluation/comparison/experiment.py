"""Every method on the same photographs, judged by every metric, with its cost.

A case is one method on one photograph, so an interrupted run loses one explanation at most. The settings of a method
are part of the identity of its cases and the list of methods is no setting: a second run with more methods or
photographs in the same folder adds to it, and one with other settings is refused. Cases of cheap methods come first.
The figures are of the photographs that every method has.

FGVis plays as the supplement says (A4.1): deletion, lr 0.3, four values of lambda, and a game is a success if
p_c(e) < 0.02 p_c(x) after all its steps; no game ends before (`FGVis.judged_at_end`). The experiment `deletion` repeats
table 2 with the score as a stop and clipped maps. Both use the curves of `metrics.deletion`; it is no special case of
this one, because its recorded figures are those of that protocol.

A network that a method refuses (CAM without global pooling) is no failure: the method is listed as not applicable.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from retina_xai.errors import ModelError, UsageError
from retina_xai.evaluation.comparison.cost import costed
from retina_xai.evaluation.comparison.maps import ExplainedCase
from retina_xai.evaluation.comparison.markings import markings_in
from retina_xai.evaluation.comparison.page import findings_of
from retina_xai.evaluation.comparison.registry import METRICS, chosen_metrics
from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.experiments.deletion import seeded
from retina_xai.evaluation.objects.boxes import boxes_of, fingerprint, mask_of
from retina_xai.evaluation.plots import DOTS, rendered
from retina_xai.explainers.explainer import Explainer, Explanation
from retina_xai.explainers.registry import COMPARED, EXPLAINERS, FUNDUS_METHODS, explainer_named
from retina_xai.models.network import RDR_NAME, Network
from retina_xai.plotting import plot

CHANCE = "random"
UNDEFENDED = "fgvis-undefended"
VEBI = "vebi"
CHEAP_FIRST = ("control", "gradient", "architecture", "fitted", "perturbation", "fundus", "ablation", "game")
"""Categories by rising cost."""

REFUSING = ("architecture", "fitted")
"""Methods of these categories may refuse a network or a class, and are listed without figures then."""


def all_methods(fundus: bool = False) -> tuple[str, ...]:
    """Keys of the methods that can explain a photograph, of any network or of fundus networks, cheap ones first."""
    if fundus:
        return in_order([key for key in FUNDUS_METHODS if EXPLAINERS[key].category in CHEAP_FIRST])
    wanted = {*COMPARED, "architecture"}
    keys = [key for key, spec in EXPLAINERS.items() if spec.category in wanted or key == UNDEFENDED]
    return in_order(keys)


def in_order(keys: Sequence[str]) -> tuple[str, ...]:
    """Each key once, with that of chance, cheap methods first.

    Raises:
        UsageError: an unknown method, or one that cannot be compared.
    """
    for key in keys:
        if explainer_named(key).category not in CHEAP_FIRST:
            raise UsageError(f"method {key!r} cannot be compared: choose of {', '.join(all_methods())}")
    places = {key: CHEAP_FIRST.index(EXPLAINERS[key].category) for key in {*keys, CHANCE}}
    return tuple(sorted(places, key=lambda key: (places[key], list(EXPLAINERS).index(key))))


@dataclass(frozen=True)
class ComparedCase(ExperimentCase):
    """One method on one photograph; `photograph_id` is the SHA-256 of the photograph."""

    method: str = ""
    photograph_id: str = ""

    @property
    def seed(self) -> int:
        """That of the photograph: the same for all methods."""
        return replace(self.plain, identity=self.photograph_id).seed

    @property
    def plain(self) -> ExperimentCase:
        """The photograph as a case of an experiment."""
        return ExperimentCase(self.name, self.photograph_id, self.number, self.path)

    def photograph(self) -> Any:
        """Read the file; raises InputError where it cannot be read."""
        return self.plain.photograph()


@dataclass(frozen=True)
class Comparison(Experiment):
    """The comparison.

    Args:
        methods: keys of `EXPLAINERS`; chance is always among them. Default: all for networks of any kind.
        metrics: keys of `METRICS`.
        lr: step size of FGVis, with and without the defence.
        lam: weights of the regularizer of FGVis, largest first.
        iterations: upper bound of the steps of FGVis.
        stop_ratio: score at which FGVis stops, as a share of the first score.
        masks: number of masks of RISE.
        samples: number of perturbed images of LIME.
        vebi: file of `fit-vebi` for the network, without which VEBI is not compared.
        resamples: of the bootstrap.
        boxes: CSV file or folder of Pascal VOC XML files with the boxes of the objects (`objects.boxes`), which the
            metrics of localisation need; those of the explained class where it is among their labels, otherwise all.
        annotated: folder of an annotated data set (`datasets.registry`), whose masks of all lesion types together are
            the truth instead.
        split: of that data set; its own default where it is empty.
        shown: number of photographs of which a picture is written for each method.

    Raises:
        UsageError: an unknown method or metric, settings that a method refuses, no resamples, or boxes and a data set.
    """

    name: ClassVar[str] = "comparison"
    title: ClassVar[str] = "Comparison of explanation methods"
    methods: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    lr: float = 0.3
    lam: tuple[float, ...] = (1e-7, 1e-8, 1e-9, 1e-10)
    iterations: int = 500
    stop_ratio: float = 0.02
    masks: int = 4000
    samples: int = 1000
    vebi: str = ""
    resamples: int = 2000
    boxes: str = ""
    annotated: str = ""
    split: str = ""
    shown: int = 2

    def __post_init__(self) -> None:
        methods = self.methods or all_methods()
        object.__setattr__(self, "methods", in_order([*methods, VEBI] if self.vebi else methods))
        object.__setattr__(self, "metrics", chosen_metrics(self.metrics, annotated=bool(self.boxes or self.annotated)))
        if self.boxes and self.annotated:
            raise UsageError("boxes and an annotated data set: give one of them")
        if self.resamples < 1:
            raise UsageError(f"resamples {self.resamples}: give at least 1")
        self.explainers(0)

    def settings(self) -> dict[str, Any]:
        """What every figure depends on; the settings of a method are in the identity of its cases."""
        kept = ("metrics", "resamples")
        settings = {key: value for key, value in super().settings().items() if key in kept}
        if self.annotated:
            settings["annotations"] = markings_in(self.annotated, self.split).fingerprint
        return {**settings, "boxes": fingerprint(Path(self.boxes))} if self.boxes else settings

    def explainers(self, seed: int, fundus: bool = False) -> dict[str, Explainer]:
        """The methods by key; every source of randomness has this seed.

        For fundus networks, games have their settings for fundus photographs instead of `lr`, `lam` and `iterations`.
        """
        game = {
            "game": "deletion",
            "lam": self.lam,
            "lr": self.lr,
            "iterations": self.iterations,
            "stop_ratio": self.stop_ratio,
            "judged_at_end": True,
        }
        own: dict[str, dict[str, Any]] = {
            "rise": {"masks": self.masks},
            "lime": {"samples": self.samples},
            VEBI: {"weights": self.vebi},
        }
        return seeded(self.methods, own if fundus else own | {"fgvis": game, UNDEFENDED: game}, seed, fundus)

    def cases(self, subject: Subject) -> Sequence[ExperimentCase]:
        """Every method on every chosen photograph, method by method.

        Raises:
            UsageError: a method for fundus photographs and another network, or VEBI without its file.
        """
        photographs, fundus = subject.photographs(), subject.network.fundus
        if not fundus and (own := [key for key in self.methods if EXPLAINERS[key].category == "fundus"]):
            raise UsageError(f"method {own[0]!r} is for fundus photographs: give --model {RDR_NAME}, or leave it out")
        if VEBI in self.methods and not self.vebi:
            raise UsageError("method 'vebi' is fitted first: run retina-xai fit-vebi, and give --set vebi=FILE")
        described = {key: json.dumps(one.settings(), sort_keys=True) for key, one in self.explainers(0, fundus).items()}
        return [
            ComparedCase(f"{one.name} {key}", f"{one.identity} {key} {text}", one.number, one.path, key, one.identity)
            for key, text in described.items()
            for one in photographs
        ]

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """One method on one photograph."""
        if not isinstance(case, ComparedCase):
            raise UsageError(f"{case.name}: expected a case of this comparison; use its `cases`")
        network, key = subject.network, case.method
        photograph = case.photograph()
        image = network.input_of(photograph)
        target = network.explained_class(image)
        seed = (case.seed + subject.seed) % 2**31
        explainer = self.explainers(seed, network.fundus)[key]
        truth = self.truth_of(network, case, photograph.pixels, network.classes[target])
        record: dict[str, Any] = {"method": key, "photograph": case.photograph_id, "class": network.classes[target]}
        try:
            result, cost = costed(network, image, lambda: explainer(network.model, image, target))
        except (ModelError, UsageError) as error:
            if EXPLAINERS[key].category not in REFUSING:
                raise
            return Measurement({**record, "refused": str(error)})
        made = ExplainedCase(network, image, explainer, result, seed, truth)
        record |= {
            "score": float(result.score_before),
            "converged": bool(result.converged),
            "iterations": int(result.iterations),
            "values": {name: plain(METRICS[name].measure(made)) for name in self.metrics},
            "seconds": plain(cost.seconds),
            "passes": plain(cost.passes),
            "memory": plain(cost.memory),
        }
        return Measurement(record, _panel(network, image, result) if case.number < self.shown else {})

    def truth_of(self, network: Network, case: ComparedCase, pixels: np.ndarray, target: str) -> Tensor | None:
        """Where the object is, or all lesions, in the input of the network, (H, W) bool; None without annotations."""
        shape = pixels.shape
        if self.annotated and case.path is not None:
            mask = markings_in(self.annotated, self.split).mask_of(case.path, (shape[0], shape[1]))
            return network.preprocessing.mask_to_input(mask, pixels)
        if not self.boxes or case.path is None:
            return None
        found = boxes_of(Path(self.boxes), case.path)
        rules = network.preprocessing
        wanted = [box for box in found if box.label == target] or found
        return mask_of([box.in_input((shape[0], shape[1]), rules) for box in wanted], rules.size)

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Means with intervals, differences to the best method, and the page."""
        return findings_of(records, subject, self.metrics, self.resamples)


def plain(value: float) -> float | None:
    """A value for a record: seven digits, None where it is undefined."""
    return None if math.isnan(value) else float(f"{value:.7g}")


def _panel(network: Network, image: Tensor, result: Explanation) -> dict[str, Any]:
    return {"panel": rendered(plot(result, images=image, network=network, dpi=DOTS))}
