"""The effect of each candidate, against an independent slow computation."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from retina_xai import localization
from retina_xai.explainers.gradients import Saliency
from retina_xai.fundus.geometry import Geometry
from retina_xai.lesions.outlines import mask_of
from retina_xai.lesions.shapes import Disk
from retina_xai.localization import covered, localize, with_effects
from retina_xai.models.checkpoint import load_classifier


@pytest.fixture(scope="module")
def classifier(weights):
    return load_classifier(weights)


@pytest.fixture(scope="module")
def found(phantom_photograph, classifier):
    return localize(phantom_photograph, classifier, Saliency(), ungradable=True)


def test_the_effect_is_the_fall_of_the_log_odds_without_the_candidate(found, classifier, monkeypatch):
    monkeypatch.setattr(localization, "MAX_EFFECTS", 5)
    lesions = with_effects(found, classifier).lesions
    assert [replace(one, effect=None) for one in lesions] == list(found.lesions)
    height, width = found.evidence.shape
    with torch.no_grad():
        before = classifier.model(found.image)[0]
        for lesion in lesions[:5]:
            mask = mask_of(lesion.shape, height, width).astype(float)
            kept = 1 - torch.from_numpy(found.fundus.geometry.map_from_file(mask))
            after = classifier.model(found.image * kept)[0]
            expected = (before[1] - before[0]) - (after[1] - after[0])
            assert lesion.effect == pytest.approx(expected.item(), abs=1e-4)
    assert len({round(one.effect, 4) for one in lesions[:5]}) > 1
    assert all(one.effect is None for one in lesions[5:])
    assert len(lesions) > 5


def test_without_an_explanation_there_is_no_effect(found, classifier):
    for empty in (replace(found, explanation=None), replace(found, lesions=())):
        assert with_effects(empty, classifier) is empty


def test_a_disk_covers_its_area_and_what_is_beyond_the_file_is_left_out():
    geometry = Geometry((200, 300), 40.0, 10.0, 180.0, 90)  # two pixels of the file per network pixel
    whole = covered(Disk(100.0, 80.0, 20.0), geometry)
    assert whole.sum() == pytest.approx(np.pi * 20**2 / 4, rel=0.02)
    rows, columns = np.nonzero(whole > 0.99)
    centre = geometry.points_to_file(np.array([[columns.mean(), rows.mean()]]))[0]
    assert centre == pytest.approx([100, 80], abs=0.5)
    wide = Geometry((200, 300), -20.0, -20.0, 180.0, 90)
    assert covered(Disk(0.0, 0.0, 20.0), wide).sum() == pytest.approx(np.pi * 20**2 / 16, rel=0.06)
    assert not covered(Disk(900.0, 0.0, 20.0), wide).any()
