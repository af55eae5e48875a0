"""The experiments by the names of the command line. A new one is one file and one entry here.

Factories are named, not imported, so that the command line can list the experiments without loading torch.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from retina_xai.errors import UsageError

if TYPE_CHECKING:
    from retina_xai.evaluation.experiments.base import Experiment

PACKAGE = "retina_xai.evaluation.experiments"


@dataclass(frozen=True)
class ExperimentSpec:
    """An experiment: its key, its class as "module:name" below PACKAGE, and the part of the paper that it repeats."""

    key: str
    factory: str
    source: str

    def load(self) -> "type[Experiment]":
        """The class."""
        module, name = self.factory.split(":")
        found: type[Experiment] = getattr(import_module(f"{PACKAGE}.{module}"), name)
        return found


EXPERIMENTS: dict[str, ExperimentSpec] = {
    "adversarial-evidence": ExperimentSpec(
        "adversarial-evidence", "adversarial_evidence:AdversarialEvidence", "FGVis table 1"
    ),
    "an8flower": ExperimentSpec("an8flower", "an8flower:An8Flower", "VEBI, Oramas et al., 2019"),
    "black-image": ExperimentSpec("black-image", "black_image:BlackImage", "FGVis table A1"),
    "colour-bias": ExperimentSpec("colour-bias", "colour_bias:ColourBias", "FGVis A3"),
    "deletion": ExperimentSpec("deletion", "deletion:Faithfulness", "FGVis table 2"),
    "gallery": ExperimentSpec("gallery", "gallery:Gallery", "FGVis figures A2 and A10 to A15"),
    "localization": ExperimentSpec(
        "localization", "box_localization:BoxLocalization", "Simonyan et al., 2014; Selvaraju et al., 2017"
    ),
    "randomisation": ExperimentSpec("randomisation", "randomisation:Randomisation", "Adebayo et al., 2018"),
    "reference-entropy": ExperimentSpec("reference-entropy", "reference_entropy:ReferenceEntropy", "FGVis table A2"),
    "stability": ExperimentSpec("stability", "stability:StabilityOfMaps", "ours"),
    "trade-off": ExperimentSpec("trade-off", "trade_off:TradeOff", "FGVis tables 1 and A1, both rates"),
    "vebi": ExperimentSpec("vebi", "filter_ablation:FilterAblation", "VEBI, Oramas et al., 2019"),
    "two-objects": ExperimentSpec("two-objects", "two_objects:TwoObjects", "FGVis A3.2"),
}


def experiment_named(name: str) -> "type[Experiment]":
    """The class of the experiment of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in EXPERIMENTS:
        raise UsageError(f"unknown experiment {name!r}: choose one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name].load()
