"""The healthy retina: range of values, shape of the field of view, seeded hard negatives."""

from dataclasses import replace

import numpy as np
import pytest

from retina_xai.training.phantoms.healthy_retina import add_distractors, draw_camera, draw_eye, expose, retina


@pytest.mark.parametrize("seed", range(6))
def test_planes_are_bounded_and_finite(seed: int) -> None:
    camera = draw_camera(np.random.default_rng(seed))
    eye = draw_eye(180, 240, camera, None, np.random.default_rng(seed))
    planes = retina(eye, camera, np.random.default_rng(seed))
    assert planes.shape == (3, 180, 240) and planes.dtype == np.float32
    assert planes.min() >= 0.0 and planes.max() <= 255.0
    assert planes[0].mean() > planes[2].mean()


@pytest.mark.parametrize("cut", [0.8, 2.0])
def test_field_of_view_is_a_circle_cut_above_and_below(cut: float) -> None:
    camera = replace(draw_camera(np.random.default_rng(0)), cut=cut, notch=False, noise=0.0)
    eye = draw_eye(300, 400, camera, "left", np.random.default_rng(1))
    photograph = expose(np.full((300, 400, 3), 120.0, np.float32), eye, camera, np.random.default_rng(2))
    lit = photograph.max(axis=2) > 60
    expected = (np.hypot(eye.x, eye.y) <= 1.0) & (np.abs(eye.y) <= cut)
    assert (lit & expected).sum() / (lit | expected).sum() > 0.97
    assert photograph.dtype == np.uint8 and not photograph[0, 0].any()


def test_noise_has_the_strength_of_the_camera() -> None:
    camera = replace(draw_camera(np.random.default_rng(0)), cut=2.0, noise=2.0)
    eye = draw_eye(300, 300, camera, None, np.random.default_rng(1))
    photograph = expose(np.full((300, 300, 3), 120.0, np.float32), eye, camera, np.random.default_rng(2))
    assert photograph[140:160, 140:160].std() == pytest.approx(2.0, rel=0.15)


def test_eye_fits_into_the_photograph() -> None:
    for seed in range(40):
        camera = draw_camera(np.random.default_rng(seed))
        eye = draw_eye(240, 320, camera, None, np.random.default_rng(seed))
        (x, y), half_height = eye.centre, eye.radius * min(1.0, camera.cut)
        assert x - eye.radius > -1.5 and x + eye.radius < 320.5
        assert y - half_height > -1.5 and y + half_height < 240.5


def test_distractors_are_seeded_and_occur_in_about_half() -> None:
    camera = draw_camera(np.random.default_rng(0))
    eye = draw_eye(100, 100, camera, None, np.random.default_rng(0))
    changed = []
    for seed in range(80):
        twice = []
        for _ in range(2):
            planes = np.full((3, 100, 100), 100.0, np.float32)
            add_distractors(planes, eye, np.random.default_rng(seed))
            twice.append(planes)
        assert np.array_equal(*twice)
        changed.append(bool((twice[0] != 100.0).any()))
    assert 0.3 < np.mean(changed) < 0.65  # 1 - 0.75 * 0.88 * 0.8 = 0.47
