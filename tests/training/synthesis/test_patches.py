"""Patches: labels agree with the painted lesions, results depend only on the seed, validation patches are fixed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.arrays import photograph_of

from retina_xai.fundus.preprocessing import Preprocessing, prepare
from retina_xai.training.augment import Augment, Warp, contrast
from retina_xai.training.config import AugmentationSettings
from retina_xai.training.phantoms.phantom import make_phantom
from retina_xai.training.synthesis import patches as module
from retina_xai.training.synthesis.lesion_painter import LesionPatch
from retina_xai.training.synthesis.patches import MARGIN, Draw, Patches, cut_patch

SIZE, PATCH = 320, 64
GRAHAM = Preprocessing(SIZE, (0.0, 0.0, 0.0), (12.0, 9.0, 5.5), 0.05)
STILL = AugmentationSettings(rotation=0, flips=False, zoom=1, translation=0, colour=0, gain=0, channel_gain=0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photographs")
    for seed in range(3):
        photograph = photograph_of(make_phantom(seed, 360, 400, grade=0).pixels, "phantom.png")
        np.save(folder / f"{seed}.npy", prepare(photograph, SIZE).pixels)
    return sorted(folder.iterdir())


def test_a_patch_is_a_function_of_its_draw(files: list[Path]) -> None:
    data = Patches(files, PATCH, Augment(GRAHAM, AugmentationSettings(blur=0.8, noise=2)))
    first, again, other = (data[Draw(0, seed)] for seed in ((1, 2), (1, 2), (1, 3)))
    assert first[0].shape == (3, PATCH, PATCH) and first[0].dtype == torch.float32
    assert torch.equal(first[0], again[0]) and first[1] == again[1]
    assert not torch.equal(first[0], other[0])


def test_validation_patches_are_fixed_and_half_of_them_positive(files: list[Path]) -> None:
    data = Patches(files, PATCH, Augment(GRAHAM, AugmentationSettings()), (0, 0, 9))
    grades = [data[number][1] for number in range(300)]
    assert set(grades) == {0, 2} and 0.4 < np.mean(np.array(grades) == 2) < 0.6
    assert torch.equal(data[5][0], data[5][0]) and not torch.equal(data[5][0], data[8][0])


def test_the_label_agrees_with_the_masks(files: list[Path]) -> None:
    pixels, augment = np.load(files[0]), Augment(GRAHAM, AugmentationSettings())
    for seed in range(60):
        augment.set_random_state(seed=seed)
        augment.randomize()
        patch = cut_patch(pixels, augment, PATCH, np.random.default_rng(seed))
        assert patch.positive == (max(patch.shown, default=0.0) >= 0.5)


def test_painted_lesions_are_in_positive_patches_only(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    # without distractors, a patch that differs from the plain one shows a part of a lesion
    monkeypatch.setattr(module, "DISTRACTORS", 0.0)
    pixels, augment = np.load(files[1]), Augment(GRAHAM, STILL)
    augment.randomize()
    changes: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        drawn = cut_patch(pixels, augment, PATCH, rng)
        with monkeypatch.context() as patched:
            patched.setattr(module, "_paint", lambda *rest: [])
            plain = cut_patch(pixels, augment, PATCH, np.random.default_rng(seed))
        change = float((drawn.tensor - plain.tensor).abs().max())
        changes[drawn.positive].append(change)
        if not drawn.shown:
            assert change == 0.0
    assert np.median(changes[True]) > 0.5


def test_the_share_shown_follows_the_map() -> None:
    mask = np.ones((4, 4), dtype=bool)
    inside = Warp(0, (1, 1), (0, 0)).matrix(SIZE)
    for left, share in ((MARGIN, 1.0), (MARGIN - 2, 0.5), (MARGIN - 4, 0.0), (MARGIN + PATCH - 1, 0.25)):
        assert module._shown(LesionPatch("haemorrhages", left, MARGIN, mask), inside, PATCH) == share


def test_a_window_has_the_background_of_the_whole_photograph(files: list[Path]) -> None:
    # the margin is wide enough: cutting and subtracting the background commute
    pixels = np.load(files[2])
    whole = contrast(pixels, GRAHAM)
    start, stop = 80, 80 + PATCH
    window = contrast(pixels[start - MARGIN : stop + MARGIN, start - MARGIN : stop + MARGIN], GRAHAM)
    inner = window[:, MARGIN : MARGIN + PATCH, MARGIN : MARGIN + PATCH]
    assert torch.allclose(inner, whole[:, start:stop, start:stop], atol=0.12)
