"""Draws: their shares, their independence of workers and processes, and what the datasets yield."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from retina_xai.fundus import Preprocessing
from training.augment import Augment, grade_weights, normalise
from training.cache import Cache
from training.config import Augmentation, Balance, TrainingConfig
from training.loading import BalancedSampler, Draw, Prepared, StageData
from training.photographs import Labelled

LEVELS = [0] * 700 + [1] * 70 + [2] * 150 + [3] * 40 + [4] * 40
PHOTOGRAPHS = [(level, "eyepacs") for level in LEVELS]


def _stage(folder: Path, workers: int = 0, count: int = 11) -> StageData:
    rng = np.random.default_rng(0)
    (folder / "32").mkdir(parents=True, exist_ok=True)
    photographs = [Labelled(f"{n}_left", f"eyepacs:{n}", n % 5, folder) for n in range(count)]
    for photo in photographs:
        np.save(folder / "32" / f"{photo.image}.npy", rng.integers(0, 256, (32, 32, 3)).astype(np.uint8))
    cache = Cache(folder, {photo.image: photo.image for photo in photographs}, {})
    settings = {"stages": [{"size": 32, "epochs": 2, "batch": 4}], "hardware": {"workers": workers}}
    parts = {"training": photographs, "validation": photographs[:5]}
    return StageData(parts, cache, TrainingConfig.from_mapping(settings), 0)


def test_shares_of_the_grades_follow_the_weights() -> None:
    sampler = BalancedSampler(PHOTOGRAPHS, Balance(), (0, 0), earlier=30)
    drawn: Counter[int] = Counter()
    for epoch in range(40):
        sampler.set_epoch(0)
        sampler.seed = (epoch, 0)
        drawn.update(LEVELS[draw.index] for draw in sampler)
    expected = grade_weights(Balance(), 30) * np.bincount(LEVELS)
    shares = np.array([drawn[grade] for grade in range(5)]) / drawn.total()
    assert shares == pytest.approx(expected / expected.sum(), abs=0.01)


def test_epochs_differ_and_repeat() -> None:
    sampler = BalancedSampler(PHOTOGRAPHS, Balance(), (0, 1))
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    sampler.set_epoch(0)
    assert list(sampler) == first != second
    assert len({draw.seed for draw in first + second}) == 2 * len(LEVELS)


def test_processes_share_one_sequence() -> None:
    whole = list(BalancedSampler(PHOTOGRAPHS[:101], Balance(), (0, 0)))
    shares = []
    for rank in range(3):
        sampler = BalancedSampler(PHOTOGRAPHS[:101], Balance(), (0, 0))
        sampler.rank, sampler.world = rank, 3
        shares.append(list(sampler))
    assert [len(share) for share in shares] == [33, 33, 33]
    assert [draw for group in zip(*shares, strict=True) for draw in group] == whole[:99]


def test_a_plain_index_is_not_augmented_and_a_draw_is(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    np.save(file, pixels)
    data = Prepared([file], [3], Augment(Preprocessing(32), Augmentation()))
    image, level = data[0]
    assert level == 3 and torch.equal(image, normalise(pixels, Preprocessing(32)))
    assert not torch.equal(data[Draw(0, (1, 2))][0], image)
    assert torch.equal(data[Draw(0, (1, 2))][0], data[Draw(0, (1, 2))][0])


@pytest.mark.parametrize("workers", [1, 2])
def test_worker_processes_change_nothing(tmp_path: Path, workers: int) -> None:
    plain = list(_stage(tmp_path).train_dataloader())
    spread = list(_stage(tmp_path, workers).train_dataloader())
    assert len(plain) == len(spread) == 2
    for (images, levels), (others, grades) in zip(plain, spread, strict=True):
        assert torch.equal(images, others) and torch.equal(levels, grades)


def test_validation_keeps_order_and_every_photograph(tmp_path: Path) -> None:
    levels = torch.cat([levels for _, levels in _stage(tmp_path).val_dataloader()])
    assert levels.tolist() == [0, 1, 2, 3, 4]


def test_few_photographs_shrink_the_batch(tmp_path: Path) -> None:
    batches = list(_stage(tmp_path, count=3).train_dataloader())
    assert [len(levels) for _, levels in batches] == [3]
