"""The formats of `retina-xai export`, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retina_xai.errors import UsageError

if TYPE_CHECKING:
    from retina_xai.models.checkpoint import RdrClassifier

    Writer = Callable[[Path, RdrClassifier], None]


@dataclass(frozen=True)
class ExportFormat:
    """What is written (for the help), and the function that writes it."""

    title: str
    load: "Callable[[], Writer]"


def _bundle() -> "Writer":
    from retina_xai.model_export.monai_bundle import write_bundle

    return write_bundle


def _onnx() -> "Writer":
    from retina_xai.model_export.onnx_file import write_onnx

    return write_onnx


EXPORT_FORMATS: dict[str, ExportFormat] = {
    "monai-bundle": ExportFormat("a folder for MONAI", _bundle),
    "onnx": ExportFormat("one file for onnxruntime and others", _onnx),
}


def export_model(name: str, path: Path, classifier: "RdrClassifier") -> None:
    """Write a classifier with its preprocessing, threshold, calibration and card.

    Raises:
        UsageError: unknown format, or a path that cannot be used. ModelError: the export gives other scores.
        OutputError: it cannot be written. ModuleNotFoundError: the extra is not installed.
    """
    if name not in EXPORT_FORMATS:
        raise UsageError(f"unknown format {name!r}: choose one of {', '.join(EXPORT_FORMATS)}")
    EXPORT_FORMATS[name].load()(path, classifier)
