"""Relevance of filters for classes (VEBI): the mu-lasso over the responses of a data set, in memory and in a file.

    W = arg min ||X W - L||_F^2,   ||w_j||_1 <= mu

X (N, d) holds the responses of all filters to N images (`explainers.layers`), L (N, K) says to which of the classes
each image belongs. Filter k is relevant for class j if w_kj is not 0; on an image x its contribution is w_kj x_k.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.explainers.explainer import RankedFilter
from retina_xai.explainers.layers import Layer, places
from retina_xai.explainers.mu_lasso import mu_lasso
from retina_xai.io.files import parse_json, write_bytes

FORMAT_VERSION = 1
METADATA_KEY = "retina_xai_relevance"
MU = 10.0
"""Bound of the L1 norm in the paper."""


@dataclass(frozen=True, eq=False)
class FilterRelevance:
    """The weights of a network's filters for classes.

    layers: all but the last one. classes: the K classes that were fitted, rising. weights: (d, K) in the order of
    `layers.places`. mu: bound of the L1 norm of a column. images: how many were used.
    """

    layers: tuple[Layer, ...]
    classes: tuple[int, ...]
    weights: Tensor
    mu: float
    images: int

    @property
    def identity(self) -> str:
        """SHA-256 of all values."""
        digest = sha256(json.dumps(self._facts(), sort_keys=True).encode())
        digest.update(self.weights.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def columns(self, target: Tensor) -> Tensor:
        """The weights (N, d) of the target classes (N,).

        Raises:
            UsageError: a class that was not fitted.
        """
        known = {label: number for number, label in enumerate(self.classes)}
        absent = sorted({int(label) for label in target} - known.keys())
        if absent:
            raise UsageError(
                f"no relevance of filters for class {absent[0]}: the {len(known)} fitted classes are those of the "
                "photographs it was fitted to; fit it to photographs of that class too"
            )
        return self.weights[:, [known[int(label)] for label in target]].T

    def check_layers(self, layers: Sequence[Layer], name: str) -> None:
        """Raise ModelError unless a network has the layers of these weights; their names may differ."""
        own, found = ([layer.filters for layer in some] for some in (self.layers, layers))
        if own != found:
            raise ModelError(
                f"{name} has {len(found)} layers with {sum(found)} filters, the relevance was fitted to {len(own)} "
                f"layers with {sum(own)}, or in another order: fit it to this network"
            )

    def top(self, label: int, count: int) -> list[RankedFilter]:
        """The most relevant filters of a class, those with the largest positive weights."""
        return ranked(self.columns(torch.tensor([label]))[0], self.layers, count)

    def to_bytes(self) -> bytes:
        """The content of a file, safetensors."""
        content = {"format": FORMAT_VERSION, **self._facts()}
        made: bytes = save({"weights": self.weights.contiguous()}, metadata={METADATA_KEY: json.dumps(content)})
        return made

    def save(self, path: Path) -> None:
        """Write a file (atomic)."""
        write_bytes(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> "FilterRelevance":
        """Read a file written by `save`.

        Raises:
            ModelError: no such file, or it cannot be read as weights of filters.
        """
        if not path.is_file():
            raise ModelError(f"{path}: no such file; give the relevance.safetensors that fit-vebi wrote")
        try:
            with safe_open(path, framework="pt") as file:
                facts = parse_json((file.metadata() or {})[METADATA_KEY])
                weights = file.get_tensor("weights")
            if facts["format"] != FORMAT_VERSION:
                raise ModelError(f"{path}: format {facts['format']}, this version reads {FORMAT_VERSION}; fit it again")
            layers = tuple(Layer(**layer) for layer in facts["layers"])
            made = cls(layers, tuple(facts["classes"]), weights, float(facts["mu"]), int(facts["images"]))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"{path}: not readable as relevance of filters ({error}); fit it again") from error
        if weights.shape != (len(places(layers)), len(made.classes)) or not torch.isfinite(weights).all():
            raise ModelError(f"{path}: weights {tuple(weights.shape)} that do not fit its layers; fit it again")
        return made

    def _facts(self) -> dict[str, Any]:
        layers = [asdict(layer) for layer in self.layers]
        return {"layers": layers, "classes": list(self.classes), "mu": self.mu, "images": self.images}


def fit_relevance(
    layers: Sequence[Layer], features: Iterable[Tensor], labels: Sequence[int], mu: float = MU
) -> FilterRelevance:
    """Fit the weights.

    Args:
        layers: of the network. features: the responses (d,) of each of N images. labels: (N,), the class of each.
        mu: bound of the L1 norm of the weights of a class, above 0.

    Raises:
        InputError: no image, or numbers of images and labels that differ.
        UsageError: mu is not positive.
    """
    rows = [one.detach().cpu().double() for one in features]
    if not rows or len(rows) != len(labels):
        raise InputError(f"{len(rows)} images and {len(labels)} labels: give at least one image and a label for each")
    classes = sorted({int(label) for label in labels})
    wanted = np.array([[label == one for one in classes] for label in labels], dtype=np.float64)
    solved = mu_lasso(torch.stack(rows).numpy(), wanted, mu)
    return FilterRelevance(tuple(layers), tuple(classes), torch.from_numpy(solved).float(), float(mu), len(rows))


def ranked(values: Tensor, layers: Sequence[Layer], count: int) -> list[RankedFilter]:
    """The filters of the `count` largest positive values (d,), largest first; equal values in the order of layers."""
    order = torch.sort(values, descending=True, stable=True).indices[:count].tolist()
    where = places(layers)
    return [
        RankedFilter(layers[where[index][0]].name, where[index][1], float(values[index]))
        for index in order
        if values[index] > 0
    ]
