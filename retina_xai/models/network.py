"""Any image classifier by name: the network with its classes, preprocessing and the identity of its weights.

    load_network("resnet50")                            torchvision's network with torchvision's weights
    load_network("resnet50", Path("resnet50.pth"))      the same with weights from a local file
    load_network("my_package.nets:make", Path("w.pt"))  the module that `make()` returns, with weights from a file
    load_network("rdr")                                 the classifier of fundus photographs; see `models.rdr_network`

A factory is called without arguments and returns a torch module that maps (N, 3, H, W) to logits (N, classes);
`models.outputs` lists other outputs that are accepted. The module may have two attributes:

    preprocessing  an `ImagenetPreprocessing`; the default is ImageNet's
    classes        names of the classes, a list or tuple of strings; the default is ImageNet's names for 1000 classes,
                   otherwise the class numbers
"""

import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from retina_xai.errors import ModelError, UsageError
from retina_xai.io.files import sha256_of
from retina_xai.io.images import Photograph
from retina_xai.models.imagenet import (
    ImagenetPreprocessing,
    categories,
    download_imagenet_model,
    fill,
    load_imagenet_model,
    preprocessing_of,
    read_state,
)
from retina_xai.models.inference import inference
from retina_xai.models.outputs import logits_of
from retina_xai.models.scored_model import scored
from retina_xai.models.scores import Score, score_spec

SUGGESTIONS = 5
RDR_NAME = "rdr"


class NetworkInput(Protocol):
    """How photographs become inputs of a network, (3, size, size)."""

    @property
    def size(self) -> int:
        """Pixels of a side."""

    def to_tensor(self, pixels: np.ndarray) -> Tensor:
        """RGB uint8 (H, W, 3) -> normalised (3, size, size)."""

    def to_pixels(self, image: Tensor) -> np.ndarray:
        """Normalised (3, size, size) -> RGB uint8 (size, size, 3)."""

    def mask_to_input(self, mask: np.ndarray, pixels: np.ndarray) -> Tensor:
        """Part of a photograph, (H, W) bool, in the input of the network: (size, size) bool."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for reports."""


@dataclass(frozen=True)
class Network:
    """A classifier ready for use.

    model: in evaluation mode, (N, 3, size, size) -> logits (N, classes). classes: their names in order. weights: the
    SHA-256 of the weights file, torchvision's name of its weights, or "state:" and the SHA-256 of the tensors of a
    factory's module. fundus: whether it takes fundus photographs, for which methods have settings of their own.
    explained_as: which class `explained_class` is, for captions.
    """

    fundus: ClassVar[bool] = False
    explained_as: ClassVar[str] = "its most likely class"
    model: nn.Module
    name: str
    classes: tuple[str, ...]
    preprocessing: NetworkInput
    weights: str

    @property
    def device(self) -> torch.device:
        """The device of the network's tensors."""
        return next((tensor.device for tensor in self.model.parameters()), torch.device("cpu"))

    def input_of(self, photograph: Photograph) -> Tensor:
        """The preprocessed photograph, (1, 3, size, size), on the network's device."""
        return self.preprocessing.to_tensor(photograph.pixels)[None].to(self.device)

    def logits(self, images: Tensor, score: Score = "softmax") -> Tensor:
        """Logits (N, classes) of normalised images (N, 3, size, size), for a score; see `models.scores`."""
        with scored(self.model, score) as network, torch.no_grad():
            logits: Tensor = network(images.to(self.device))
        return logits

    def scores(self, images: Tensor, score: Score = "softmax") -> Tensor:
        """Scores (N, classes) of normalised images (N, 3, size, size)."""
        return score_spec(score).table(self.logits(images, score))

    def most_likely(self, image: Tensor, count: int, score: Score = "softmax") -> list[tuple[int, float]]:
        """Index and score of the `count` most likely classes of one image (1, 3, size, size), highest first."""
        scores, indices = self.scores(image, score)[0].topk(min(count, len(self.classes)))
        return list(zip(indices.tolist(), scores.tolist(), strict=True))

    def explained_class(self, image: Tensor) -> int:
        """The class that a comparison explains, of one image (1, 3, size, size)."""
        return int(self.logits(image).argmax())

    def check_score(self, score: Score) -> None:
        """Compute the score of an image of the mean colour.

        Raises:
            ModelError: the network's outputs do not fit the score; see `models.outputs`.
        """
        self.scores(torch.zeros(1, 3, self.preprocessing.size, self.preprocessing.size), score)

    def class_index(self, wanted: str) -> int:
        """The class of that name or number; see `class_index`."""
        return class_index(self.classes, wanted)

    def facts(self) -> dict[str, Any]:
        """Name, weights, number of classes and preprocessing, as plain values for reports."""
        return {
            "name": self.name,
            "weights": self.weights,
            "classes": len(self.classes),
            "preprocessing": self.preprocessing.to_dict(),
        }


