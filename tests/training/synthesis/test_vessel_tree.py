"""The vessel tree: it starts at the disc, becomes thinner, does not enter the fovea, and is drawn to scale."""

import numpy as np
import pytest

from retina_xai.training.synthesis.vessel_tree import AVASCULAR_RADIUS, MIN_DIAMETER, Vessel, draw_vessels, grow_vessels

DISC, FOVEA = (0.65, -0.05), (-0.05, 0.02)


@pytest.fixture(scope="module")
def tree() -> list[Vessel]:
    return grow_vessels(DISC, FOVEA, np.random.default_rng(0))


def test_eight_trunks_leave_the_disc_with_wider_veins(tree: list[Vessel]) -> None:
    trunks = [vessel for vessel in tree if vessel.width > 0.0115 and np.hypot(*(vessel.points[0] - DISC)) < 0.1]
    assert len(trunks) == 8
    widths = {artery: np.mean([one.width for one in trunks if one.artery == artery]) for artery in (True, False)}
    assert widths[True] < 0.85 * widths[False]


def test_vessels_taper_and_branches_are_finer(tree: list[Vessel]) -> None:
    assert all(MIN_DIAMETER * 0.5 < vessel.end_width < vessel.width for vessel in tree)
    assert 30 < len(tree) < 600
    assert np.median([vessel.width for vessel in tree]) < 0.012


def test_no_branch_enters_the_avascular_zone(tree: list[Vessel]) -> None:
    nearest = min(np.hypot(*(vessel.points - FOVEA).T).min() for vessel in tree if len(vessel.points))
    assert nearest >= AVASCULAR_RADIUS


def test_same_seed_same_tree_and_density_adds_branches(tree: list[Vessel]) -> None:
    again = grow_vessels(DISC, FOVEA, np.random.default_rng(0))
    assert all(np.array_equal(one.points, two.points) for one, two in zip(tree, again, strict=True))
    bare = grow_vessels(DISC, FOVEA, np.random.default_rng(0), density=0.0)
    assert 8 < len(bare) < 20 < len(tree)


@pytest.mark.parametrize("radius", [100.0, 500.0])
def test_a_straight_vessel_has_its_width_and_place(radius: float) -> None:
    vessel = Vessel(np.array([[-0.5, 0.2], [0.5, 0.2]]), 0.06, 0.06, artery=False)
    size = int(2.2 * radius)
    layers = draw_vessels([vessel], (size, size), (1.1 * radius, 1.1 * radius), radius)
    profile = layers.veins[:, int(1.1 * radius)]
    assert profile.sum() == pytest.approx(0.06 * radius, rel=0.15)
    assert np.average(np.arange(size), weights=profile) == pytest.approx(1.3 * radius, abs=0.6)
    assert not layers.arteries.any() and not layers.reflex.any()


def test_a_hairline_is_paler_than_a_trunk() -> None:
    opacity = []
    for width in (0.003, 0.02):
        vessel = Vessel(np.array([[-0.5, 0.0], [0.5, 0.0]]), width, width, artery=True)
        opacity.append(float(draw_vessels([vessel], (220, 220), (110.0, 110.0), 100.0).arteries.max()))
    assert opacity[0] < 0.5 * opacity[1]
