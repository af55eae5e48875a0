"""Drawn lesions: determined by the seed, inside the field of view, outside the disc, with exact masks."""

import numpy as np
import pytest
from helpers.arrays import photograph_of

from retina_xai.fundus.preprocessing import prepare
from retina_xai.training.phantoms.phantom import make_phantom
from retina_xai.training.synthesis.drawn_lesions import (
    COUNTS,
    DISC_RADIUS,
    RADII,
    draw_lesions,
    find_retina,
    paint_soft,
    random_radius,
    referable_plan,
)

SIZE = 320


def _healthy(seed: int) -> np.ndarray:
    return prepare(photograph_of(make_phantom(seed, 360, 400, grade=0).pixels, "phantom.png"), SIZE).pixels


@pytest.fixture(scope="module", params=range(6))
def photograph(request: pytest.FixtureRequest) -> np.ndarray:
    return _healthy(request.param)


def test_a_sample_is_a_function_of_its_seed(photograph: np.ndarray) -> None:
    def drawn(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return draw_lesions(photograph, referable_plan(rng), rng).pixels

    before = photograph.copy()
    assert np.array_equal(drawn(1), drawn(1)) and not np.array_equal(drawn(1), drawn(2))
    assert np.array_equal(photograph, before)


def test_masks_lie_in_the_field_of_view_and_off_the_disc(photograph: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    lesions = draw_lesions(photograph, [kind for kind in RADII for _ in range(12)], rng)
    disc_x, disc_y = find_retina(photograph).disc
    y, x = np.mgrid[:SIZE, :SIZE]
    off_disc = np.hypot(x - disc_x, y - disc_y) > DISC_RADIUS * SIZE
    assert len(lesions.patches) > 40
    for patch in lesions.patches:
        assert patch.mask.any()
        assert photograph[patch.box][patch.mask].any(axis=1).all()
        assert off_disc[patch.box][patch.mask].all()


def test_black_stays_black_and_only_lesions_change(photograph: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    lesions = draw_lesions(photograph, ["haemorrhages"] * 5 + ["hard_exudates"] * 3, rng)
    assert np.array_equal(lesions.pixels.any(axis=2), photograph.any(axis=2))
    change = np.abs(lesions.pixels.astype(int) - photograph).sum(axis=2)
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    near = mask.copy()
    for patch in lesions.patches:
        mask[patch.box] |= patch.mask
        rows, columns = patch.box
        near[max(0, rows.start - 20) : rows.stop + 20, max(0, columns.start - 20) : columns.stop + 20] = True
    assert change[mask].mean() > 8.0
    assert change[~near].max() == 0


def test_the_disc_is_found_on_phantoms() -> None:
    errors = []
    for seed in range(12):
        phantom = make_phantom(seed, 400, 400, grade=0)
        fundus = prepare(photograph_of(phantom.pixels, "phantom.png"), SIZE)
        (x, y), *_ = fundus.geometry.points_from_file(np.array([phantom.disc[:2]]))
        errors.append(np.hypot(*(np.array(find_retina(fundus.pixels).disc) - (x, y))) / SIZE)
    assert np.mean(np.array(errors) < 0.05) >= 0.9


def test_plans_are_referable_and_within_the_counts() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        plan = referable_plan(rng)
        assert set(plan) - {"red_small_dots"}
        for kind in set(plan):
            low, high = COUNTS[kind]
            assert low <= plan.count(kind) <= high


@pytest.mark.parametrize("kind", RADII)
def test_radii_scale_with_the_photograph(kind: str) -> None:
    small, large = (random_radius(kind, size, np.random.default_rng(5)) for size in (224, 448))
    assert large == pytest.approx(2 * small)
    low, high = RADII[kind]
    assert 448 * low <= large <= 448 * high


def test_a_black_square_gets_no_lesion() -> None:
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    lesions = draw_lesions(black, ["haemorrhages"], np.random.default_rng(0))
    assert lesions.patches == () and not lesions.pixels.any()


@pytest.mark.parametrize("place", [(-60.0, 20.0), (20.0, -60.0), (90.0, 20.0), (20.0, 90.0), (-2.0, 20.0)])
def test_a_lesion_beyond_the_planes_leaves_them_as_they_are_and_one_at_their_edge_does_not(place):
    planes = np.full((48, 48, 3), 120, np.float32)
    lesion = paint_soft(planes, "haemorrhages", (*place, 6.0), 1.0, np.random.default_rng(0))
    assert (planes == 120).all() == (place != (-2.0, 20.0))
    assert lesion.mask.any() == (place == (-2.0, 20.0))
