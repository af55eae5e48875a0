import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label, regionprops

from retina_xai.metrics.overlap import ANY, Counts, PredictionCounts, Truth, blobs_of, measure


def drawn(*rectangles, shape=(40, 60)):
    mask = np.zeros(shape, dtype=bool)
    for top, bottom, left, right in rectangles:
        mask[top:bottom, left:right] = True
    return mask


def overlap(predicted, **masks):
    return measure(blobs_of(predicted), Truth.of(masks), predicted.size)


def slow(predicted, truth):
    """(images_found, hit, strict, pixels_found) by one loop over regions and blobs, with scikit-image."""
    hit = strict = 0
    blobs = regionprops(label(predicted, connectivity=2))
    for region in regionprops(label(truth, connectivity=2)):
        pixels = {tuple(pixel) for pixel in region.coords}
        covered = sum(bool(predicted[pixel]) for pixel in pixels)
        touching = [blob for blob in blobs if pixels & {tuple(pixel) for pixel in blob.coords}]
        near = any(math.dist(blob.centroid, region.centroid) <= math.sqrt(region.area / math.pi) for blob in touching)
        hit += covered > 0
        strict += covered >= region.area / 2 or near
    return int((predicted & truth).any()), hit, strict, int((predicted & truth).sum())


def test_closed_form_of_three_lesions():
    # 10 x 10 each: one fully covered, one touched by a single corner pixel, one missed.
    truth = drawn((0, 10, 0, 10), (20, 30, 0, 10), (20, 30, 40, 50))
    predicted = drawn((0, 10, 0, 10), (29, 32, 9, 12))
    counts = overlap(predicted, a=truth).types["a"]
    assert counts == Counts(1, 0, 1, 3, 2, 1, 300, 101, 109)
    assert counts.lesion_sensitivity == 2 / 3
    assert counts.strict_lesion_sensitivity == 1 / 3
    assert counts.pixel_sensitivity == 101 / 300
    assert counts.pixel_precision == 101 / 109


def test_a_small_central_blob_is_a_strict_hit_and_a_lateral_one_is_not():
    truth = drawn((10, 20, 10, 20))
    assert overlap(drawn((14, 16, 14, 16)), a=truth).types["a"].lesions_hit_strict == 1
    assert overlap(drawn((10, 11, 10, 11)), a=truth).types["a"].lesions_hit_strict == 0


def test_half_covered_counts_and_one_pixel_less_does_not():
    truth = drawn((10, 20, 10, 30))
    far = (10, 20, 30, 60)  # drags the blob's centroid away from the region
    assert overlap(drawn((10, 20, 20, 30), far), a=truth).types["a"].lesions_hit_strict == 1
    almost = drawn((10, 20, 20, 30), far)
    almost[10, 20] = False
    assert overlap(almost, a=truth).types["a"].lesions_hit_strict == 0


def test_a_blob_on_another_lesion_type_is_not_a_false_positive():
    result = overlap(drawn((0, 2, 0, 2), (30, 32, 30, 32)), a=drawn((20, 22, 20, 22)), b=drawn((0, 2, 0, 2)))
    assert result.prediction == PredictionCounts(1, 2, 1, 8, 2400)
    assert result.types["a"].images_found == 0
    assert result.prediction.false_positives_per_image == 1
    assert result.prediction.area_fraction == 8 / 2400


def test_images_without_the_type_are_not_in_its_denominators():
    with_lesion = overlap(drawn((0, 2, 0, 2)), a=drawn((0, 4, 0, 4)), b=drawn()).types
    without = overlap(drawn((0, 2, 0, 2)), a=drawn(), b=drawn()).types
    total = with_lesion["a"] + without["a"]
    assert (total.images, total.images_without, total.image_sensitivity) == (1, 1, 1.0)
    nothing = with_lesion["b"] + without["b"]
    assert (nothing.images, nothing.images_without) == (0, 2)
    assert math.isnan(nothing.image_sensitivity)
    assert math.isnan(nothing.lesion_sensitivity)
    assert math.isnan(nothing.pixel_sensitivity)


def test_without_a_prediction_everything_is_missed_and_precision_is_undefined():
    result = overlap(drawn(), a=drawn((0, 4, 0, 4)))
    assert result.types["a"].lesion_sensitivity == 0
    assert math.isnan(result.types["a"].pixel_precision)
    assert result.prediction.false_positives_per_image == 0


def test_the_row_any_is_the_union():
    types = overlap(drawn((0, 1, 0, 1)), a=drawn((0, 4, 0, 4)), b=drawn((2, 6, 2, 6))).types
    assert types[ANY].lesions == 1
    assert types[ANY].pixels == 16 + 16 - 4


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.05, 0.6), st.floats(0.05, 0.6))
def test_agrees_with_a_slow_implementation(seed, share_predicted, share_true):
    rng = np.random.default_rng(seed)
    coarse = rng.random((2, 12, 15))
    fine = np.kron(coarse, np.ones((1, 2, 3)))
    predicted, truth = fine[0] < share_predicted, fine[1] < share_true
    counts = overlap(predicted, a=truth).types["a"]
    found = (counts.images_found, counts.lesions_hit, counts.lesions_hit_strict, counts.pixels_found)
    assert found == slow(predicted, truth)


def test_centroids_of_blobs():
    blobs = blobs_of(drawn((0, 2, 0, 4), (10, 11, 20, 23)))
    assert blobs.centroids() == pytest.approx(np.array([[1.5, 0.5], [21.0, 10.0]]))
