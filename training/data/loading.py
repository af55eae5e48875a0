"""The dataset of prepared photographs, the balanced sampler and the loaders of one stage.

Every draw has its own generator, seeded by (seed, stage, epoch, position, index), and all processes share one sequence
of draws. So the number of worker processes and interruptions do not change the training data.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from monai.data.dataset import Dataset
from torch.utils.data import DataLoader, Sampler, Subset

from retina_xai.errors import InputError
from retina_xai.grades.photographs import REFERABLE, LabelledPhotograph
from retina_xai.training.augment import Augment, contrast, draw_weights, normalise
from retina_xai.training.config import BalanceSettings, StageSettings, TrainingConfig
from retina_xai.training.data.cache import Cache
from retina_xai.training.data.split import LEARNING
from retina_xai.training.synthesis.drawn_lesions import draw_lesions, referable_plan
from retina_xai.training.synthesis.dust import dusty
from retina_xai.training.synthesis.patches import VALIDATION_PATCHES, Draw, Patches

VALIDATION_SEED = 2**20  # no epoch has this number
Loader = DataLoader[tuple[torch.Tensor, int]]


class Prepared(Dataset):
    """Prepared copies by index (plain) or by `Draw` (augmented): pairs of tensor (3, S, S) and grade."""

    def __init__(self, files: Sequence[Path], levels: Sequence[int], augment: Augment) -> None:
        super().__init__(list(zip(files, levels, strict=True)))
        self.augment = augment

    def __getitem__(self, index: Any) -> tuple[torch.Tensor, int]:
        """The image at an index, or the augmented image of a `Draw`, with synthetic lesions if it asks for them."""
        if isinstance(index, Draw):
            file, level = self.data[index.index]
            pixels = np.load(file)
            if index.drawn:
                rng = np.random.default_rng([*index.seed, 1])
                pixels, level = draw_lesions(pixels, referable_plan(rng), rng).pixels, REFERABLE
            pixels = dusty(pixels, self.augment.settings.dust, np.random.default_rng([*index.seed, 2]))
            self.augment.set_random_state(seed=int(np.random.SeedSequence(index.seed).generate_state(1)[0]))
            return self.augment(pixels), level
        file, level = self.data[index]
        plain = contrast if self.augment.preprocessing.background else normalise
        return plain(np.load(file), self.augment.preprocessing), level


Samples = Prepared | Patches


class BalancedSampler(Sampler[Draw]):
    """Draws of one epoch, equal on all machines; process `rank` of `world` takes every world-th draw.

    Args:
        photographs: (level, source) of each photograph.
        balance: resampling weights.
        seed: (seed, stage); the epoch comes from `set_epoch`, which Lightning calls.
        earlier: number of epochs in earlier stages; the balance continues to decay from there.
        stage: number of draws, and share of synthetic lesions.
    """

    def __init__(
        self,
        photographs: Sequence[tuple[int, str]],
        balance: BalanceSettings,
        seed: tuple[int, int],
        earlier: int = 0,
        stage: StageSettings | None = None,
    ) -> None:
        self.balance, self.seed, self.earlier = balance, seed, earlier
        self.levels = np.array([level for level, _ in photographs])
        self.sources = np.array([source for _, source in photographs])
        self.count = len(photographs) if stage is None or stage.draws is None else stage.draws
        self.drawn, self.drawn_decay = (0.0, 1.0) if stage is None else (stage.drawn, stage.drawn_decay)
        self.epoch, self.rank, self.world = 0, 0, 1

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of this stage."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count // self.world

    def __iter__(self) -> Iterator[Draw]:
        weights = draw_weights(self.levels, self.sources, self.balance, self.earlier + self.epoch)
        rng = np.random.default_rng([*self.seed, self.epoch])
        chosen = rng.choice(len(weights), size=self.count, p=weights)
        drawn = self._drawn(chosen, rng)
        for position in range(self.rank, len(self) * self.world, self.world):
            index = int(chosen[position])
            yield Draw(index, (*self.seed, self.epoch, position, index), bool(drawn[position]))

    def _drawn(self, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Replace a share of the referable choices, in place, by disease-free photographs of the same source.

        A source without disease-free photographs is not changed. Returns which choices were replaced, bool.
        """
        share = self.drawn * self.drawn_decay**self.epoch
        wanted = (self.levels[chosen] >= REFERABLE) & (rng.random(self.count) < share)
        former, drawn = self.sources[chosen], np.zeros(self.count, dtype=bool)
        for source in np.unique(self.sources):
            here = np.flatnonzero(wanted & (former == source))
            healthy = np.flatnonzero((self.levels == 0) & (self.sources == source))
            if len(here) and len(healthy):
                chosen[here] = rng.choice(healthy, size=len(here))
                drawn[here] = True
        return drawn


