"""Phantoms: seeds, anatomy, grades as documented, and exact masks."""

import time
from dataclasses import replace

import numpy as np
import pytest

from retina_xai.errors import UsageError
from retina_xai.lesions.annotation import LESION_TYPES
from retina_xai.training.phantoms.phantom import DEMO, FEW_DOTS, PhantomSettings, lesion_plan, make_phantom


def test_same_seed_same_bytes() -> None:
    first, second, other = make_phantom(7, 256, 320, 3), make_phantom(7, 256, 320, 3), make_phantom(8, 256, 320, 3)
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert all(np.array_equal(first.masks[kind], second.masks[kind]) for kind in LESION_TYPES)
    assert first.pixels.tobytes() != other.pixels.tobytes()


@pytest.mark.parametrize("shape", [(64, 64), (256, 256), (300, 401), (1152, 1500)])
def test_shapes_types_and_truth(shape: tuple[int, int]) -> None:
    phantom = make_phantom(1, *shape, 4)
    assert phantom.pixels.shape == (*shape, 3) and phantom.pixels.dtype == np.uint8
    assert set(phantom.masks) == set(LESION_TYPES)
    for kind, mask in phantom.masks.items():
        union = np.zeros(shape, dtype=bool)
        for lesion in phantom.lesions:
            if lesion.lesion_type == kind:
                union[lesion.box] |= lesion.mask
        assert mask.dtype == bool and np.array_equal(mask, union)


@pytest.mark.parametrize("seed", range(12))
def test_masks_are_what_the_lesions_changed(seed: int) -> None:
    # the same seed without lesions gives the same photograph except for the lesions
    healthy, ill = make_phantom(seed, 320, 320, 0), make_phantom(seed, 320, 320, 3, DEMO)
    change = np.abs(ill.pixels.astype(float) - healthy.pixels).sum(axis=2)
    lesions = np.any(list(ill.masks.values()), axis=0)
    assert change[lesions].mean() > 15.0
    near = np.zeros_like(lesions)
    for dy in range(-12, 13, 3):
        for dx in range(-12, 13, 3):
            near |= np.roll(lesions, (dy, dx), axis=(0, 1))
    assert change[~near].mean() < 0.5


@pytest.mark.parametrize("seed", range(12))
def test_lesions_are_in_the_field_of_view_and_outside_the_disc(seed: int) -> None:
    phantom = make_phantom(seed, 300, 400, 4)
    y, x = np.mgrid[0:300, 0:400]
    centre_x, centre_y, radius = phantom.field
    disc_x, disc_y, disc_radius = phantom.disc
    lesions = np.any(list(phantom.masks.values()), axis=0)
    assert lesions.any()
    assert not (lesions & (np.hypot(x - centre_x, y - centre_y) > radius)).any()
    assert not (lesions & (np.hypot(x - disc_x, y - disc_y) < disc_radius)).any()
    assert phantom.pixels[lesions].max(axis=1).min() > 12


@pytest.mark.parametrize("seed", range(8))
def test_dark_surround_bright_disc_and_dark_fovea(seed: int) -> None:
    phantom = make_phantom(seed, 360, 400, 0)
    y, x = np.mgrid[0:360, 0:400]
    green = phantom.pixels[..., 1].astype(float)
    centre_x, centre_y, radius = phantom.field
    assert green[np.hypot(x - centre_x, y - centre_y) > 1.15 * radius].max(initial=0.0) < 15.0
    disc_x, disc_y, disc_radius = phantom.disc
    from_disc = np.hypot(x - disc_x, y - disc_y)
    inside = green[from_disc < 0.8 * disc_radius].mean()
    ring = (from_disc > 1.5 * disc_radius) & (from_disc < 2.2 * disc_radius)
    assert inside > 1.15 * green[ring & (np.hypot(x - centre_x, y - centre_y) < 0.9 * radius)].mean()
    from_fovea = np.hypot(x - phantom.fovea[0], y - phantom.fovea[1])
    around = (from_fovea > 0.3 * radius) & (from_fovea < 0.4 * radius)
    assert green[from_fovea < 0.06 * radius].mean() < 0.95 * green[around].mean()


def test_left_eye_has_its_disc_on_the_left() -> None:
    for seed in range(6):
        left = make_phantom(seed, 128, 160, 0, PhantomSettings(eye="left"))
        right = make_phantom(seed, 128, 160, 0, PhantomSettings(eye="right"))
        assert left.disc[0] < left.fovea[0] and right.disc[0] > right.fovea[0]


