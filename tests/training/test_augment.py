"""Geometry, colour and balance of the augmentation against closed forms."""

import numpy as np
import pytest
import torch

from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.training.augment import (
    PCA_AXES,
    Augment,
    Warp,
    contrast,
    degrade,
    draw_weights,
    grade_weights,
    normalise,
    resample,
)
from retina_xai.training.config import AugmentationSettings, BalanceSettings

STILL = AugmentationSettings(rotation=0, flips=False, zoom=1, translation=0, colour=0)


def _noise(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)


def _smooth(size: int = 96) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size * 6
    return np.stack([127 + 100 * np.sin(x + k) * np.cos(y - k) for k in range(3)], axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("warp", "expected"),
    [
        (Warp(0, (1, 1), (0, 0)), lambda image: image),
        (Warp(90, (1, 1), (0, 0)), np.rot90),
        (Warp(0, (-1, 1), (0, 0)), lambda image: image[:, ::-1]),
        (Warp(180, (-1, 1), (0, 0)), lambda image: image[::-1]),
    ],
)
def test_quarter_turns_and_flips_are_exact(warp: Warp, expected: object) -> None:
    image = _noise()
    assert np.array_equal(resample(image, warp), expected(image))  # type: ignore[operator]


def test_a_shift_moves_the_content_and_leaves_black() -> None:
    image = _noise()
    moved = resample(image, Warp(0, (1, 1), (5, 2)))
    assert np.array_equal(moved[2:, 5:], image[:-2, :-5])
    assert moved[:2].max() == 0 and moved[:, :5].max() == 0


def test_the_map_keeps_the_centre_and_scales_each_axis() -> None:
    matrix = Warp(30, (1.2, 0.9), (3, -4)).matrix(101)
    assert matrix @ [50, 50, 1] == pytest.approx([53, 46])
    assert np.linalg.norm(matrix[:, :2], axis=0) == pytest.approx([1.2, 0.9])
    assert np.linalg.det(matrix[:, :2]) == pytest.approx(1.2 * 0.9)


def test_one_resampling_equals_the_map_evaluated_point_by_point() -> None:
    image, warp = _smooth(), Warp(25, (-1.1, 0.95), (4, -3))
    result = resample(image, warp)
    inverse = np.linalg.inv(np.vstack([warp.matrix(96), [0, 0, 1]]))
    for x, y in [(40, 50), (60, 30), (48, 47), (30, 62)]:
        u, v, _ = inverse @ [x, y, 1]
        left, top = int(u), int(v)
        a, b = u - left, v - top
        patch = image[top : top + 2, left : left + 2].astype(float)
        slow = (1 - b) * ((1 - a) * patch[0, 0] + a * patch[0, 1]) + b * ((1 - a) * patch[1, 0] + a * patch[1, 1])
        assert result[y, x] == pytest.approx(slow, abs=1.5)


def test_the_lookup_table_equals_the_preprocessing() -> None:
    preprocessing, image = Preprocessing(64), _noise()
    assert torch.allclose(normalise(image, preprocessing), preprocessing.to_tensor(image), atol=1e-6)
    colour = np.array([0.1, -0.2, 0.3])
    shifted = preprocessing.to_tensor(image) + torch.tensor(colour, dtype=torch.float32)[:, None, None]
    assert torch.allclose(normalise(image, preprocessing, colour), shifted, atol=1e-6)


def test_without_ranges_nothing_changes() -> None:
    preprocessing, image = Preprocessing(64), _noise()
    assert torch.equal(Augment(preprocessing, STILL)(image), normalise(image, preprocessing))


def test_the_result_depends_only_on_the_seed() -> None:
    augment, image = Augment(Preprocessing(64), AugmentationSettings()), _noise()

    def drawn(seed: int) -> torch.Tensor:
        augment.set_random_state(seed=seed)
        return augment(image)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_draws_stay_in_their_ranges_and_fill_them() -> None:
    augment = Augment(Preprocessing(256), AugmentationSettings(colour=0.5))
    augment.set_random_state(seed=0)
    warps, colours = [], []
    for _ in range(2000):
        augment.randomize()
        warps.append(augment.warp)
        colours.append(augment.colour)
    zooms = np.log(np.abs([warp.zoom for warp in warps]))
    shifts = np.array([warp.shift for warp in warps])
    angles = np.array([warp.angle for warp in warps])
    assert np.abs(zooms).max() <= np.log(1.15) and zooms.std() == pytest.approx(2 * np.log(1.15) / 12**0.5, rel=0.05)
    assert np.abs(shifts).max() <= 20 and shifts.std() == pytest.approx(40 / 12**0.5, rel=0.05)
    assert angles.min() >= 0 and angles.max() <= 360 and angles.std() == pytest.approx(360 / 12**0.5, rel=0.05)
    assert np.mean([warp.zoom[0] < 0 for warp in warps]) == pytest.approx(0.5, abs=0.05)
    assert min(warp.zoom[1] for warp in warps) > 0
    along = np.array(colours) @ PCA_AXES
    assert along.std(axis=0) == pytest.approx(0.5 * np.array([1.655, 0.4845, 0.1565]), rel=0.06)


