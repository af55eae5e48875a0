"""The experiments by the command line's names."""

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.adversarial_evidence import AdversarialEvidence
from retina_xai.evaluation.experiments.base import Experiment
from retina_xai.evaluation.experiments.black_image import BlackImage
from retina_xai.evaluation.experiments.colour_bias import ColourBias
from retina_xai.evaluation.experiments.deletion import Faithfulness
from retina_xai.evaluation.experiments.gallery import Gallery
from retina_xai.evaluation.experiments.reference_entropy import ReferenceEntropy
from retina_xai.evaluation.experiments.two_objects import TwoObjects

EXPERIMENTS: dict[str, type[Experiment]] = {
    "adversarial-evidence": AdversarialEvidence,
    "black-image": BlackImage,
    "colour-bias": ColourBias,
    "deletion": Faithfulness,
    "gallery": Gallery,
    "reference-entropy": ReferenceEntropy,
    "two-objects": TwoObjects,
}


def experiment_named(name: str) -> type[Experiment]:
    """The experiment of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in EXPERIMENTS:
        raise UsageError(f"unknown experiment {name!r}: choose one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
