"""The learned quality score that comes with the package."""

import cv2
import numpy as np
import pytest
from helpers.arrays import photograph_of

from retina_xai.errors import ModelError
from retina_xai.fundus.quality import gradability
from retina_xai.fundus.quality_score import FEATURES, QualityScore, shipped_score
from retina_xai.io.images import find_images, read_image
from retina_xai.training.phantoms.phantom import make_phantom


@pytest.mark.parametrize(
    "change",
    [
        {"features": ["detail"]},
        {"mean": [0.0]},
        {"linear": [float("nan")] * len(FEATURES)},
        {"offset": None},
        {"quadratic": "x"},
    ],
)
def test_an_unfit_score_is_refused(change):
    with pytest.raises(ModelError, match="fit it again"):
        QualityScore.from_json({**shipped_score().to_json(), **change})


def test_blur_lowers_the_score():
    pixels = make_phantom(3, 640, 800, grade=3).pixels
    found = [gradability(photograph_of(cv2.GaussianBlur(pixels, (0, 0), s), "x")) for s in (0.5, 1.5, 3, 5)]
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < shipped_score().limit


def test_a_low_score_turns_good_into_usable_and_says_so():
    seen = set()
    pixels = make_phantom(3, 640, 800, grade=3).pixels
    for sigma in np.linspace(0.5, 3, 26):
        found = gradability(photograph_of(cv2.GaussianBlur(pixels, (0, 0), sigma), "x"))
        assert (found.verdict == "good") <= (found.score >= shipped_score().limit)
        seen.add(found.reason.split(" ")[0] if found.verdict == "usable" else found.verdict)
    assert "quality" in seen


def test_photographs_that_graders_call_bad_are_not_good(real_data):
    """In sample: the score was fitted to these; out-of-fold figures are in the model card."""
    verdicts = {
        label: [gradability(read_image(path)).verdict for path in find_images([real_data / "drimdb" / label])]
        for label in ("good", "bad")
    }
    assert verdicts["bad"].count("good") <= 1
    assert verdicts["good"].count("good") >= 0.95 * len(verdicts["good"])
