"""Checkpoint files: weights in safetensors (loading executes no code), with everything needed to use them as metadata.

The metadata are one JSON object: format version, architecture, width, classes, preprocessing, decision threshold and
facts about the training. All of it is checked on loading; error messages name the value that does not fit.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from retina_xai.errors import ModelError
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.io.files import replacing, sha256_of
from retina_xai.models.inference import inference
from retina_xai.models.rdr import ARCHITECTURES, MINIMUM_SIZE, RdrNet

FORMAT_VERSION = 1
MAXIMUM_SIZE = 4096
METADATA_KEY = "retina_xai"
CLASSES = ("non-RDR", "RDR")
RDR = CLASSES.index("RDR")


@dataclass(frozen=True)
class ModelFacts:
    """Metadata of the weights: network, classes, preprocessing, threshold on p(RDR) in [0, 1], and training facts."""

    architecture: str
    width: float
    preprocessing: Preprocessing
    threshold: float = 0.5
    classes: tuple[str, ...] = CLASSES
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RdrClassifier:
    """A network in evaluation mode with its facts and the SHA-256 of its weights file."""

    model: RdrNet
    facts: ModelFacts
    sha256: str = ""

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.model.classifier.weight.device

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """p(RDR), shape (N,) in [0, 1], of normalised images (N, 3, S, S)."""
        with inference(self.model), torch.no_grad():
            scores: torch.Tensor = self.model(images.to(self.device)).softmax(dim=1)[:, RDR]
        return scores


def save_weights(path: Path, model: RdrNet, facts: ModelFacts) -> None:
    """Write weights and facts as safetensors (atomic)."""
    content = {"format": FORMAT_VERSION, **asdict(facts)}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with replacing(path) as partial:
        partial.write_bytes(save(state, metadata={METADATA_KEY: json.dumps(content)}))


def load_classifier(path: Path | None = None, device: str | torch.device = "cpu") -> RdrClassifier:
    """Read and check weights written by `save_weights`; the default is the package's own weights.

    Raises:
        ModelError: the file is missing, truncated or not safetensors; metadata are missing or of another version;
            tensors do not fit the architecture or are not finite.
    """
    path = path or default_weights()
    facts, state = _read(path)
    model = RdrNet(facts.architecture, facts.width, len(facts.classes))
    _check_fit(path, model.state_dict(), state)
    model.load_state_dict(state)
    return RdrClassifier(model.eval().to(device), facts, sha256_of(path))


def default_weights() -> Path:
    """The weights that come with the package.

    Raises:
        ModelError: this build contains none.
    """
    shipped = sorted((Path(__file__).parents[1] / "weights").glob("*.safetensors"))
    if not shipped:
        raise ModelError("this build contains no weights: give --weights FILE, as written by `retina-xai train`")
    return shipped[0]


def _read(path: Path) -> tuple[ModelFacts, dict[str, torch.Tensor]]:
    if not path.is_file():
        raise ModelError(f"{path}: no such weights file; give the rdr.safetensors that training wrote")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a whole safetensors file ({error}); copy or train it again") from error
    if METADATA_KEY not in metadata:
        raise ModelError(f"{path}: no {METADATA_KEY} metadata; these are not weights written by `retina-xai train`")
    return _facts(path, metadata[METADATA_KEY]), state


def _facts(path: Path, text: str) -> ModelFacts:
    try:
        content = json.loads(text)
        version = content.pop("format")
        if version != FORMAT_VERSION:
            raise ModelError(
                f"{path}: weights format {version}, this version reads {FORMAT_VERSION}; update retina-xai"
            )
        content["preprocessing"] = Preprocessing.from_dict(content["preprocessing"])
        content["classes"] = tuple(content["classes"])
        facts = ModelFacts(**{**content, **{name: float(content[name]) for name in ("width", "threshold")}})
        _check_range(facts)
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: unreadable metadata ({error}); train or fetch the weights again") from error
    if facts.classes != CLASSES:
        raise ModelError(f"{path}: classes {facts.classes}, expected {CLASSES}; these weights are for another task")
    return facts


def _check_range(facts: ModelFacts) -> None:
    """Raise ValueError for an unknown architecture, or a threshold or input size out of range."""
    if facts.architecture not in ARCHITECTURES:
        raise ValueError(f"architecture {facts.architecture!r}, expected one of {', '.join(ARCHITECTURES)}")
    if not 0 <= facts.threshold <= 1:
        raise ValueError(f"threshold {facts.threshold}, expected 0 to 1")
    if not MINIMUM_SIZE <= facts.preprocessing.size <= MAXIMUM_SIZE:
        raise ValueError(f"input size {facts.preprocessing.size}, expected {MINIMUM_SIZE} to {MAXIMUM_SIZE}")


def _check_fit(path: Path, expected: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]) -> None:
    if odd := sorted(expected.keys() ^ state.keys()):
        raise ModelError(
            f"{path}: {len(odd)} tensors missing or unknown (first {odd[0]!r}); the weights are of another architecture"
        )
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(expected[name].shape)}"
            raise ModelError(
                f"{path}: tensor {name!r} has shape {shapes}; the weights are of another width or class count"
            )
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{path}: tensor {name!r} holds NaN or infinity; train or fetch the weights again")
