"""Checkpoint files: weights in safetensors (loading executes no code), with everything needed to use them as metadata.

The metadata are one JSON object: format version, architecture, width, classes, preprocessing, decision threshold,
facts about the training, the score of the self-test (see `self_test`), and the SHA-256 of all of that and of the
tensors. All of it is checked on loading; error messages name the value that does not fit. Files of format 1 have
neither self-test nor checksum: they are read with a warning, and the self-test must still give a number.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from retina_xai.errors import ModelError
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.io.files import parse_json, replacing, sha256_of
from retina_xai.models.inference import inference
from retina_xai.models.rdr import ARCHITECTURES, MINIMUM_SIZE, RdrNet
from retina_xai.models.self_test import TOLERANCE, self_test_picture

FORMAT_VERSION = 2
UNPROTECTED_VERSION = 1
"""The last format without self-test and checksum."""

MAXIMUM_SIZE = 4096
METADATA_KEY = "retina_xai"
CLASSES = ("non-RDR", "RDR")
RDR = CLASSES.index("RDR")

log = logging.getLogger(__name__)


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
    """Write weights and facts as safetensors (atomic), with the score of the self-test and a checksum.

    Raises:
        ModelError: the score of the self-test is not a number.
    """
    score = self_test_score(RdrClassifier(model, facts))
    if not math.isfinite(score):
        raise ModelError(f"{path}: the score of the self-test is {score}, so the weights are not saved; train again")
    content = {"format": FORMAT_VERSION, **asdict(facts), "self_test": score}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    content["checksum"] = _checksum(content, state)
    with replacing(path) as partial:
        partial.write_bytes(save(state, metadata={METADATA_KEY: json.dumps(content)}))


def load_classifier(path: Path | None = None, device: str | torch.device = "cpu") -> RdrClassifier:
    """Read and check weights written by `save_weights`; the default is the package's own weights.

    Raises:
        ModelError: the file is missing, truncated or not safetensors; metadata are missing or of another version;
            tensors do not fit the architecture or are not finite; the checksum or the self-test differs.
    """
    path = path or default_weights()
    content, state = _read(path)
    facts = _facts(path, content)
    model = RdrNet(facts.architecture, facts.width, len(facts.classes))
    _check_fit(path, model.state_dict(), state)
    if content["format"] == UNPROTECTED_VERSION:
        log.warning("%s: weights of format 1 have no checksum, so damage cannot be detected; train them again", path)
    elif content.get("checksum") != _checksum(content, state):
        raise ModelError(f"{path}: damaged, its checksum differs; copy the weights again from their source")
    model.load_state_dict(state)
    classifier = RdrClassifier(model.eval().to(device), facts, sha256_of(path))
    _check_self_test(path, classifier, content.get("self_test"))
    return classifier


def default_weights() -> Path:
    """The weights that come with the package.

    Raises:
        ModelError: this build contains none.
    """
    shipped = sorted((Path(__file__).parents[1] / "weights").glob("*.safetensors"))
    if not shipped:
        raise ModelError("this build contains no weights: give --weights FILE, as written by `retina-xai train`")
    return shipped[0]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The metadata, of a known format version, and the tensors."""
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
    try:
        content = dict(parse_json(metadata[METADATA_KEY]))
        version = content["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error
    if version not in (FORMAT_VERSION, UNPROTECTED_VERSION):
        raise ModelError(f"{path}: weights format {version}, this version reads {FORMAT_VERSION}; update retina-xai")
    return content, state


def _facts(path: Path, content: Mapping[str, Any]) -> ModelFacts:
    try:
        values = {key: value for key, value in content.items() if key not in ("format", "self_test", "checksum")}
        values["preprocessing"] = Preprocessing.from_dict(values["preprocessing"])
        values["classes"] = tuple(values["classes"])
        facts = ModelFacts(**{**values, **{name: float(values[name]) for name in ("width", "threshold")}})
        _check_range(facts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, error) from error
    if facts.classes != CLASSES:
        raise ModelError(f"{path}: classes {facts.classes}, expected {CLASSES}; these weights are for another task")
    return facts


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path}: unreadable metadata ({error}); train or fetch the weights again")


def _checksum(content: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of the metadata (without the checksum itself) and of name, type, shape and bytes of every tensor."""
    signed = {key: value for key, value in content.items() if key != "checksum"}
    digest = hashlib.sha256(json.dumps(signed, sort_keys=True).encode())
    for name in sorted(state):
        tensor = state[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def self_test_score(classifier: RdrClassifier) -> float:
    """The score of `self_test.self_test_picture`."""
    preprocessing = classifier.facts.preprocessing
    picture = preprocessing.to_tensor(self_test_picture(preprocessing.size))
    return float(classifier.scores(picture[None])[0])


def _check_self_test(path: Path, classifier: RdrClassifier, stored: float | None) -> None:
    score = self_test_score(classifier)
    if math.isfinite(score) and (stored is None or abs(score - stored) <= TOLERANCE):
        return
    expected = "a number from 0 to 1" if stored is None else f"{stored:.4f}, at most {TOLERANCE} apart"
    raise ModelError(
        f"{path}: the self-test gives {score:.4f}, expected {expected}; copy the weights again, or train them again"
    )


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
