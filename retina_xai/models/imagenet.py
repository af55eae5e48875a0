"""ImageNet classifiers of torchvision by name, with weights from a local file, and their usual preprocessing.

Weights are safetensors, or torch files read with `weights_only=True` (no code is executed), in torchvision's own
layout.
"""

import pickle
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torchvision import models, transforms

from retina_xai.errors import ModelError

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def load_imagenet_model(name: str, weights: Path | None = None) -> nn.Module:
    """A torchvision classification network in evaluation mode, with 1000 classes.

    Args:
        name: torchvision's name, such as "resnet50".
        weights: a local file; None gives random weights (for tests of mechanics only).

    Raises:
        ModelError: unknown name, unreadable weights, or weights of another network.
    """
    if name not in models.list_models(module=models):
        raise ModelError(f"unknown network {name!r}: give a torchvision classification network such as resnet50")
    extra = {"init_weights": False} if name in {"googlenet", "inception_v3"} and weights is not None else {}
    model = models.get_model(name, weights=None, **extra)
    if weights is not None:
        _fill(model, name, weights)
    network: nn.Module = model.eval()
    return network


def to_input(pixels: np.ndarray, size: int = 224) -> torch.Tensor:
    """RGB uint8 (H, W, 3) -> normalised (3, size, size): short side to size * 256 / 224, then the centre."""
    steps = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Resize(round(size * 256 / 224), antialias=True),
            transforms.CenterCrop(size),
            transforms.Normalize(MEAN, STD),
        ]
    )
    tensor: torch.Tensor = steps(pixels)
    return tensor


def _fill(model: nn.Module, name: str, weights: Path) -> None:
    try:
        if weights.suffix == ".safetensors":
            state = load_file(weights)
        else:
            state = torch.load(weights, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ModelError(f"{weights}: unreadable weights; give a safetensors or torch state file of {name}") from error
    if not isinstance(state, dict):
        raise ModelError(f"{weights}: holds {type(state).__name__}, expected a state dict of {name}")
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ModelError(f"{weights}: these are not the weights of {name} ({first}); name the right network") from error
