"""Cost of explanations of several methods and libraries in bare passes (see `engine.py`), on one VGG-16.

    pip install --no-deps torchray importlib_resources timm
    python tests/bench/peers.py --spravil main.py

TorchRay's extremal perturbation is timed for a few of its iterations, whose cost does not change, and scaled to its
default of 800. `--spravil` takes the file main.py of github.com/spravil/FGVis, another FGVis in PyTorch; its
clipping modules are used, and a step does what one of its `run` does, but for the term of a black image. It does not
work with networks that use a ReLU module twice, such as a ResNet. Libraries that are not there are left out. The
weights are random, which changes no cost.
"""

import argparse
import importlib.util
import statistics
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch
from engine import STEPS, bare_passes, seconds
from rich.console import Console
from torch import Tensor, nn
from torchvision import models

from retina_xai import FGVis
from retina_xai.explainers.occlusion import Occlusion
from retina_xai.explainers.rise import RISE
from retina_xai.models.inference import inference
from retina_xai.models.throughput import keep_freed_memory

ITERATIONS = 800
"""Of extremal perturbation, by default."""

Work = Callable[[], object]


def ours(model: nn.Module, image: Tensor) -> dict[str, tuple[Work, float]]:
    """Name -> (what is timed, how many of it make up one explanation)."""
    game = FGVis(lam=1e-8, lr=1e-3, iterations=40)
    return {
        "FGVis, 40 steps": (lambda: game(model, image, targets=0), 1),
        "RISE, 4000 masks": (lambda: RISE(masks=160)(model, image, targets=0), 4000 / 160),
        "occlusion, window 32, stride 8": (lambda: Occlusion()(model, image, targets=0), 1),
    }


def captums(model: nn.Module, image: Tensor) -> dict[str, tuple[Work, float]]:
    """Occlusion of Captum with the same windows, 16 of them in one pass."""
    from captum.attr import Occlusion as Captums

    occlusion = Captums(model)
    windows = {"sliding_window_shapes": (3, 32, 32), "strides": (3, 8, 8), "perturbations_per_eval": 16}
    return {"Captum occlusion": (lambda: occlusion.attribute(image, target=0, **windows), 1)}


def torchrays(model: nn.Module, image: Tensor) -> dict[str, tuple[Work, float]]:
    """Extremal perturbation with its defaults."""
    from torchray.attribution.extremal_perturbation import extremal_perturbation

    def run() -> object:
        return extremal_perturbation(model, image, 0, max_iter=10)

    return {f"TorchRay extremal perturbation, {ITERATIONS} iterations": (run, ITERATIONS / 10)}


def spravils(path: Path, model: nn.Module, image: Tensor) -> dict[str, tuple[Work, float]]:
    """One step of another FGVis: clipping modules behind each ReLU module, and the update of the mask."""
    other = _module(path)
    network = models.vgg16().eval().requires_grad_(False)
    network.load_state_dict(model.state_dict())
    outputs: dict[str, Tensor] = {}
    rectifiers = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.ReLU)]
    hooks = [
        module.register_forward_hook(lambda _, given, output, name=name: outputs.update({name: output.detach()}))
        for name, module in rectifiers
    ]
    network(image)
    for hook in hooks:
        hook.remove()
    for name, module in rectifiers:
        other.replace_module(network, name, nn.Sequential(module, other.DefenseLayer(outputs[name])))
    mask = torch.ones_like(image).requires_grad_()
    optimizer = torch.optim.SGD([mask], lr=1e-3)

    def step() -> None:
        explained = image.mul(mask)
        loss = -1e-9 * torch.norm(mask, 1) + network(explained + 0.1 * torch.randn_like(image)).softmax(1)[0, 0]
        optimizer.zero_grad()
        loss.backward()
        mask.grad /= mask.grad.abs().max()
        optimizer.step()
        mask.data.clamp_(0, 1)

    return {"spravil/FGVis, 40 steps": (step, 40)}


def _module(path: Path) -> ModuleType:
    """The Python file at that place."""
    spec = importlib.util.spec_from_file_location("other_fgvis", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Print one line per method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spravil", type=Path, help="main.py of spravil/FGVis (needs timm)")
    given = parser.parse_args()
    keep_freed_memory()
    console = Console()
    image = torch.randn(1, 3, 224, 224)
    with inference(models.vgg16()) as model:
        works = ours(model, image)
        for library, make in (("captum", captums), ("torchray", torchrays)):
            if importlib.util.find_spec(library) is None:
                console.print(f"{library} is not installed: left out")
            else:
                works |= make(model, image)
        if given.spravil is not None:
            works |= spravils(given.spravil, model, image)
        for name, (work, parts) in works.items():
            ratios = []
            for _ in range(given.rounds + 1):
                bare = seconds(lambda: bare_passes(model, image, STEPS)) / STEPS
                ratios.append(seconds(work) * parts / bare)
            console.print(f"{name:50} {statistics.median(ratios[1:]):8.0f} bare passes")


if __name__ == "__main__":
    main()
