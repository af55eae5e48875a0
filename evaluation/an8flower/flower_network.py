"""A small network for an8Flower, and its training from the drawn flowers alone.

Four convolutions (the first with stride 2), three max poolings and a hidden linear layer, for pictures of 112 pixels,
the size of the authors. The training is deterministic: one seed gives one network on one machine.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retina_xai.errors import UsageError
from retina_xai.evaluation.an8flower.flowers import draw_flower, flower_set
from retina_xai.models.imagenet import ImagenetPreprocessing
from retina_xai.models.network import Network

SIZE = 112
RULES = ImagenetPreprocessing(SIZE, SIZE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@dataclass(frozen=True)
class FlowerTraining:
    """Settings of a training.

    flowers: of each class. epochs: passes over them. lr: largest step of Adam. batch: flowers of a step. seed: of the
    flowers, the start and the order.

    Raises:
        UsageError: a number that is not positive.
    """

    flowers: int = 1000
    epochs: int = 4
    lr: float = 2e-3
    batch: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.flowers, self.epochs, self.batch) < 1 or not 0 < self.lr < 1:
            raise UsageError(
                f"flowers {self.flowers}, epochs {self.epochs}, batch {self.batch}, lr {self.lr:g}: give numbers of at "
                "least 1 and a rate of less than 1"
            )


class FlowerNet(nn.Sequential):
    """Pictures (N, 3, 112, 112) -> logits (N, classes)."""

    def __init__(self, classes: int) -> None:
        layers: dict[str, nn.Module] = {}
        channels = 3
        for number, (filters, kernel, stride) in enumerate(((24, 5, 2), (48, 3, 1), (64, 3, 1)), start=1):
            layers[f"conv{number}"] = nn.Conv2d(channels, filters, kernel, stride, kernel // 2)
            layers[f"relu{number}"], layers[f"pool{number}"] = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
            channels = filters
        layers |= {"conv4": nn.Conv2d(64, 64, 3, padding=1), "relu4": nn.ReLU(), "flatten": nn.Flatten()}
        layers |= {"hidden": nn.Linear(64 * 7 * 7, 64), "relu5": nn.ReLU(), "output": nn.Linear(64, classes)}
        super().__init__(OrderedDict(layers))


@dataclass(frozen=True, eq=False)
class Flowers:
    """Normalised pictures (N, 3, 112, 112), masks (N, 112, 112) bool, and classes (N,)."""

    images: Tensor
    masks: Tensor
    labels: Tensor

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and their classes, in order."""
        for first in range(0, len(self.labels), size):
            yield self.images[first : first + size], self.labels[first : first + size]


def drawn(name: str, labels: Sequence[int], numbers: Sequence[int], seed: int) -> Flowers:
    """The flowers of these numbers of each of these classes, the classes in turn."""
    found = [draw_flower(name, label, number, seed, SIZE) for number in numbers for label in labels]
    pixels = torch.from_numpy(np.stack([one.pixels for one in found])).permute(0, 3, 1, 2)
    images = (pixels.float() / 255 - RULES.mean[0]) / RULES.std[0]
    masks = torch.from_numpy(np.stack([one.mask for one in found]))
    return Flowers(images, masks, torch.tensor([one.label for one in found]))


def train_flowers(name: str, training: FlowerTraining, flowers: Flowers) -> Network:
    """A network trained on the flowers of a set, by Adam with one cycle of the step size."""
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        model = FlowerNet(len(flower_set(name).classes)).train()
        optimizer = torch.optim.Adam(model.parameters(), lr=training.lr, weight_decay=1e-4)
        steps = -(-len(flowers.labels) // training.batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, training.lr, training.epochs * steps)
        for _ in range(training.epochs):
            for rows in torch.split(torch.randperm(len(flowers.labels)), training.batch):
                optimizer.zero_grad()
                torch.autograd.backward(F.cross_entropy(model(flowers.images[rows]), flowers.labels[rows]))
                optimizer.step()
                schedule.step()
    return Network(model.eval(), f"FlowerNet {name}", flower_set(name).classes, RULES, f"seed {training.seed}")
