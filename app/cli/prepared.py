"""What commands need before they begin, from their options."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retina_xai.app.batch.photographs import PhotographReader
    from retina_xai.explainers.explainer import Explainer
    from retina_xai.models.checkpoint import RdrClassifier


def classifier(weights: Path | None, device: str) -> "RdrClassifier":
    """The classifier of the weights, or of those of the package, on a device."""
    from retina_xai.models.checkpoint import default_weights, load_classifier
    from retina_xai.models.device import device_named

    return load_classifier(weights or default_weights(), device_named(device))


def fundus_method(name: str, assignments: list[str] | None) -> "Explainer":
    """The method with its settings for fundus photographs and those of `--set`."""
    from retina_xai.app.cli.options import Given, configured
    from retina_xai.explainers.registry import fundus_explainer

    return configured(fundus_explainer(name), f"method {name}", Given({}, assignments or ()))


def reader(frame: int | None, identified: bool) -> "PhotographReader":
    """How photographs are read and named."""
    from retina_xai.app.batch.photographs import PhotographReader

    return PhotographReader(frame, identified)
