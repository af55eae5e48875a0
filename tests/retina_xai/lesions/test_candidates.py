import numpy as np
import pytest

from retina_xai.errors import UsageError
from retina_xai.lesions.candidates import (
    binarise,
    expert_markings,
    label_regions,
    lesion_candidates,
    region_maxima,
)
from retina_xai.lesions.outlines import mask_of


def test_the_threshold_is_relative_to_the_maximum_and_inclusive():
    evidence = np.array([[0.5, 0.02, 0.0199, 0.0]])
    assert binarise(evidence).tolist() == [[True, True, False, False]]
    assert binarise(evidence, fraction=0.5).tolist() == [[True, False, False, False]]


def test_noise_of_the_start_mask_is_not_evidence():
    noise = np.random.default_rng(0).uniform(0, 0.01, (50, 60))
    assert not binarise(noise).any()
    assert lesion_candidates(noise) == []
    assert binarise(noise, floor=0.0).any()


def test_without_evidence_there_is_no_candidate():
    assert not binarise(np.zeros((4, 5))).any()


def test_candidates_of_a_drawn_map():
    evidence = np.zeros((20, 30), dtype=np.float32)
    evidence[2:4, 5:8] = 0.5
    evidence[3, 6] = 0.75
    evidence[10, 20] = 1.0
    evidence[11, 21] = 0.1  # touches only by its corner: one region with the pixel above
    first, second = lesion_candidates(evidence)
    assert (first.shape.centroid, first.shape.area, first.shape.box) == ((20.5, 10.5), 2, (19.5, 9.5, 21.5, 11.5))
    assert (second.shape.centroid, second.shape.area, second.shape.box) == ((6.0, 2.5), 6, (4.5, 1.5, 7.5, 3.5))
    assert [one.score for one in (first, second)] == [1.0, 0.75]
    assert [(one.id, one.type, one.origin, one.status) for one in (first, second)] == [
        ("1", "unspecified", "candidate", "kept"),
        ("2", "unspecified", "candidate", "kept"),
    ]


def test_equal_scores_keep_the_order_of_their_regions():
    evidence = np.array([[0, 0.5, 0, 0.5], [0.5, 0, 0, 0], [0, 0, 0, 0], [0.5, 0, 0, 1]])
    assert [one.shape.centroid for one in lesion_candidates(evidence)] == [(3, 3), (0.5, 0.5), (3, 0), (0, 3)]


def test_every_candidate_has_the_pixels_of_its_own_region():
    evidence = np.random.default_rng(3).random((60, 80)) ** 8
    mask = binarise(evidence, 0.3)
    total = np.zeros(mask.shape, int)
    for candidate in lesion_candidates(evidence, 0.3):
        own = mask_of(candidate.shape, *mask.shape)
        assert (own.sum(), evidence[own].max()) == (candidate.shape.area, candidate.score)
        total += own
    assert np.array_equal(total, mask)


def test_expert_markings_are_the_regions_of_the_mask_with_their_holes():
    mask = np.zeros((20, 30), bool)
    mask[2:9, 3:10], mask[4:6, 5:7], mask[15, 20] = True, False, True
    ring, dot = expert_markings(mask, "soft_exudates")
    assert (ring.type, ring.origin, ring.status, ring.score) == ("soft_exudates", "expert", "kept", None)
    assert ring.id != dot.id
    assert (ring.shape.area, len(ring.shape.rings), dot.shape.area) == (45, 2, 1)
    assert np.array_equal(mask_of(ring.shape, 20, 30) | mask_of(dot.shape, 20, 30), mask)
    assert expert_markings(np.zeros((5, 5), bool), "haemorrhages") == []


@pytest.mark.parametrize(("named", "shown"), [("microaneurysms", "red_small_dots"), ("irma", "unspecified")])
def test_expert_markings_of_other_types_keep_their_name_in_the_id(named, shown):
    (dot,) = expert_markings(np.eye(5, dtype=bool), named)
    assert (dot.id, dot.type) == (f"{named} 1", shown)


def test_areas_add_up_to_the_mask_and_maxima_agree_with_a_loop():
    evidence = np.random.default_rng(1).random((40, 50)) ** 6
    mask = binarise(evidence)
    regions = label_regions(mask)
    assert regions.areas.sum() == mask.sum()
    assert sum(lesion.shape.area for lesion in lesion_candidates(evidence)) == mask.sum()
    expected = [evidence[regions.labels == label].max() for label in range(1, regions.count + 1)]
    assert region_maxima(evidence, regions) == pytest.approx(expected, abs=0)


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        (np.zeros((2, 3, 4)), "evidence of shape (2, 3, 4): expected (height, width); pass one map at a time"),
        (np.full((2, 2), 1.5), "evidence from 1.5 to 1.5: expected finite values in [0, 1]; rescale it"),
        (np.full((2, 2), np.nan), "evidence from nan to nan: expected finite values in [0, 1]; rescale it"),
    ],
)
def test_an_invalid_map_is_refused(evidence, text):
    with pytest.raises(UsageError) as error:
        binarise(evidence)
    assert str(error.value) == text


def test_a_fraction_outside_of_its_range_is_refused():
    with pytest.raises(UsageError, match=r"fraction 4, floor 0\.01: expected values in \[0, 1\]"):
        binarise(np.zeros((2, 2)), fraction=4)
