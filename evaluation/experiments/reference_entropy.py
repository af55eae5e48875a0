"""Which reference image holds the least information about the classes? (FGVis supplement table A2)

A removed pixel takes the value of the reference, so the reference should favour no class: the entropy of its softmax,
in nats, should be high (at most ln K for K classes). Measured are the mean colour (zero in normalised space), Gaussian
noise of sigma 8 and 32 grey levels, the photograph blurred by a Gaussian of sigma 5 and 10 pixels, and the photograph
itself. The figures are mean and standard deviation over the photographs. The paper chose zero, which had the highest
entropy.

Ours: the noise differs between photographs; it follows from the seed and the content of the photograph.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from torch import Tensor

from retina_xai.evaluation.experiments.base import Experiment, ExperimentCase, Findings, Measurement, Subject
from retina_xai.evaluation.plots import Tile, bars, sheet
from retina_xai.evaluation.tables import number
from retina_xai.games.references import Blur, GaussianNoise, Reference, Zero

REFERENCES: dict[str, tuple[str, Reference]] = {
    "zero": ("zero (mean colour)", Zero()),
    "noise_8": ("noise, sigma 8", GaussianNoise(8)),
    "noise_32": ("noise, sigma 32", GaussianNoise(32)),
    "blur_5": ("blur, sigma 5", Blur(5)),
    "blur_10": ("blur, sigma 10", Blur(10)),
    "plain": ("photograph", lambda images, seed: images),
}


def entropy(logits: Tensor) -> Tensor:
    """Entropy of the softmax of logits (N, K) in nats, (N,), from 0 to ln K."""
    logarithms = logits.double().log_softmax(dim=1)
    # A score of 0 adds nothing, where 0 * log 0 would be NaN.
    return -(logarithms.exp() * logarithms.clamp(min=-1e4)).sum(dim=1)


@dataclass(frozen=True)
class ReferenceEntropy(Experiment):
    """Table A2; the first `shown` photographs get a picture of their references."""

    name: ClassVar[str] = "reference-entropy"
    title: ClassVar[str] = "Entropy of the softmax for reference images (table A2)"
    shown: int = 4

    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """The entropy of every reference of one photograph."""
        network = subject.network
        image = network.input_of(case.photograph())
        seed = (case.seed + subject.seed) % 2**32
        made = {name: reference(image, seed) for name, (_, reference) in REFERENCES.items()}
        logits = {name: network.logits(reference) for name, reference in made.items()}
        record = {name: float(entropy(output)) for name, output in logits.items()}
        if case.number >= self.shown:
            return Measurement(record)
        tiles = [
            Tile(network.preprocessing.to_pixels(made[name][0]), f"{label}\n{record[name]:.2f} nats")
            for name, (label, _) in REFERENCES.items()
        ]
        return Measurement(record, {"references": sheet([tiles])})

    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Mean and standard deviation of each reference."""
        figures: dict[str, float] = {"n": len(records), "highest": math.log(len(subject.network.classes))}
        rows = {}
        for name, (label, _) in REFERENCES.items():
            values = np.array([record[name] for record in records])
            mean, spread = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else math.nan
            figures |= {f"{name}.mean": mean, f"{name}.sd": spread}
            rows[label] = {"mean (nats)": number(mean, 3), "sd": number(spread, 3)}
        figures["highest_is_zero"] = float(max(REFERENCES, key=lambda name: figures[f"{name}.mean"]) == "zero")
        lengths = {label: [figures[f"{name}.mean"]] for name, (label, _) in REFERENCES.items()}
        caption = (
            f"{subject.network.name}, {len(records)} photographs: entropy of the softmax in nats, mean and sample "
            f"standard deviation over the photographs; the highest possible is {figures['highest']:.3f}. "
            "Published (table A2): zero has the highest entropy of these and was chosen for it."
        )
        picture = bars(lengths, [subject.network.name], "entropy of the softmax (nats)", "Reference images")
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("reference")
        return Findings(figures, table, caption, {"entropy": picture})
