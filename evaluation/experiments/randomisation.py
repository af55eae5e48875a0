"""Does an explanation depend on what the network has learned? (Adebayo et al., NeurIPS 2018)

The model parameter randomisation test: each method explains a photograph for its most likely class, and again for
copies of the network whose last layer, last half of the layers, and all layers have lost their weights
(`metrics.trust.randomised`). The figure is Spearman's rank correlation of the two maps. Near 0 is good: the map needed
the weights. Near 1 means that the map shows the photograph alone. Intervals: 95 %, percentile bootstrap over the
photographs. A copy that leaves nothing to explain is undefined; it is counted and left out of the mean.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.experiments.deletion import seeded
from retina_xai.evaluation.plots import bars
from retina_xai.evaluation.tables import mean_of, named, number
from retina_xai.explainers.explainer import Explainer
from retina_xai.explainers.registry import EXPLAINERS
from retina_xai.metrics.intervals import bootstrap
from retina_xai.metrics.trust import TrustSettings, trust

STAGES = {"last": "last layer", "half": "last half", "all": "all layers"}
FGVIS = "fgvis"


@dataclass(frozen=True)
class Randomisation(Experiment):
    """The randomisation test of several methods.

    Args:
        methods: keys of `EXPLAINERS`, at least one.
        lam, lr, iterations: settings of FGVis; `lam` is one number or several for a line search.
        resamples: of the bootstrap.

    Raises:
        UsageError: no method, an unknown one, or settings that FGVis refuses.
    """

    name: ClassVar[str] = "randomisation"
    title: ClassVar[str] = "Model parameter randomisation test (Adebayo et al., 2018)"
    methods: tuple[str, ...] = (FGVIS, "grad-cam", "saliency", "integrated-gradients", "random")
    lam: tuple[float, ...] = (1e-8,)
    lr: float = 0.1
    iterations: int = 100
    resamples: int = 10000

    def __post_init__(self) -> None:
        if not self.methods:
            raise UsageError("no methods: name at least one")
        self.explainers(0)

    def explainers(self, seed: int) -> dict[str, Explainer]:
        """The methods by key, with this seed where they have one."""
        own: dict[str, dict[str, Any]] = {FGVIS: {"lam": self.lam, "lr": self.lr, "iterations": self.iterations}}
        return seeded(self.methods, own, seed)

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """The rank correlations of every method on one photograph."""
        network = subject.network
        image = network.input_of(case.photograph())
        target = int(network.logits(image).argmax())
        seed = (case.seed + subject.seed) % 2**31
        settings = TrustSettings(random_masks=1, seeds=(), randomise=True, seed=seed)
        record: dict[str, Any] = {"class": network.classes[target]}
        for name, explain in self.explainers(seed).items():
            explanation = explain(network.model, image, target)
            judged = trust(network.model, image[0], explanation, settings, explain).to_dict()
            record[name] = {stage: judged[f"randomised_{stage}"] for stage in STAGES}
        return Measurement(record)

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Mean rank correlation of each method and stage with its interval."""
        figures: dict[str, float] = {"n": len(records)}
        rows, means = {}, {}
        for name in self.methods:
            label = EXPLAINERS[name].label
            parts = {stage: self._figure([record[name][stage] for record in records], subject.seed) for stage in STAGES}
            for stage, part in parts.items():
                figures |= named(f"{name}.{stage}", part)
            rows[label] = {
                heading: number(parts[stage][""], 3, parts[stage]["low"], parts[stage]["high"])
                for stage, heading in STAGES.items()
            }
            means[label] = [parts[stage][""] for stage in STAGES]
        caption = (
            f"{subject.network.name}, {len(records)} photographs: mean Spearman rank correlation of the evidence with "
            "that for the network after its last layer, the last half of its layers, or all layers lost their "
            "weights; in brackets the 95 % bootstrap interval. Near 0: the map depends on the weights. Near 1: it does "
            "not. Random is a control: its map is the same for every network, so its correlation is 1."
        )
        picture = bars(means, list(STAGES.values()), "rank correlation", "Randomisation of the weights")
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
        return Findings(figures, table, caption, {"correlation": picture})

    def _figure(self, values: Sequence[float | None], seed: int) -> dict[str, float]:
        """Mean, interval and count of the defined values."""
        defined = np.array([value for value in values if value is not None])
        parts = {"": mean_of(values), "n": float(len(defined)), "low": math.nan, "high": math.nan}
        if len(defined):
            interval = bootstrap(lambda drawn: float(defined[drawn].mean()), len(defined), self.resamples, seed)
            parts |= {"low": interval.low, "high": interval.high}
        return parts