def test_colour_axes_are_orthonormal() -> None:
    assert pytest.approx(np.eye(3), abs=1e-3) == PCA_AXES.T @ PCA_AXES


def test_grade_weights_decay_from_the_published_start_to_the_end() -> None:
    balance = BalanceSettings()
    assert grade_weights(balance, 0) == pytest.approx([1.36, 14.38, 6.64, 40.24, 49.61])
    assert grade_weights(balance, 10_000) == pytest.approx([1, 2, 2, 2, 2])
    step = 0.975**7
    assert grade_weights(balance, 7)[4] == pytest.approx(49.61 * step + 2 * (1 - step))


GRAHAM = Preprocessing(96, (0.0, 0.0, 0.0), (12.0, 9.0, 5.5), 0.05)


def test_with_a_background_the_result_is_the_preprocessing_times_a_gain() -> None:
    image, gain = np.maximum(_smooth(), 1), np.array([1.5, 0.5, 2.0])
    plain = GRAHAM.to_tensor(image)
    assert torch.allclose(contrast(image, GRAHAM), plain, atol=1e-5)
    assert torch.allclose(contrast(image, GRAHAM, gain), plain * torch.tensor(gain).float()[:, None, None], atol=1e-5)


def test_gains_are_log_normal() -> None:
    augment = Augment(GRAHAM, AugmentationSettings(gain=0.2, channel_gain=0.1))
    augment.set_random_state(seed=0)
    gains = []
    for _ in range(3000):
        augment.randomize()
        gains.append(np.log(augment.gain))
    covariance = np.cov(np.array(gains).T)
    assert np.diag(covariance) == pytest.approx([0.05] * 3, rel=0.1)
    assert covariance[0, 1] == pytest.approx(0.04, rel=0.1)


def test_blur_and_noise_keep_the_surroundings_black_and_the_retina_bright() -> None:
    image = np.maximum(_smooth(), 1)
    image[:20] = 0
    changed = degrade(image, 1.0, 3.0, seed=4)
    assert not changed[:20].any() and changed[20:].any(axis=2).all()
    assert np.array_equal(degrade(image, 1.0, 3.0, seed=4), changed)
    assert not np.array_equal(degrade(image, 1.0, 3.0, seed=5), changed)
    assert degrade(image, 0.0, 0.0, seed=4) is image


def test_noise_has_its_deviation_and_one_plane() -> None:
    grey = np.full((96, 96, 3), 128, np.uint8)
    added = degrade(grey, 0.0, 3.0, seed=0).astype(int) - 128
    assert added.std() == pytest.approx(3.0, rel=0.05)
    assert np.array_equal(added[..., 0], added[..., 1])


def test_every_source_has_its_share_of_referable_draws() -> None:
    levels = np.array([0] * 90 + [2] * 10 + [0] * 20 + [1] * 10 + [3] * 40 + [4] * 30 + [0] * 5)
    sources = np.array(["a"] * 100 + ["b"] * 100 + ["c"] * 5)
    balance = BalanceSettings(start=(1, 0.5, 1, 1, 2), end=(1, 0.5, 1, 1, 2), referable=0.4)
    weights = draw_weights(levels, sources, balance, 0)
    for source in "ab":
        here = sources == source
        assert weights[here & (levels >= 2)].sum() == pytest.approx(0.4 * weights[here].sum())
    assert weights.sum() == pytest.approx(1) and weights[-1] > 0
    grade = {level: weights[(sources == "b") & (levels == level)][0] for level in (0, 1, 3, 4)}
    assert grade[1] == pytest.approx(0.5 * grade[0]) and grade[4] == pytest.approx(2 * grade[3])