class StageData(LightningDataModule):
    """Loaders of one stage; `parts` are the training and validation photographs, `epoch` is the first epoch to load."""

    def __init__(
        self, parts: dict[str, list[LabelledPhotograph]], cache: Cache, config: TrainingConfig, stage: int
    ) -> None:
        super().__init__()
        self.parts, self.cache, self.config, self.stage, self.epoch = parts, cache, config, stage, 0

    def train_dataloader(self) -> Loader:
        """Augmented draws; a smaller last batch is dropped, because batch norm needs several images."""
        former = self.config.stages[: self.stage]
        earlier = sum(stage.epochs for stage in former if stage.kind == "photographs")
        photographs = [(photo.level, photo.source) for photo in self.chosen("training")]
        seed = (self.config.seed, self.stage)
        sampler = BalancedSampler(photographs, self.config.balance, seed, earlier, self.settings)
        sampler.set_epoch(self.epoch)
        sampler.rank, sampler.world = self._place()
        return self._loader(self._samples("training"), sampler, drop_last=True)

    def val_dataloader(self) -> Loader:
        """The validation photographs without augmentation, or fixed patches of them; divided among the processes."""
        return self.plain("validation")

    def plain(self, part: str) -> Loader:
        """The photographs of a part in the order of `chosen`, as `val_dataloader` does."""
        samples = self._samples(part)
        count = len(samples) if self.settings.kind == "photographs" else VALIDATION_PATCHES
        rank, world = self._place()
        return self._loader(Subset(samples, range(rank, count, world)), None, drop_last=False)

    @property
    def settings(self) -> StageSettings:
        """The settings of this stage."""
        return self.config.stages[self.stage]

    def chosen(self, part: str) -> list[LabelledPhotograph]:
        """The photographs of the stage: for patches the disease-free ones; only those that are large enough."""
        least, sides = self.settings.least_side, self.cache.sides
        large = [photo for photo in self.parts[part] if not least or sides[photo.image] >= least]
        if self.settings.kind == "photographs":
            return large
        return [photo for photo in large if photo.level == 0]

    def _samples(self, part: str) -> Samples:
        chosen, size = self.chosen(part), self.settings.photograph_size
        files = [self.cache.path(photo.image, size) for photo in chosen]
        augment = Augment(self.config.preprocessing.at(size), self.config.augmentation)
        if self.settings.kind == "patches":
            return Patches(files, self.settings.size, augment, (self.config.seed, self.stage, VALIDATION_SEED))
        return Prepared(files, [photo.level for photo in chosen], augment)

    def _place(self) -> tuple[int, int]:
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _loader(self, data: Samples | Subset[Samples], sampler: BalancedSampler | None, drop_last: bool) -> Loader:
        count = len(data) if sampler is None else len(sampler)
        workers = self.config.hardware.workers
        return DataLoader(
            data,
            batch_size=max(1, min(self.settings.batch, count)),
            sampler=sampler,
            drop_last=drop_last,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=_single_thread,
            pin_memory=torch.cuda.is_available(),
        )


def check_parts(parts: dict[str, list[LabelledPhotograph]], cache: Cache, config: TrainingConfig) -> None:
    """Check that every stage has photographs, and disease-free ones where it draws lesions.

    Raises:
        InputError: there are none; the message names part and stage.
    """
    for number, stage in enumerate(config.stages, start=1):
        data = StageData(parts, cache, config, number - 1)
        for part in LEARNING:
            chosen = data.chosen(part)
            drawn = stage.kind == "patches" or (stage.drawn and part == "training")
            if drawn and all(photo.level > 0 for photo in chosen):
                remedy = "leave that stage out" if stage.kind == "patches" else "set its drawn to 0"
                raise InputError(
                    f"{part}: no disease-free photograph (grade 0), but stage {number} draws lesions on them;"
                    f" add some, or {remedy}"
                )
            if not chosen:
                raise InputError(
                    f"{part}: no photograph of {stage.least_side} pixels for stage {number}; lower least_side"
                )


def _single_thread(worker: int) -> None:
    # OpenCV threads of the parent process do not exist in a forked worker
    cv2.setNumThreads(0)
