"""Every candidate has the outline of its own region."""

import cv2
import numpy as np

from retina_xai.lesions.candidates import lesion_candidates
from retina_xai.lesions.outlines import outlined_candidates


def blobs(seed):
    noise = np.random.default_rng(seed).random((60, 80)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.clip((smooth - 0.52) * 8, 0, 1)


def test_the_candidates_are_those_of_the_map_in_the_same_order():
    for seed in range(5):
        evidence = blobs(seed)
        found = outlined_candidates(evidence)
        assert [lesion for lesion, _ in found] == lesion_candidates(evidence)
        assert len(found) > 5


def test_a_filled_outline_has_the_box_of_its_candidate_and_at_least_its_area():
    evidence = blobs(7)
    for lesion, outline in outlined_candidates(evidence):
        mask = np.zeros(evidence.shape, np.uint8)
        cv2.drawContours(mask, [np.array(outline, np.int32)[:, None]], -1, 1, cv2.FILLED)
        rows, columns = np.nonzero(mask)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == lesion.box
        assert mask.sum() >= lesion.area


def test_a_square_has_its_four_corners():
    evidence = np.zeros((20, 20), np.float32)
    evidence[5:9, 3:10] = 0.5
    ((_, outline),) = outlined_candidates(evidence)
    assert sorted(outline) == [(3, 5), (3, 8), (9, 5), (9, 8)]


def test_no_evidence_no_candidates():
    assert outlined_candidates(np.zeros((5, 5), np.float32)) == []
