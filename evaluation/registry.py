"""The experiments by the command line's names."""

from evaluation.adversarial_evidence import AdversarialEvidence
from evaluation.black_image import BlackImage
from evaluation.colour_bias import ColourBias
from evaluation.experiment import Experiment
from evaluation.faithfulness import Faithfulness
from evaluation.gallery import Gallery
from evaluation.reference_entropy import ReferenceEntropy
from evaluation.two_objects import TwoObjects
from retina_xai.errors import UsageError

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