def load_network(name: str, weights: Path | str | None = None, device: str | torch.device = "cpu") -> Network:
    """A network by torchvision's name, as `package.module:factory`, or "rdr"; see the module docstring.

    Raises:
        ModelError: unknown network, unusable factory, or weights that do not fit or cannot be downloaded or read.
    """
    weights = None if weights is None else Path(weights)
    if name == RDR_NAME:
        from retina_xai.models.rdr_network import rdr_network

        return rdr_network(weights, device)
    model, rules, identity = _from_factory(name, weights) if ":" in name else _from_torchvision(name, weights)
    model = model.eval().to(device)
    outputs = _outputs(model, name, torch.zeros(1, 3, rules.size, rules.size, device=device))
    return Network(model, name, _classes(model, name, outputs), rules, identity)


def class_index(classes: Sequence[str], wanted: str) -> int:
    """The index of a class given by number or by name; case and underscores are ignored.

    Raises:
        UsageError: no such class (the message suggests similar names), or several classes of that name.
    """
    text = wanted.strip()
    if text.isdecimal():
        if int(text) < len(classes):
            return int(text)
        raise UsageError(f"class {text}: the network has classes 0 to {len(classes) - 1}")
    plain = [_plain(name) for name in classes]
    found = [index for index, name in enumerate(plain) if name == _plain(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"class {text!r} is ambiguous, it names classes {', '.join(map(str, found))}: give the number")
    raise UsageError(
        f"unknown class {text!r}{_suggestion(_plain(text), plain)}: give a name or a number of 0 to {len(classes) - 1}"
    )


def _outputs(model: nn.Module, name: str, image: Tensor) -> int:
    """The number of classes, from a forward pass over one image."""
    try:
        with inference(model), torch.no_grad():
            output = model(image)
    except Exception as error:  # the user's code may raise anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{name}: cannot classify an image of shape {tuple(image.shape)} ({reason})") from error
    logits = logits_of(output, 1, name)
    if not torch.isfinite(logits).all():
        raise ModelError(f"{name}: returned NaN or infinity for an image of the mean colour; check its weights")
    return int(logits.shape[1])


def _classes(model: nn.Module, name: str, outputs: int) -> tuple[str, ...]:
    """The module's own names, or ImageNet's if their number fits, or the class numbers."""
    given = getattr(model, "classes", None)
    if isinstance(given, list | tuple) and all(isinstance(word, str) for word in given):
        if len(given) != outputs:
            raise ModelError(f"{name}: `classes` has {len(given)} names, expected {outputs}, one for each logit")
        return tuple(given)
    names = categories()
    return names if len(names) == outputs else tuple(map(str, range(outputs)))


def _suggestion(text: str, plain: Sequence[str]) -> str:
    holding = [name for name in plain if text and text in name]
    close = list(dict.fromkeys([*holding, *get_close_matches(text, plain, SUGGESTIONS)]))[:SUGGESTIONS]
    return f" (close: {', '.join(close)})" if close else ""


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def _from_torchvision(name: str, weights: Path | None) -> tuple[nn.Module, ImagenetPreprocessing, str]:
    if weights is None:
        model, identity = download_imagenet_model(name)
    else:
        model, identity = load_imagenet_model(name, weights), sha256_of(weights)
    return model, preprocessing_of(name, identity), identity


def _from_factory(name: str, weights: Path | None) -> tuple[nn.Module, ImagenetPreprocessing, str]:
    model = _call(name, _factory(name))
    if weights is not None:
        fill(model, read_state(weights, name), weights, name)
    rules = getattr(model, "preprocessing", None)
    if not isinstance(rules, ImagenetPreprocessing):
        rules = ImagenetPreprocessing()
    return model, rules, sha256_of(weights) if weights is not None else f"state:{_state_hash(model)}"


def _factory(name: str) -> Callable[[], object]:
    module_name, _, attribute = name.partition(":")
    try:
        with _here_importable():
            module = importlib.import_module(module_name)
        found = getattr(module, attribute)
    except Exception as error:  # the user's module may raise anything
        raise ModelError(
            f"{name}: cannot be imported ({type(error).__name__}: {error}); give package.module:factory of a package "
            "that is installed or in the current folder"
        ) from error
    if not callable(found):
        raise ModelError(f"{name}: is {type(found).__name__}, expected a function that returns a torch module")
    factory: Callable[[], object] = found
    return factory


def _call(name: str, factory: Callable[[], object]) -> nn.Module:
    try:
        model = factory()
    except Exception as error:  # the user's code may raise anything
        raise ModelError(f"{name}: failed ({type(error).__name__}: {error}); it is called without arguments") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{name}: returned {type(model).__name__}, expected a torch module")
    return model


@contextmanager
def _here_importable() -> Iterator[None]:
    """Let modules of the current folder be imported, as `python -m` does."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _state_hash(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
