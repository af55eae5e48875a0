"""Draws: their shares, their independence of workers and processes, and the items of the data sets."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.arrays import photograph_of

from retina_xai.errors import InputError
from retina_xai.fundus.preprocessing import Preprocessing, prepare
from retina_xai.grades.photographs import LabelledPhotograph
from retina_xai.training.augment import Augment, grade_weights, normalise
from retina_xai.training.config import AugmentationSettings, BalanceSettings, StageSettings, TrainingConfig
from retina_xai.training.data.cache import Cache
from retina_xai.training.data.loading import BalancedSampler, Prepared, StageData, check_parts
from retina_xai.training.phantoms.phantom import make_phantom
from retina_xai.training.synthesis.patches import Draw, Patches

LEVELS = [0] * 700 + [1] * 70 + [2] * 150 + [3] * 40 + [4] * 40
PHOTOGRAPHS = [(level, "eyepacs") for level in LEVELS]
TWO_SETS = [(level, "eyepacs") for level in LEVELS] + [(level, "idrid") for level in [0] * 30 + [2] * 70]
NO_CACHE = Cache(Path("x"), {}, {})
EVEN = BalanceSettings(start=(1,) * 5, end=(1,) * 5)


def _stage(folder: Path, workers: int = 0, count: int = 11, seed: int = 0) -> StageData:
    rng = np.random.default_rng(0)
    (folder / "32").mkdir(parents=True, exist_ok=True)
    photographs = [LabelledPhotograph(f"{n}_left", f"eyepacs:{n}", n % 5, folder) for n in range(count)]
    for photo in photographs:
        np.save(folder / "32" / f"{photo.image}.npy", rng.integers(0, 256, (32, 32, 3)).astype(np.uint8))
    cache = Cache(folder, {photo.image: photo.image for photo in photographs}, {})
    settings = {"seed": seed, "stages": [{"size": 32, "epochs": 2, "batch": 4}], "hardware": {"workers": workers}}
    parts = {"training": photographs, "validation": photographs[:5]}
    return StageData(parts, cache, TrainingConfig.from_mapping(settings), 0)


def test_shares_of_the_grades_follow_the_weights() -> None:
    sampler = BalancedSampler(PHOTOGRAPHS, BalanceSettings(), (0, 0), earlier=30)
    drawn: Counter[int] = Counter()
    for epoch in range(40):
        sampler.set_epoch(0)
        sampler.seed = (epoch, 0)
        drawn.update(LEVELS[draw.index] for draw in sampler)
    expected = grade_weights(BalanceSettings(), 30) * np.bincount(LEVELS)
    shares = np.array([drawn[grade] for grade in range(5)]) / drawn.total()
    assert shares == pytest.approx(expected / expected.sum(), abs=0.01)


def test_epochs_differ_and_repeat() -> None:
    sampler = BalancedSampler(PHOTOGRAPHS, BalanceSettings(), (0, 1))
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    sampler.set_epoch(0)
    assert list(sampler) == first != second
    assert len({draw.seed for draw in first + second}) == 2 * len(LEVELS)


def test_the_seed_of_the_training_decides_the_draws(tmp_path: Path) -> None:
    draws = [list(_stage(tmp_path, seed=seed).train_dataloader().sampler) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_processes_share_one_sequence() -> None:
    whole = list(BalancedSampler(PHOTOGRAPHS[:101], BalanceSettings(), (0, 0)))
    shares = []
    for rank in range(3):
        sampler = BalancedSampler(PHOTOGRAPHS[:101], BalanceSettings(), (0, 0))
        sampler.rank, sampler.world = rank, 3
        shares.append(list(sampler))
    assert [len(share) for share in shares] == [33, 33, 33]
    assert [draw for group in zip(*shares, strict=True) for draw in group] == whole[:99]


def _sampler(drawn: float = 0.0, decay: float = 1.0, seed: tuple[int, int] = (0, 0), epoch: int = 0) -> BalancedSampler:
    stage = StageSettings(size=32, epochs=9, draws=20000, drawn=drawn, drawn_decay=decay)
    sampler = BalancedSampler(TWO_SETS, EVEN, seed, stage=stage)
    sampler.set_epoch(epoch)
    return sampler


def _levels_and_sources(draws: list[Draw]) -> tuple[np.ndarray, np.ndarray]:
    chosen = [TWO_SETS[draw.index] for draw in draws]
    return np.array([level for level, _ in chosen]), np.array([source for _, source in chosen])


def test_all_drawn_replaces_every_referable_choice_by_a_disease_free_one_of_its_set() -> None:
    plain, replaced = list(_sampler()), list(_sampler(drawn=1.0))
    levels, sources = _levels_and_sources(plain)
    new_levels, new_sources = _levels_and_sources(replaced)
    drawn = np.array([draw.drawn for draw in replaced])
    assert not any(draw.drawn for draw in plain)
    assert np.array_equal(drawn, levels >= 2)
    assert np.array_equal(sources, new_sources)
    assert set(new_levels[drawn]) == {0} and new_levels.max() == 1
    kept = np.flatnonzero(~drawn)
    assert [plain[position] for position in kept] == [replaced[position] for position in kept]
    # all disease-free photographs of a data set are used equally often
    idrid = [draw.index for draw in replaced if draw.drawn and TWO_SETS[draw.index][1] == "idrid"]
    counts = np.bincount(idrid, minlength=len(TWO_SETS))[len(LEVELS) : len(LEVELS) + 30]
    assert counts.sum() == len(idrid) and abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())


@pytest.mark.parametrize("epoch", [0, 1, 3])
def test_the_share_of_drawn_samples_decays_with_the_epochs(epoch: int) -> None:
    levels, _ = _levels_and_sources(list(_sampler(epoch=epoch)))
    referable, share = int((levels >= 2).sum()), 0.8 * 0.5**epoch
    drawn = sum(draw.drawn for draw in _sampler(drawn=0.8, decay=0.5, epoch=epoch))
    assert abs(drawn - share * referable) < 4 * np.sqrt(referable * share * (1 - share))


def test_with_a_decay_of_zero_only_the_first_epoch_has_drawn_lesions() -> None:
    assert any(draw.drawn for draw in _sampler(drawn=0.5, decay=0.0))
    assert not any(draw.drawn for draw in _sampler(drawn=0.5, decay=0.0, epoch=1))


def test_a_set_without_disease_free_photographs_keeps_its_referable_ones() -> None:
    photographs = [(0, "eyepacs"), (2, "eyepacs"), (1, "idrid"), (3, "idrid")]
    sampler = BalancedSampler(photographs, EVEN, (0, 0), stage=StageSettings(size=32, epochs=1, draws=400, drawn=1.0))
    counts = Counter((draw.index, draw.drawn) for draw in sampler)
    assert set(counts) == {(0, False), (0, True), (2, False), (3, False)}
    assert all(abs(count - 100) < 50 for count in counts.values())


def test_drawn_samples_are_functions_of_seed_stage_epoch_and_position() -> None:
    whole = list(_sampler(drawn=0.5))
    assert list(_sampler(drawn=0.5)) == whole
    for other in (_sampler(0.5, seed=(1, 0)), _sampler(0.5, seed=(0, 1)), _sampler(0.5, epoch=1)):
        assert [(draw.index, draw.drawn) for draw in other] != [(draw.index, draw.drawn) for draw in whole]
    shares = []
    for rank in range(3):
        sampler = _sampler(drawn=0.5)
        sampler.rank, sampler.world = rank, 3
        shares.append(list(sampler))
    assert [draw for group in zip(*shares, strict=True) for draw in group] == whole[:19998]


def test_referable_draws_have_one_share_in_every_set_and_the_sets_their_sizes() -> None:
    # 0.45 of the draws are referable in both sets, though 23 % and 70 % of their photographs are
    balance = BalanceSettings(start=(1, 0.5, 1, 1, 1), end=(1, 0.5, 1, 1, 1), referable=0.45)
    sampler = BalancedSampler(TWO_SETS, balance, (0, 0), stage=StageSettings(size=32, epochs=1, draws=40000))
    levels, sources = _levels_and_sources(list(sampler))
    for source, size in (("eyepacs", 1000), ("idrid", 100)):
        here = sources == source
        assert here.mean() == pytest.approx(size / 1100, abs=0.006)
        assert (levels[here] >= 2).mean() == pytest.approx(0.45, abs=4 * np.sqrt(0.25 / here.sum()))
    # within the classes the grades keep their weights: 70 photographs of half the weight beside 700
    healthy = levels[(sources == "eyepacs") & (levels < 2)]
    assert (healthy == 1).mean() == pytest.approx(35 / 735, abs=0.006)


def test_a_drawn_sample_is_referable_and_its_lesions_are_a_function_of_the_draw(tmp_path: Path) -> None:
    photograph = photograph_of(make_phantom(0, 200, 224, grade=0).pixels, "phantom.png")
    np.save(tmp_path / "a.npy", prepare(photograph, 160).pixels)
    still = AugmentationSettings(rotation=0, flips=False, zoom=1, translation=0, colour=0, gain=0, channel_gain=0)
    data = Prepared([tmp_path / "a.npy"], [0], Augment(Preprocessing(160), still))
    plain, first, again = data[Draw(0, (1, 2))], data[Draw(0, (1, 2), True)], data[Draw(0, (1, 2), True)]
    other = data[Draw(0, (1, 3), True)]
    assert (plain[1], first[1], again[1]) == (0, 2, 2)
    assert torch.equal(first[0], again[0]) and not torch.equal(first[0], other[0])
    changed = (first[0] != plain[0]).any(dim=0).double().mean()
    assert 0 < changed < 0.5


def test_patches_come_from_disease_free_photographs_as_often_as_asked(tmp_path: Path) -> None:
    data = _stage(tmp_path)
    settings = {"stages": [{"kind": "patches", "size": 32, "source_size": 32, "epochs": 7, "batch": 4, "draws": 24}]}
    last = {"size": 32, "epochs": 2, "batch": 4}
    config = TrainingConfig.from_mapping({"stages": [*settings["stages"], last, last]})
    patches = StageData(data.parts, data.cache, config, 0).train_dataloader()
    assert len(patches) == 6 and isinstance(patches.dataset, Patches)
    assert [Path(file).stem for file in patches.dataset.data] == ["0_left", "5_left", "10_left"]
    # the balance has decayed over the stages of photographs only
    assert [StageData(data.parts, data.cache, config, n).train_dataloader().sampler.earlier for n in (1, 2)] == [0, 2]


PATCHES = {"kind": "patches", "size": 32, "source_size": 32, "epochs": 1}
PLAIN = {"size": 32, "epochs": 1}


@pytest.mark.parametrize(
    ("stages", "lacking", "message"),
    [
        ([PATCHES, PLAIN], "training", "training: no disease-free photograph .* stage 1 .* or leave that stage out"),
        ([PATCHES, PLAIN], "validation", "validation: no disease-free .* stage 1 .* or leave that stage out"),
        (
            [PLAIN, PLAIN | {"drawn": 0.1}],
            "training",
            "training: .* stage 2 draws lesions on them; add some, or set its drawn",
        ),
    ],
)
def test_drawing_lesions_without_disease_free_photographs_is_refused(
    stages: list[dict[str, object]], lacking: str, message: str
) -> None:
    config = TrainingConfig.from_mapping({"stages": stages})
    healthy, sick = (LabelledPhotograph(f"{n}_left", f"eyepacs:{n}", n, Path("x")) for n in (0, 1))
    parts = {"training": [healthy, sick], "validation": [healthy, sick]}
    check_parts(parts, NO_CACHE, config)
    with pytest.raises(InputError, match=message):
        check_parts({**parts, lacking: [sick]}, NO_CACHE, config)


def test_stages_without_drawn_lesions_need_no_disease_free_photograph() -> None:
    sick = [LabelledPhotograph("1_left", "eyepacs:1", 1, Path("x"))]
    check_parts({"training": sick, "validation": sick}, NO_CACHE, TrainingConfig.from_mapping({"stages": [PLAIN]}))
    drawn = TrainingConfig.from_mapping({"stages": [PLAIN | {"drawn": 0.5}]})
    healthy = [LabelledPhotograph("0_left", "eyepacs:0", 0, Path("x"))]
    check_parts({"training": healthy, "validation": sick}, NO_CACHE, drawn)


def test_small_photographs_are_left_out_of_a_stage_by_its_least_side(tmp_path: Path) -> None:
    data = _stage(tmp_path)
    sides = {photo.image: 250 + 10 * number for number, photo in enumerate(data.parts["training"])}
    cache = Cache(tmp_path, data.cache.hashes, {}, sides)
    stages = [{"size": 32, "epochs": 1}, {"size": 32, "epochs": 1, "least_side": 300}]
    config = TrainingConfig.from_mapping({"stages": stages, "hardware": {"workers": 0}})
    first, second = (StageData(data.parts, cache, config, number) for number in (0, 1))
    assert [len(first.chosen(part)) for part in ("training", "validation")] == [11, 5]
    assert [photo.image for photo in second.chosen("training")] == [f"{n}_left" for n in range(5, 11)]
    assert len(second.train_dataloader().dataset) == 6
    with pytest.raises(InputError, match="validation: no photograph of 300 pixels for stage 2; lower least_side"):
        check_parts(data.parts, cache, config)
    check_parts({**data.parts, "validation": data.parts["training"]}, cache, config)


def test_a_plain_index_is_not_augmented_and_a_draw_is(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    np.save(file, pixels)
    data = Prepared([file], [3], Augment(Preprocessing(32), AugmentationSettings()))
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
