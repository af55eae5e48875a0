import numpy as np
import pytest

from retina_xai.evaluation.lesions.summary import ImageResult, Statistics, summarise
from retina_xai.metrics.intervals import wilson
from retina_xai.metrics.overlap import ANY, Counts, PredictionCounts

PREDICTION = PredictionCounts(1, 2, 1, 10, 100)


def image(counts, chance, scores=(0.5,), disputed=False):
    levels = np.zeros(65_536, dtype=np.int32)
    levels[100] = counts.pixels
    field = levels.copy()
    field[0] += 100 - counts.pixels
    both = lambda value: {"a": value, ANY: value}  # noqa: E731
    return ImageResult(
        "n",
        "0",
        0.5,
        0,
        both(counts),
        PREDICTION,
        both(chance),
        [PREDICTION] * len(chance),
        np.array([0.5, 0.25]),
        np.array([False, True]),
        # Thrown, the better blob misses as well at first, then hits the first lesion.
        np.array([[True, True], [False, True]]),
        np.array([False, disputed]),
        np.array([[False, disputed], [False, False]]),
        both(np.array(scores)),
        both(np.array([np.zeros(len(scores)), [0.5, *np.zeros(len(scores) - 1)]])),
        both(levels),
        field,
    )


FIRST = image(
    Counts(1, 0, 1, 4, 3, 1, 20, 5, 10), [Counts(1, 0, 0, 4, 1, 0, 20, 2, 10), Counts(1, 0, 1, 4, 2, 0, 20, 4, 10)]
)
SECOND = image(Counts(1, 0, 0, 1, 0, 0, 5, 0, 10), [Counts(1, 0, 0, 1, 0, 0, 5, 0, 10)] * 2, scores=(0.0,))


def test_ratios_are_of_sums_and_not_means_of_ratios():
    figures = summarise([FIRST, SECOND], Statistics(50)).types["a"].figures
    assert figures["lesion"].value == 3 / 5
    assert figures["image"].value == 1 / 2
    assert figures["pixel"].value == 5 / 25
    assert figures["precision"].value == 5 / 20


def test_chance_is_the_mean_over_repetitions_of_the_ratio_of_sums():
    figure = summarise([FIRST, SECOND], Statistics(50)).types["a"].figures["lesion"]
    assert figure.chance == pytest.approx((1 / 5 + 2 / 5) / 2)
    assert figure.chance_interval.low == pytest.approx(1 / 5 + 0.025 / 5)


def test_intervals_are_wilsons_for_images_and_bootstrapped_for_the_rest():
    figures = summarise([FIRST, SECOND], Statistics(400)).types["a"].figures
    assert figures["image"].interval == wilson(1, 2)
    # Two photographs: a draw has only the first (3/4), only the second (0), or both.
    assert (figures["lesion"].interval.low, figures["lesion"].interval.high) == (0, 3 / 4)


THIRD = image(Counts(1, 0, 1, 4, 3, 1, 33, 7, 10), [Counts(1, 0, 0, 4, 1, 0, 33, 2, 10)] * 2)


def test_intervals_have_the_level_the_seed_and_the_resamples():
    usual, narrow, seeded, fewer = (
        summarise([FIRST, SECOND, FIRST, THIRD, FIRST], statistics).types["a"]
        for statistics in (Statistics(7), Statistics(7, level=0.5), Statistics(7, seed=1), Statistics(6))
    )
    assert narrow.figures["image"].interval == wilson(4, 5, 0.5) != usual.figures["image"].interval
    for interval in (lambda one: one.figures["lesion"].interval, lambda one: one.froc.mean.interval):
        widths = [interval(one).high - interval(one).low for one in (usual, narrow)]
        assert widths[1] < widths[0]
    assert len({one.figures["pixel"].interval for one in (usual, seeded, fewer)}) == 3


def test_average_precision_and_its_chance():
    one = summarise([FIRST, SECOND], Statistics(50)).types["a"]
    assert one.average_precision == 1
    assert one.prevalence == 25 / 200


def test_froc_uses_all_images():
    curve = summarise([FIRST, SECOND], Statistics(50)).types["a"].froc.curve
    assert curve.sensitivity[-1] == 1 / 2
    assert curve.false_positives_per_image[-1] == 1


def test_froc_of_chance_is_spread_over_repetitions():
    froc = summarise([FIRST, SECOND], Statistics(50)).types["a"].froc
    # The first repetition finds nothing; in the second both lesions score 0.5, above all false positives.
    assert froc.at_rates == pytest.approx(7 * [1 / 2])
    assert [chance for chance, _ in froc.chance_at_rates] == pytest.approx(7 * [1 / 2])
    assert froc.mean.chance == pytest.approx(1 / 2)
    assert (froc.mean.chance_interval.low, froc.mean.chance_interval.high) == pytest.approx((0.025, 0.975))
    assert froc.chance_curve.sensitivity == pytest.approx(0.5)
    assert froc.chance_curve.false_positives_per_image[[0, -1]] == pytest.approx([1 / 16, 8])


def test_the_mean_of_froc_is_bootstrapped_over_images():
    figure = summarise([FIRST, SECOND], Statistics(400)).types["a"].froc.mean
    # Only the first photograph (its lesion found), only the second (missed), or both.
    assert figure.value == 1 / 2
    assert (figure.interval.low, figure.interval.high) == (0, 1)


def test_false_positives_at_disputed_places_are_counted_and_left_out_of_a_second_froc():
    counts, chance = Counts(1, 0, 1, 1, 1, 0, 5, 1, 10), [Counts(1, 0, 0, 1, 0, 0, 5, 0, 10)] * 2
    weak = image(counts, chance, scores=(0.2,), disputed=True)
    summary = summarise([weak, image(counts, chance, scores=(0.2,))], Statistics(100))
    assert summary.disputed.false == 2
    assert summary.disputed.share.value == 1 / 2
    assert (summary.disputed.share.interval.low, summary.disputed.share.interval.high) == (0, 1)
    # Two images, two blobs in each; in the first repetition all four miss, in the second two.
    assert summary.disputed.share.chance == pytest.approx((1 / 4 + 0 / 2) / 2)
    # Two false positives of 0.25 are above both lesions (0.2): they are found from one false positive per image on.
    # Without the disputed one, from half a false positive per image on.
    assert summary.types[ANY].froc.mean.value == pytest.approx(4 / 7)
    assert summary.disputed.froc.value == pytest.approx(5 / 7)


def test_nothing_is_disputed_where_no_blob_peaks_at_such_a_place():
    assert summarise([FIRST, SECOND], Statistics(50)).disputed is None