def test_one_camera_one_hue() -> None:
    def hue(seed: int, camera: int) -> np.ndarray:
        pixels = make_phantom(seed, 128, 160, 0, PhantomSettings(camera_seed=camera)).pixels[30:98, 50:110]
        mean = pixels.reshape(-1, 3).mean(axis=0)
        return np.asarray(mean / mean.sum())

    within = [np.abs(hue(2 * k, k) - hue(2 * k + 1, k)).sum() for k in range(8)]
    between = [np.abs(hue(2 * k, k) - hue(2 * k, k + 1)).sum() for k in range(8)]
    assert np.mean(within) < 0.5 * np.mean(between)


def test_one_seed_is_the_same_eye_at_every_size() -> None:
    small, large = make_phantom(5, 256, 320, 0), make_phantom(5, 512, 640, 0)
    shrunk = large.pixels.reshape(256, 2, 320, 2, 3).mean(axis=(1, 3))
    assert np.corrcoef(small.pixels[..., 1].ravel(), shrunk[..., 1].ravel())[0, 1] > 0.97


class TestGrades:
    def test_counts_follow_the_grade(self) -> None:
        rng = np.random.default_rng(0)
        for _ in range(60):
            kinds = {grade: [kind for kind, _ in lesion_plan(grade, PhantomSettings(), rng)] for grade in range(5)}
            assert kinds[0] == []
            assert set(kinds[1]) == {"red_small_dots"} and FEW_DOTS[0] <= len(kinds[1]) <= FEW_DOTS[1]
            for grade in (2, 3, 4):
                assert len(set(kinds[grade])) >= (1 if grade == 2 else 2)
            if set(kinds[2]) == {"red_small_dots"}:
                assert len(kinds[2]) > 2 * FEW_DOTS[1]

    def test_every_type_is_in_half_of_the_referable_phantoms_and_the_only_type_in_some(self) -> None:
        rng = np.random.default_rng(1)
        plans = [{kind for kind, _ in lesion_plan(2, PhantomSettings(), rng)} for _ in range(400)]
        for kind in LESION_TYPES:
            assert 0.45 < np.mean([kind in plan for plan in plans]) < 0.8
            assert 0.02 < np.mean([plan == {kind} for plan in plans]) < 0.12

    def test_named_types_are_used_and_scaled(self) -> None:
        settings = PhantomSettings(types=("soft_exudates",))
        plain = lesion_plan(4, settings, np.random.default_rng(2))
        twice = lesion_plan(4, replace(settings, lesion_scale=2.0), np.random.default_rng(2))
        assert {kind for kind, _ in plain} == {"soft_exudates"}
        assert [size for _, size in twice] == pytest.approx([2.0 * size for _, size in plain])

    def test_dot_scale_applies_to_dots_only(self) -> None:
        for kind, factor in (("red_small_dots", 3.0), ("haemorrhages", 1.0)):
            settings = PhantomSettings(types=(kind,))
            plain = lesion_plan(3, settings, np.random.default_rng(4))
            larger = lesion_plan(3, replace(settings, dot_scale=3.0), np.random.default_rng(4))
            assert [size for _, size in larger] == pytest.approx([factor * size for _, size in plain])

    def test_grades_are_drawn_by_eyepacs_shares(self) -> None:
        grades = [make_phantom(seed, 64, 64).grade for seed in range(60)]
        assert 0.55 < np.mean(np.array(grades) == 0) < 0.9
        assert {0, 1, 2} <= set(grades)

    def test_referable_is_grade_two_and_above(self) -> None:
        assert [make_phantom(0, 64, 64, grade).referable for grade in range(5)] == [False, False, True, True, True]


@pytest.mark.slow
def test_fast_enough() -> None:
    make_phantom(0)
    start = time.process_time()
    for seed in range(10):
        make_phantom(seed, grade=seed % 5)
    assert (time.process_time() - start) / 10 < 0.25  # about 0.05 s on one idle core


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: make_phantom(-1), "seed -1: expected 0 or more"),
        (lambda: make_phantom(0, 63, 448), "63x448: a phantom is at least 64x64 pixels"),
        (lambda: make_phantom(0, grade=5), "grade 5: expected 0, 1, 2, 3 or 4"),
        (
            lambda: make_phantom(0, settings=PhantomSettings(types=("drusen",))),
            r"lesion types \['drusen'\] are unknown",
        ),
        (lambda: make_phantom(0, settings=PhantomSettings(lesion_scale=0.0)), "lesion scale 0.0, .* above 0"),
    ],
)
def test_invalid_arguments_are_refused(call: object, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        call()  # type: ignore[operator]
