import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from retina_xai.metrics.chance import LARGE, _Occupancy, _occupy, place_at_random
from retina_xai.metrics.overlap import ANY, Truth, blobs_of, measure

ROWS, COLUMNS = np.mgrid[:120, :150]
FIELD = (ROWS - 60) ** 2 + (COLUMNS - 75) ** 2 <= 55**2


def mask_of(pixels, shape=FIELD.shape):
    mask = np.zeros(shape, dtype=bool)
    mask.ravel()[pixels] = True
    return mask


def blotches(quantile, sigma, seed=0):
    noise = gaussian_filter(np.random.default_rng(seed).random(FIELD.shape), sigma)
    return (noise > np.quantile(noise[FIELD], quantile)) & FIELD


def shapes(blobs):
    """Every blob as the smallest of its eight turned and mirrored sets of pixels, so equal shapes are equal."""
    found = []
    for number in range(blobs.count):
        points = np.stack(np.divmod(blobs.pixels[blobs.owner == number], blobs.shape[1]), axis=1)
        turned = [
            points[:, order] * sign for order in ([0, 1], [1, 0]) for sign in ([1, 1], [1, -1], [-1, 1], [-1, -1])
        ]
        found.append(min(sorted(map(tuple, (p - p.min(axis=0)).tolist())) for p in turned))
    return found


@pytest.mark.parametrize(("quantile", "sigma"), [(0.97, 0.5), (0.9, 2), (0.8, 6)])
def test_blobs_keep_their_shape_stay_in_the_field_and_do_not_overlap(quantile, sigma):
    blobs = blobs_of(blotches(quantile, sigma))
    placed = place_at_random(blobs, FIELD, np.random.default_rng(1))
    assert FIELD.ravel()[placed.pixels].all()
    assert len(np.unique(placed.pixels)) == len(blobs.pixels)
    assert shapes(placed) == shapes(blobs)
    assert not np.array_equal(placed.pixels, blobs.pixels)


def test_blobs_keep_their_order_so_that_scores_still_belong_to_them():
    lengths = np.random.default_rng(0).permutation(np.arange(3, 31))
    bars = np.zeros(FIELD.shape, dtype=bool)
    for k, length in enumerate(lengths):
        bars[30 + 2 * k, 60 : 60 + length] = True
    blobs = blobs_of(bars)
    areas = np.bincount(blobs.owner)
    # Some blobs are placed one by one, others in rounds.
    assert areas.tolist() == lengths.tolist()
    assert areas.min() < LARGE * FIELD.sum() < areas.max()
    placed = place_at_random(blobs, FIELD, np.random.default_rng(4))
    for number, length in enumerate(lengths):
        rows, columns = np.divmod(placed.pixels[placed.owner == number], placed.shape[1])
        assert sorted([np.ptp(rows), np.ptp(columns)]) == [0, length - 1]


def test_single_pixels_are_placed_uniformly():
    scattered = np.zeros(FIELD.shape, dtype=bool)
    scattered[20:100:8, 40:110:8] = True
    blobs = blobs_of(scattered & FIELD)
    hits = np.zeros(FIELD.shape)
    rng = np.random.default_rng(2)
    for _ in range(400):
        hits += mask_of(place_at_random(blobs, FIELD, rng).pixels)
    quarter = FIELD & (ROWS < 60) & (COLUMNS < 75)
    total = hits.sum()
    expected = quarter.sum() / FIELD.sum()
    assert hits[quarter].sum() / total == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / total))
    ring = FIELD & ((ROWS - 60) ** 2 + (COLUMNS - 75) ** 2 > 45**2)
    expected = ring.sum() / FIELD.sum()
    assert hits[ring].sum() / total == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / total))


def test_pixel_sensitivity_of_chance_is_the_predicted_area():
    truth = Truth.of({"a": blotches(0.9, 3, seed=5) & ((ROWS - 60) ** 2 + (COLUMNS - 75) ** 2 < 30**2)})
    predicted = np.random.default_rng(8).random(FIELD.shape) < 0.05
    blobs, rng = blobs_of(predicted & FIELD), np.random.default_rng(3)
    area = int(FIELD.sum())
    values = [measure(place_at_random(blobs, FIELD, rng), truth, area).types["a"].pixel_sensitivity for _ in range(200)]
    expected = len(blobs.pixels) / area
    assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / np.sqrt(200))


def test_a_mask_of_the_whole_field_stays_and_scores_everything():
    blobs = blobs_of(FIELD)
    placed = place_at_random(blobs, FIELD, np.random.default_rng(0))
    assert np.array_equal(mask_of(placed.pixels), FIELD)
    result = measure(placed, Truth.of({"a": blotches(0.9, 3)}), int(FIELD.sum()))
    assert result.types[ANY].pixel_sensitivity == 1


def test_a_field_too_full_for_free_places_stays_in_the_field():
    blobs = blobs_of(blotches(0.4, 1.5))
    placed = place_at_random(blobs, FIELD, np.random.default_rng(0))
    assert FIELD.ravel()[placed.pixels].all()
    assert shapes(placed) == shapes(blobs)
    assert len(np.unique(placed.pixels)) <= len(blobs.pixels)


def test_no_blobs_and_equal_seeds():
    assert place_at_random(blobs_of(np.zeros_like(FIELD)), FIELD, np.random.default_rng(0)).count == 0
    blobs = blobs_of(blotches(0.9, 2))
    once, again = (place_at_random(blobs, FIELD, np.random.default_rng(9)).pixels for _ in range(2))
    assert np.array_equal(once, again)


def test_of_two_overlapping_blobs_only_the_earlier_is_entered():
    occupancy = _Occupancy((1, 10), np.ones(10, dtype=bool), np.arange(10))
    flat, owner = np.array([2, 3, 4, 4, 5, 6, 8, 9]), np.array([0, 0, 0, 1, 1, 1, 2, 2])
    entered = _occupy(occupancy, flat, owner, np.ones(3, dtype=bool))
    assert entered.tolist() == [True, False, True]
    assert occupancy.taken.tolist() == [-1, -1, 0, 0, 0, -1, -1, -1, 2, 2]
