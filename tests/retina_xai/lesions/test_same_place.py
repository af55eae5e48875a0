"""The artefact guard on drawn candidates: what it finds, what it must not find, and its control."""

import numpy as np
import pytest

from retina_xai.errors import UsageError
from retina_xai.lesions.same_place import EyeRegions, SamePlaceSettings, same_places

DUST = np.array([400.0, 300.0])


def eyes(count, *, dusty=(), seed=0, sensor=(1000, 800), each=20, name="eye{}"):
    """Photographs with random candidates; those in `dusty` also have one near `DUST`, as their last."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(count):
        centres = rng.uniform(0, sensor, (each, 2))
        areas = np.full(each, 50.0)
        if index in dusty:
            centres = np.vstack([centres, DUST + rng.uniform(-1.5, 1.5, 2)])
            areas = np.append(areas, np.pi * 15**2)
        made.append(EyeRegions(name.format(index), sensor, centres, areas, 3.0))
    return made


def test_dust_is_found_with_its_eyes_and_its_size():
    (place,) = same_places(eyes(12, dusty=(1, 4, 5, 9)))
    assert (place.x, place.y) == pytest.approx(DUST, abs=1.5)
    assert (place.eyes, place.of) == (4, 12)
    assert place.radius == pytest.approx(15)
    assert place.members == ((1, 20), (4, 20), (5, 20), (9, 20))
    assert place.by_chance <= 0.05
    assert str(place) == f"same place in 4 of 12 eyes: ({place.x:.0f}, {place.y:.0f}), dust?"


def test_of_very_many_eyes_some_are_compared():
    many, few = eyes(40, dusty=range(40)), SamePlaceSettings(max_eyes=12)
    (place,) = same_places(many, few)
    assert (place.x, place.y) == pytest.approx(DUST, abs=1.5)
    assert (place.eyes, place.of) == (12, 12)
    members = {photograph for photograph, _ in place.members}
    assert members != set(range(12)), "drawn over all"
    (again,) = same_places(eyes(41, dusty=range(41)), few)
    assert len({photograph for photograph, _ in again.members} - members) <= 1
    assert same_places(many, SamePlaceSettings(max_eyes=40)) == same_places(many)


def test_random_candidates_are_not_flagged():
    assert [same_places(eyes(12, seed=seed)) for seed in range(10)] == [()] * 10


def test_candidates_that_are_dense_by_nature_are_not_flagged():
    flagged = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        dense = [EyeRegions(str(k), (1000, 800), rng.normal(DUST, 40, (30, 2)), np.ones(30), 3.0) for k in range(12)]
        expected = same_places(dense, SamePlaceSettings(max_by_chance=1e9, repetitions=100))
        assert max(place.eyes for place in expected) > 3, "there are coincidences"
        flagged += len(same_places(dense))
    assert flagged <= 1


def test_two_photographs_of_one_eye_count_once_and_two_eyes_of_a_patient_count_twice():
    again = eyes(6, dusty=(0, 1, 2), name="same eye")
    assert same_places(again) == ()
    of_two = [*eyes(2, dusty=(0, 1), name="7_left"), *eyes(1, dusty=(0,), seed=1, name="7_right")]
    assert same_places(of_two) == ()
    third = eyes(1, dusty=(0,), seed=2, name="8_left")
    (place,) = same_places([*of_two, *third])
    assert (place.eyes, place.of, len(place.members)) == (3, 3, 4)


def test_sensors_are_not_pooled():
    first, second = eyes(2, dusty=(0, 1)), eyes(4, dusty=(0, 1), sensor=(1000, 801), name="other{}")
    assert same_places([*first, *second]) == ()
    (place,) = same_places([*first, *eyes(4, dusty=(0, 1), seed=5, name="other{}")])
    assert (place.eyes, place.of) == (4, 6)


def test_photographs_without_candidates_count_as_eyes():
    (place,) = same_places([*eyes(4, dusty=(0, 1, 2)), *eyes(5, each=0, name="clean{}")])
    assert (place.eyes, place.of) == (3, 9)
    assert same_places(eyes(5, each=0)) == same_places([]) == ()


def test_unfit_settings_are_refused():
    with pytest.raises(UsageError, match="tolerance 0, shift 16, min_eyes 3, repetitions 1000, max_eyes 300: exp"):
        SamePlaceSettings(tolerance=0)
