"""The classifier of fundus photographs as a `Network`, for what takes any classifier.

The explained class is always referable diabetic retinopathy, whatever the score is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from retina_xai.fundus.preprocessing import Preprocessing, prepare
from retina_xai.io.images import Photograph
from retina_xai.models.checkpoint import RDR, load_classifier
from retina_xai.models.network import RDR_NAME, Network

GREY = 128.0


@dataclass(frozen=True)
class FundusInput:
    """The square around the field of view, normalised; see `fundus.preprocessing`."""

    rules: Preprocessing

    @property
    def size(self) -> int:
        """Pixels of a side."""
        return self.rules.size

    def to_tensor(self, pixels: np.ndarray) -> Tensor:
        """RGB uint8 (H, W, 3) -> normalised (3, size, size).

        Raises:
            InputError: no field of view is found.
        """
        return self.rules.to_tensor(prepare(Photograph(pixels, "", ""), self.size).pixels)

    def to_pixels(self, image: Tensor) -> np.ndarray:
        """Normalised (3, size, size) -> RGB uint8; where a local background was subtracted, contrast around grey."""
        mean = (GREY,) * 3 if self.rules.background else self.rules.mean
        shade = image.detach().cpu() * torch.tensor(self.rules.std)[:, None, None] + torch.tensor(mean)[:, None, None]
        return np.asarray(shade.clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).numpy())

    def mask_to_input(self, mask: np.ndarray, pixels: np.ndarray) -> Tensor:
        """Part of a photograph, (H, W) bool, in the input of the network: (size, size) bool.

        A pixel of the input is inside where the centre of any pixel of the part lies in it, or its own centre in the
        part: small lesions cover less than half of every pixel.
        """
        geometry = prepare(Photograph(pixels, "", ""), self.size).geometry
        inside = geometry.map_from_file(mask.astype(np.float32), order=0) > 0
        rows, columns = np.nonzero(mask)
        across, down = np.rint(geometry.points_from_file(np.stack([columns, rows], axis=1))).astype(int).T
        seen = (across >= 0) & (across < self.size) & (down >= 0) & (down < self.size)
        inside[down[seen], across[seen]] = True
        return torch.from_numpy(inside)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return self.rules.to_dict()


@dataclass(frozen=True)
class RdrNetwork(Network):
    """The classifier with two classes, of which the second is referable diabetic retinopathy."""

    fundus: ClassVar[bool] = True
    explained_as: ClassVar[str] = "referable diabetic retinopathy"

    def explained_class(self, image: Tensor) -> int:
        """Referable diabetic retinopathy."""
        return RDR


def rdr_network(weights: Path | None = None, device: str | torch.device = "cpu") -> RdrNetwork:
    """The classifier with the weights of the package, or of a file.

    Raises:
        ModelError: weights that cannot be used.
    """
    classifier = load_classifier(weights, device)
    facts = classifier.facts
    return RdrNetwork(classifier.model, RDR_NAME, facts.classes, FundusInput(facts.preprocessing), classifier.sha256)
