"""Photographs to the network: datasets, the balanced sampler and loaders of one stage.

Every draw has its own generator, seeded by (seed, stage, epoch, position, index), and every process of many takes
its share of one common sequence of draws: neither worker processes nor an interruption changes what a training
sees.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from monai.data.dataset import Dataset
from torch.utils.data import DataLoader, Sampler, Subset

from retina_xai.fundus import Preprocessing
from training.augment import Augment, grade_weights, normalise
from training.cache import Cache
from training.config import Balance, TrainingConfig
from training.eyepacs import Labelled

Loader = DataLoader[tuple[torch.Tensor, int]]


@dataclass(frozen=True)
class Draw:
    """One training sample: which photograph, and the seed of its augmentation."""

    index: int
    seed: tuple[int, ...]


class Prepared(Dataset):
    """Prepared copies by index (plain) or by `Draw` (augmented): pairs of tensor (3, S, S) and grade."""

    def __init__(self, files: Sequence[Path], levels: Sequence[int], augment: Augment) -> None:
        super().__init__(list(zip(files, levels, strict=True)))
        self.augment = augment

    def __getitem__(self, index: Any) -> tuple[torch.Tensor, int]:
        """The image at an index as it is, or the augmented image of a draw."""
        if isinstance(index, Draw):
            file, level = self.data[index.index]
            self.augment.set_random_state(seed=int(np.random.SeedSequence(index.seed).generate_state(1)[0]))
            return self.augment(np.load(file)), level
        file, level = self.data[index]
        return normalise(np.load(file), self.augment.preprocessing), level


class BalancedSampler(Sampler[Draw]):
    """Draws of one epoch, the same on every machine; process `rank` of `world` takes every world-th of them.

    Args:
        levels: grade of each photograph.
        balance: resampling weights.
        seed: (seed, stage); the epoch comes from `set_epoch`, which Lightning calls.
        earlier: epochs of earlier stages, over which the balance has already decayed.
    """

    def __init__(self, levels: Sequence[int], balance: Balance, seed: tuple[int, int], earlier: int = 0) -> None:
        self.levels, self.balance, self.seed, self.earlier = np.asarray(levels), balance, seed, earlier
        self.epoch, self.rank, self.world = 0, 0, 1

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (of this stage) whose draws come next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.levels) // self.world

    def __iter__(self) -> Iterator[Draw]:
        weights = grade_weights(self.balance, self.earlier + self.epoch)[self.levels]
        rng = np.random.default_rng([*self.seed, self.epoch])
        chosen = rng.choice(len(weights), size=len(weights), p=weights / weights.sum())
        for position in range(self.rank, len(self) * self.world, self.world):
            index = int(chosen[position])
            yield Draw(index, (*self.seed, self.epoch, position, index))


class StageData(LightningDataModule):
    """Loaders of one stage; `parts` are the photographs of training and validation, `epoch` the first one to load."""

    def __init__(self, parts: dict[str, list[Labelled]], cache: Cache, config: TrainingConfig, stage: int) -> None:
        super().__init__()
        self.parts, self.cache, self.config, self.stage, self.epoch = parts, cache, config, stage, 0

    def train_dataloader(self) -> Loader:
        """Augmented draws; the last, smaller batch is left out, as batch norm needs several images."""
        levels = [photo.level for photo in self.parts["training"]]
        earlier = sum(stage.epochs for stage in self.config.stages[: self.stage])
        sampler = BalancedSampler(levels, self.config.balance, (self.config.seed, self.stage), earlier)
        sampler.set_epoch(self.epoch)
        sampler.rank, sampler.world = self._place()
        return self._loader(self._photographs("training"), sampler, drop_last=True)

    def val_dataloader(self) -> Loader:
        """The validation photographs as they are; each process takes its share."""
        photographs = self._photographs("validation")
        rank, world = self._place()
        return self._loader(Subset(photographs, range(rank, len(photographs), world)), None, drop_last=False)

    def _photographs(self, part: str) -> Prepared:
        settings = self.config.stages[self.stage]
        files = [self.cache.path(photo.image, settings.size) for photo in self.parts[part]]
        augment = Augment(Preprocessing(settings.size), self.config.augmentation)
        return Prepared(files, [photo.level for photo in self.parts[part]], augment)

    def _place(self) -> tuple[int, int]:
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _loader(self, data: Prepared | Subset[Prepared], sampler: BalancedSampler | None, drop_last: bool) -> Loader:
        count = len(data) if sampler is None else len(sampler)
        workers = self.config.hardware.workers
        return DataLoader(
            data,
            batch_size=max(1, min(self.config.stages[self.stage].batch, count)),
            sampler=sampler,
            drop_last=drop_last,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=_single_thread,
            pin_memory=torch.cuda.is_available(),
        )


def _single_thread(worker: int) -> None:
    # a forked worker must not use the threads that OpenCV started in its parent
    cv2.setNumThreads(0)
