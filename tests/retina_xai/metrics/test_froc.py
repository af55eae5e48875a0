import numpy as np
import pytest

from retina_xai.errors import UsageError
from retina_xai.lesions.candidates import label_regions
from retina_xai.metrics.froc import RATES, Ranked, froc, lesion_scores, peaks, sensitivity_at
from retina_xai.metrics.overlap import blobs_of


def slow(false, found, images, rate):
    """Best sensitivity over all thresholds with at most `rate` false positives per image."""
    best = 0.0
    for threshold in sorted({*false, *found, 2.0} - {0.0}):
        if sum(score >= threshold for score in false) / images <= rate:
            best = max(best, sum(score >= threshold for score in found) / len(found))
    return best


def ranked(scores, images):
    """The scores, assigned to the images in turn."""
    return Ranked.of([np.array(scores[k::images], dtype=float) for k in range(images)])


def at_rates(false, found, images, rates=RATES):
    return sensitivity_at(ranked(false, images), ranked(found, images), np.ones(images, dtype=np.int64), rates)


def test_closed_form():
    curve = froc(np.array([0.8, 0.4]), np.array([0.9, 0.6, 0.0]), images=2)
    assert curve.false_positives_per_image.tolist() == [0, 0, 0.5, 0.5, 1]
    assert curve.sensitivity.tolist() == [0, 1 / 3, 1 / 3, 2 / 3, 2 / 3]
    assert at_rates([0.8, 0.4], [0.9, 0.6, 0.0], 2) == pytest.approx([1 / 3, 1 / 3, *5 * [2 / 3]])


def test_when_all_are_found_the_curve_reaches_its_end():
    curve = froc(np.array([0.5]), np.array([0.9, 0.3]), images=1)
    assert curve.sensitivity[-1] == 1
    assert curve.false_positives_per_image[-1] == 1


def test_agrees_with_a_slow_implementation_and_with_the_curve():
    rng = np.random.default_rng(0)
    for _ in range(20):
        false = np.round(rng.uniform(0.01, 1, rng.integers(0, 40)), 1).clip(0.1)
        found = np.round(rng.random(rng.integers(1, 20)), 1)
        images = int(rng.integers(1, 6))
        values = at_rates(false, found, images)
        assert values == pytest.approx([slow(false.tolist(), found.tolist(), images, rate) for rate in RATES])
        curve = froc(false, found, images)
        last = np.searchsorted(curve.false_positives_per_image, RATES, side="right") - 1
        assert values == pytest.approx(curve.sensitivity[last])


def test_an_image_drawn_twice_counts_like_two_images():
    rng = np.random.default_rng(1)
    false, found = ([np.round(rng.random(7), 1).clip(0.1) for _ in range(4)] for _ in range(2))
    drawn = [2, 0, 1, 3]
    repeated = [[one for one, times in zip(part, drawn, strict=True) for _ in range(times)] for part in (false, found)]
    expected = sensitivity_at(Ranked.of(repeated[0]), Ranked.of(repeated[1]), np.ones(6, dtype=np.int64))
    assert len(set(expected)) > 2
    assert sensitivity_at(Ranked.of(false), Ranked.of(found), np.array(drawn)).tolist() == expected.tolist()


def test_without_a_lesion_it_is_undefined_and_without_a_detection_zero():
    assert np.isnan(at_rates([0.5], [], 3)).all()
    assert froc(np.array([0.5]), np.array([]), images=3).sensitivity.size == 0
    assert at_rates([], [0.0, 0.0], 3).tolist() == 7 * [0]
    # Only images without a lesion are drawn.
    one = [np.array([0.5]), np.array([])]
    assert np.isnan(sensitivity_at(Ranked.of(one), Ranked.of(one), np.array([0, 2]))).all()


def test_a_detection_is_the_pixel_of_largest_evidence_and_finds_the_lesion_there():
    evidence = np.zeros((10, 20))
    evidence[5, 2:15] = 0.4
    evidence[5, 3] = 0.9
    evidence[0, 0:2] = 0.7
    truth = np.zeros((10, 20), dtype=bool)
    truth[4:7, 2:4] = truth[4:7, 12:16] = truth[0, 1] = truth[9, 18] = True
    blobs = blobs_of(evidence > 0)
    places = blobs.pixels[peaks(blobs, evidence)]
    # The first of several pixels of equal evidence.
    assert places.tolist() == [0, 5 * 20 + 3]
    regions = label_regions(truth)
    assert lesion_scores(places, evidence.ravel()[places], regions).tolist() == [0.0, 0.9, 0.0, 0.0]
    assert lesion_scores(places, np.array([0.7, 0.2]), label_regions(evidence > 0)).tolist() == [0.7, 0.2]


def test_of_several_detections_in_a_lesion_the_best_counts():
    truth = np.zeros((6, 12), dtype=bool)
    truth[1:3, 1:4] = truth[4, 6:11] = True
    regions = label_regions(truth)
    places, scores = np.array([13, 27, 54, 56, 58]), np.array([0.9, 0.3, 0.2, 0.8, 0.5])
    assert lesion_scores(places, scores, regions).tolist() == [0.9, 0.8]
    assert lesion_scores(places[::-1], scores[::-1], regions).tolist() == [0.9, 0.8]


def test_invalid_input_is_refused():
    with pytest.raises(UsageError, match="0 images: expected at least one"):
        froc(np.array([]), np.array([]), images=0)
    with pytest.raises(UsageError, match="detection scores above 0 and at most 1"):
        froc(np.array([0.0]), np.array([0.5]), images=1)
