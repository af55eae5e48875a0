"""The painter: masks are the changed pixels, dark lesions darken, bright ones brighten, results depend on the seed."""

from typing import Any

import numpy as np
import pytest

from retina_xai.errors import InputError, UsageError
from retina_xai.lesions.annotation import LESION_TYPES
from retina_xai.training.synthesis.lesion_painter import PAINTERS, paint_patch

RETINA = (160.0, 75.0, 25.0)


def paint_lesion(pixels: np.ndarray, *arguments: Any) -> np.ndarray:
    """`paint_patch`, as a mask (H, W) of the photograph."""
    patch = paint_patch(pixels, *arguments)
    mask = np.zeros(pixels.shape[:2], dtype=bool)
    mask[patch.box] = patch.mask
    return mask


def plain_retina(size: int = 160, colour: tuple[float, float, float] = RETINA) -> np.ndarray:
    return np.tile(np.array(colour, dtype=np.float32), (size, size, 1))


def painted(kind: str, seed: int = 0, radius: float = 14.0, contrast: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    pixels = plain_retina()
    mask = paint_lesion(pixels, kind, (80.0, 80.0), radius, np.random.default_rng(seed), contrast)
    return pixels, mask


def test_every_lesion_type_has_a_painter() -> None:
    assert set(PAINTERS) == set(LESION_TYPES)


@pytest.mark.parametrize("kind", LESION_TYPES)
@pytest.mark.parametrize("seed", range(5))
class TestEveryType:
    def test_mask_is_where_the_pixels_changed_most(self, kind: str, seed: int) -> None:
        pixels, mask = painted(kind, seed)
        change = np.abs(pixels - plain_retina()).sum(axis=2)
        assert mask.any()
        assert change[mask].min() > 0.35 * change.max()
        assert change[~mask].max() < 0.65 * change.max()

    def test_dark_lesions_darken_and_bright_ones_brighten_green(self, kind: str, seed: int) -> None:
        pixels, mask = painted(kind, seed)
        ratio = pixels[mask][:, 1].mean() / RETINA[1]
        low, high = (0.4, 0.9) if kind in ("haemorrhages", "red_small_dots") else (1.1, 3.0)
        assert low < ratio < high

    def test_same_seed_same_bytes_another_seed_other_bytes(self, kind: str, seed: int) -> None:
        first, second, other = painted(kind, seed)[0], painted(kind, seed)[0], painted(kind, seed + 100)[0]
        assert first.tobytes() == second.tobytes()
        assert first.tobytes() != other.tobytes()

    def test_nothing_outside_the_window_changes(self, kind: str, seed: int) -> None:
        pixels, _ = painted(kind, seed)
        rows, columns = np.nonzero(np.abs(pixels - plain_retina()).sum(axis=2) > 2.0)
        reach = max(np.abs(rows - 80).max(), np.abs(columns - 80).max())
        assert 0.4 * 14.0 < reach <= PAINTERS[kind].extent * 14.0 + 3.0

    def test_contrast_scales_the_change(self, kind: str, seed: int) -> None:
        changes = [np.abs(painted(kind, seed, contrast=c)[0] - plain_retina()).sum() for c in (0.5, 1.0)]
        assert changes[1] == pytest.approx(2.0 * changes[0], rel=0.02)

    def test_lesion_of_less_than_a_pixel_has_a_mask(self, kind: str, seed: int) -> None:
        pixels, mask = painted(kind, seed, radius=0.6)
        assert 1 <= mask.sum() <= 12
        assert not np.array_equal(pixels, plain_retina())


def test_a_dot_has_the_area_of_its_circle() -> None:
    areas = [painted("red_small_dots", seed, radius=20.0)[1].sum() for seed in range(20)]
    assert np.mean(areas) == pytest.approx(np.pi * 20.0**2, rel=0.05)


def test_brightness_is_relative_to_the_local_background() -> None:
    # without clipping, twice the light gives twice the lesion
    results = []
    for light in (0.5, 1.0):
        pixels = plain_retina(colour=tuple(light * value for value in RETINA))  # type: ignore[arg-type]
        paint_lesion(pixels, "haemorrhages", (80.0, 80.0), 14.0, np.random.default_rng(3))
        results.append(pixels)
    np.testing.assert_allclose(results[1], 2.0 * results[0], rtol=1e-4)


def test_nothing_is_painted_outside_of_the_field_of_view() -> None:
    pixels = plain_retina()
    pixels[:, :80] = 2.0
    before = pixels.copy()
    mask = paint_lesion(pixels, "soft_exudates", (80.0, 80.0), 20.0, np.random.default_rng(0))
    assert np.array_equal(pixels[:, :80], before[:, :80])
    assert mask[:, 80:].any() and not mask[:, :80].any()
    dark = np.full((50, 50, 3), 3.0)
    assert not paint_lesion(dark, "hard_exudates", (25.0, 25.0), 8.0, np.random.default_rng(0)).any()
    assert np.all(dark == 3.0)


@pytest.mark.parametrize("centre", [(0.0, 0.0), (159.0, 80.0), (80.0, 162.0), (-500.0, 900.0)])
def test_lesions_at_and_beyond_the_border(centre: tuple[float, float]) -> None:
    pixels = plain_retina()
    mask = paint_lesion(pixels, "haemorrhages", centre, 12.0, np.random.default_rng(1))
    assert mask.shape == (160, 160)
    assert np.isfinite(pixels).all()
    assert mask.any() == (centre != (-500.0, 900.0))


def test_the_patch_lies_where_the_pixels_changed() -> None:
    pixels = plain_retina()
    patch = paint_patch(pixels, "hard_exudates", (40.3, 70.8), 15.0, np.random.default_rng(2))
    change = np.abs(pixels - plain_retina()).sum(axis=2)
    assert change[patch.box][patch.mask].min() > 0.35 * change.max()
    assert np.array_equal(patch.mask.shape, (patch.box[0].stop - patch.top, patch.box[1].stop - patch.left))
    rows, columns = np.nonzero(patch.mask)
    assert np.hypot(rows.mean() + patch.top - 70.8, columns.mean() + patch.left - 40.3) < 15.0


def test_real_photograph_type_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"pixels of shape \(9, 9, 3\) and type uint8; expected floating .* astype"):
        paint_lesion(np.zeros((9, 9, 3), np.uint8), "haemorrhages", (4.0, 4.0), 2.0, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("kind", "radius", "contrast", "text"),
    [
        ("drusen", 3.0, 1.0, "lesion type 'drusen' is unknown; choose one of haemorrhages, hard_exudates"),
        ("haemorrhages", 0.0, 1.0, "radius 0.0 and contrast 1.0 must both be above 0"),
        ("haemorrhages", 3.0, float("nan"), "radius 3.0 and contrast nan must both be above 0"),
    ],
)
def test_invalid_arguments_are_refused(kind: str, radius: float, contrast: float, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        paint_lesion(plain_retina(), kind, (80.0, 80.0), radius, np.random.default_rng(0), contrast)
