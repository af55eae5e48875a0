"""Torchvision's ImageNet classifiers by name, with torchvision's weights or those of a local file, and preprocessing.

A local file is safetensors, or a torch file (read with `weights_only=True`, so no code is executed), with torchvision's
tensor names. If its hash is published by torchvision, it gets the preprocessing of those weights, otherwise that of the
network's first weights. GoogLeNet and Inception v3 rescale their input inside the network.
"""

from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torchvision import models, transforms

from retina_xai.errors import ModelError
from retina_xai.io.files import sha256_of

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
RESCALING = frozenset({"googlenet", "inception_v3"})
MAX_REASON_LENGTH = 300
"""Characters of torch's message that our message quotes."""

DOWNLOADING = (OSError, RuntimeError, HTTPException)
"""Errors of a download: no connection, no place to write, or unexpected content."""


@dataclass(frozen=True)
class ImagenetPreprocessing:
    """Short side to `resize` pixels, the central `size` x `size` of it, then (value - mean) / std per channel."""

    size: int = 224
    resize: int = 256
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    interpolation: str = "bilinear"

    def to_tensor(self, pixels: np.ndarray) -> torch.Tensor:
        """RGB uint8 (H, W, 3) -> normalised (3, size, size)."""
        how = transforms.InterpolationMode(self.interpolation)
        shrink = transforms.Resize(self.resize, interpolation=how, antialias=True)
        shares = torch.empty(1, *pixels.shape[:2])  # of one channel: three of a large photograph take too much memory
        planes = torch.from_numpy(pixels).unbind(dim=2)
        channels = [shrink(shares.copy_(plane).div_(255)).clone() for plane in planes]  # it may return its input
        finish = transforms.Compose([transforms.CenterCrop(self.size), transforms.Normalize(self.mean, self.std)])
        tensor: torch.Tensor = finish(torch.cat(channels))
        return tensor

    def to_pixels(self, image: torch.Tensor) -> np.ndarray:
        """Normalised (3, H, W) -> RGB uint8 (H, W, 3), rounded and cut at 0 and 255."""
        shade = image.detach().cpu() * torch.tensor(self.std)[:, None, None] + torch.tensor(self.mean)[:, None, None]
        return np.asarray((shade.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())

    def mask_to_input(self, mask: np.ndarray, pixels: np.ndarray) -> torch.Tensor:
        """Part of a photograph, (H, W) bool, in the input of the network: (size, size) bool; half covered is inside."""
        how = transforms.InterpolationMode.BILINEAR
        resized = transforms.Resize(self.resize, interpolation=how, antialias=True)(
            torch.from_numpy(mask)[None].float()
        )
        inside: torch.Tensor = transforms.CenterCrop(self.size)(resized)[0] >= 0.5
        return inside

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def load_imagenet_model(name: str, weights: Path | None = None) -> nn.Module:
    """A torchvision classification network in evaluation mode, with 1000 classes.

    Args:
        name: torchvision's name, such as "resnet50".
        weights: a local file; None gives random weights (for tests of mechanics only).

    Raises:
        ModelError: unknown name, unreadable weights, or weights of another network.
    """
    check_name(name)
    if weights is None:
        random: nn.Module = models.get_model(name, weights=None).eval()
        return random
    state = read_state(weights, name)
    extra: dict[str, Any] = {}
    if name in RESCALING:
        auxiliary = any(key.lower().startswith("aux") for key in state)
        extra = {"init_weights": False, "transform_input": True, "aux_logits": auxiliary}
    if name.startswith("vit"):
        extra = {"image_size": preprocessing_of(name, sha256_of(weights)).size}
    model: nn.Module = models.get_model(name, weights=None, **extra)
    fill(model, state, weights, name)
    return model.eval()


def download_imagenet_model(name: str) -> tuple[nn.Module, str]:
    """The network with torchvision's default weights (cached or downloaded), and the name of these weights.

    Raises:
        ModelError: unknown name, or the weights cannot be downloaded.
    """
    check_name(name)
    weights = models.get_model_weights(name).DEFAULT
    try:
        model: nn.Module = models.get_model(name, weights=weights, progress=False)
    except DOWNLOADING as error:
        raise ModelError(
            f"cannot download the weights of {name} from {weights.url} ({_reason(error)}); "
            "fetch that file on another machine and give it with --weights"
        ) from error
    return model.eval(), weights.name


def check_name(name: str) -> None:
    """Raise ModelError unless torchvision has a classification network of that name."""
    if name not in models.list_models(module=models):
        raise ModelError(
            f"unknown network {name!r}: give a torchvision classification network such as resnet50, "
            "or your own as package.module:factory"
        )


def preprocessing_of(name: str, weights: str) -> ImagenetPreprocessing:
    """Torchvision's preprocessing for weights of the network `name`.

    Args:
        weights: torchvision's name of the weights, or the SHA-256 of a file. Unknown weights get the preprocessing of
            the network's first weights.
    """
    members = models.get_model_weights(name).__members__
    known = [entry for tag, entry in members.items() if tag == weights or _published_hash(entry.url, weights)]
    chosen = known[0] if known else members.get("IMAGENET1K_V1", next(iter(members.values())))
    rules = chosen.transforms()
    return ImagenetPreprocessing(
        rules.crop_size[0], rules.resize_size[0], tuple(rules.mean), tuple(rules.std), rules.interpolation.value
    )


def categories() -> tuple[str, ...]:
    """The names of ImageNet's 1000 classes, in order."""
    return tuple(models.SqueezeNet1_0_Weights.DEFAULT.meta["categories"])


def read_state(weights: Path, name: str) -> dict[str, torch.Tensor]:
    """The tensors of a weights file.

    Raises:
        ModelError: no such file, or no state dict in it.
    """
    try:
        if weights.suffix == ".safetensors":
            state = load_file(weights)
        else:
            state = torch.load(weights, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{weights}: no such weights file; check the path") from error
    except Exception as error:  # torch may raise anything for a damaged file
        raise ModelError(f"{weights}: unreadable weights; give a safetensors or torch state file of {name}") from error
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(tensor, torch.Tensor) for key, tensor in state.items()
    ):
        raise ModelError(f"{weights}: not a state dict of tensors; give a state file of {name}")
    return state


def fill(model: nn.Module, state: dict[str, torch.Tensor], weights: Path, name: str) -> None:
    """Load a state that was read from `weights` into the network `name`.

    Raises:
        ModelError: tensors missing, unknown, of another shape, or not finite.
    """
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        first = first if len(first) <= MAX_REASON_LENGTH else f"{first[:MAX_REASON_LENGTH]} ..."
        raise ModelError(f"{weights}: these are not the weights of {name} ({first}); name the right network") from error
    for key, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ModelError(f"{weights}: tensor {key!r} holds NaN or infinity; fetch the weights again")


def _published_hash(url: str, sha256: str) -> bool:
    """Whether torchvision's URL ends in the first eight digits of this hash."""
    return len(sha256) == 64 and Path(url).stem.endswith(f"-{sha256[:8]}")


def _reason(error: Exception) -> str:
    """The first line of the error's message, or its type."""
    text = str(getattr(error, "reason", "") or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
