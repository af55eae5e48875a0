"""The classifier as a MONAI bundle (https://docs.monai.io/en/stable/mb_specification.html), a folder:

configs/metadata.json    the data format of the network, and the facts of `card`
configs/inference.json   reads, prepares, scores and judges photographs; needs this package
models/model.pt          the state of `square_score.SquareScore`, read without executing code
docs/README.md           the card
docs/self_test.png       the square of the self-test
"""

import base64
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch

from retina_xai import __version__
from retina_xai.errors import UsageError
from retina_xai.io.files import replacing_folder, write_bytes, write_json, write_text
from retina_xai.model_export.card import card, export_facts, graph_of
from retina_xai.models.checkpoint import RdrClassifier

MODULES = "retina_xai.model_export"
SCORE = {
    "type": "probabilities",
    "format": "classification",
    "num_channels": 1,
    "spatial_shape": [],
    "dtype": "float32",
    "value_range": [0, 1],
    "is_patch_data": False,
    "channel_def": {"0": "p(RDR)"},
}
"""The output of the network in MONAI's terms."""


def write_bundle(path: Path, classifier: RdrClassifier) -> None:
    """Write the folder; under its name it is complete.

    Raises:
        UsageError: the path exists. ModelError: the score of the self-test differs. OutputError: it cannot be written.
    """
    if path.exists():
        raise UsageError(f"{path}: exists already; choose another folder for the bundle, or remove it")
    graph, facts = graph_of(classifier), export_facts(classifier)
    square = base64.b64decode(facts["self_test"].pop("square_png_base64"))
    with replacing_folder(path) as partial:
        write_json(partial / "configs" / "metadata.json", _metadata(facts))
        write_json(partial / "configs" / "inference.json", _inference(classifier))
        write_text(partial / "docs" / "README.md", card(facts))
        write_bytes(partial / "docs" / "self_test.png", square)
        (partial / "models").mkdir()
        torch.save(graph.state_dict(), partial / "models" / "model.pt")


def _metadata(facts: dict[str, Any]) -> dict[str, Any]:
    size = facts["weights"]["preprocessing"]["size"]
    return {
        "version": __version__,
        "changelog": {__version__: f"weights {facts['weights']['sha256']}"},
        "monai_version": monai.__version__,
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": {"retina-xai": __version__},
        "task": "Referable diabetic retinopathy from a colour fundus photograph",
        "description": "Research use only. See docs/README.md.",
        "authors": "The authors of retina_xai",
        "copyright": "Apache-2.0",
        "intended_use": "Research use only: not a medical device, not for diagnosis",
        "network_data_format": {"inputs": {"image": _square(size)}, "outputs": {"pred": SCORE}},
        "retina_xai": facts,
    }


def _square(size: int) -> dict[str, Any]:
    return {
        "type": "image",
        "format": "rgb",
        "num_channels": 3,
        "spatial_shape": [size, size],
        "dtype": "float32",
        "value_range": [0, 255],
        "is_patch_data": False,
        "channel_def": {"0": "red", "1": "green", "2": "blue"},
    }


def _inference(classifier: RdrClassifier) -> dict[str, Any]:
    facts = classifier.facts
    return {
        "imports": ["$import torch", f"$from {MODULES}.bundle_transforms import score_photographs_of_bundle"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/photographs'",
        "output_file": "$@bundle_root + '/scores.csv'",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "checkpoint": "$@bundle_root + '/models/model.pt'",
        "network_def": {
            "_target_": f"{MODULES}.square_score.SquareScore",
            "architecture": facts.architecture,
            "width": facts.width,
            "preprocessing": facts.preprocessing.to_dict(),
        },
        "network": "$@network_def.to(@device).eval()",
        "preprocessing": {"_target_": f"{MODULES}.bundle_transforms.PrepareSquare", "size": facts.preprocessing.size},
        "inferer": {"_target_": "SimpleInferer"},
        "postprocessing": {"_target_": f"{MODULES}.bundle_transforms.JudgeScore", "threshold": facts.threshold},
        "initialize": ["$@network.load_state_dict(torch.load(@checkpoint, weights_only=True))"],
        "run": [
            "$score_photographs_of_bundle(@dataset_dir, @output_file, (@preprocessing, @postprocessing), "
            "@inferer, @network)"
        ],
    }
