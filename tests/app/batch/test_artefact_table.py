"""artefacts.csv of a batch: dust that is in all photographs, and the score without it."""

import csv

import cv2
import numpy as np
import pytest
import torch

from retina_xai.app.batch.localize import LocalizeRun, localize_batch
from retina_xai.explainers.gradients import Saliency
from retina_xai.io.images import read_image, write_png
from retina_xai.lesions.shapes import Disk
from retina_xai.localization import covered, localize, predict_without
from retina_xai.models.checkpoint import default_weights, load_classifier
from retina_xai.training.phantoms.phantom import make_phantom

PHOTOGRAPHS = tuple(f"diaretdb1_image{number:03}.png" for number in (4, 9, 36, 38, 42, 55, 79))


class FixedEvidence(Saliency):
    """Evidence at one network pixel of every photograph, whatever it shows."""

    def __call__(self, model, images, targets=None, *, on_step=None):
        found = super().__call__(model, images, targets)
        found.evidence.zero_()
        found.evidence[:, 40, 60] = 1
        return found


@pytest.fixture
def eyes(tmp_path):
    for seed in range(3):
        write_png(tmp_path / "in" / f"eye{seed}.png", make_phantom(1, 288, 352, grade=3 - seed).pixels)
    return sorted((tmp_path / "in").iterdir())


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_dust_is_reported_with_the_score_without_it(eyes, weights, tmp_path):
    classifier, out = load_classifier(weights), tmp_path / "out"
    run = LocalizeRun(classifier, out, "saliency", ungradable=True, explainer=FixedEvidence())
    (place,) = localize_batch(eyes, run, lambda *_: None)
    assert (place.eyes, place.of) == (3, 3)
    rows = rows_of(out / "artefacts.csv")
    assert [row["file"] for row in rows] == [path.name for path in eyes]
    for row, path in zip(rows, eyes, strict=True):
        photograph = read_image(path)
        found = localize(photograph, classifier, FixedEvidence(), ungradable=True)
        disk = Disk(float(row["x"]), float(row["y"]), float(row["radius"]))
        kept = 1 - torch.from_numpy(covered(disk, found.fundus.geometry))
        expected = classifier.scores(found.image * kept)[0].item()
        assert float(row["score_without"]) == pytest.approx(expected, abs=1e-6)
        assert float(row["score"]) == pytest.approx(found.verdict.score, abs=1e-6)
        assert float(row["score_without"]) != float(row["score"])
        assert predict_without(photograph, classifier, []).score == pytest.approx(found.verdict.score, abs=1e-6)
    assert {row["same_place"] for row in rows_of(out / "lesions.csv")} == {"3 of 3"}
    assert localize_batch(eyes[:1], run, lambda *_: None) == (place,)
    assert [bool(row["score_without"]) for row in rows_of(out / "artefacts.csv")] == [True, False, False]


def test_names_tell_which_photographs_are_of_one_eye(eyes, weights, tmp_path):
    run = LocalizeRun(load_classifier(weights), tmp_path / "out", "saliency", True, FixedEvidence(), "(eye)")
    assert localize_batch(eyes, run, lambda *_: None) == ()
    assert rows_of(tmp_path / "out" / "artefacts.csv") == []


@pytest.mark.slow
def test_a_drawn_spot_and_two_real_specks_are_found_without_being_told(real_data, tmp_path):
    folder, spot = real_data / "diaretdb1" / "ddb1_v02_01" / "images", (1150, 640)
    for name in PHOTOGRAPHS:
        pixels = cv2.imread(str(folder / name))[..., ::-1]
        disk = cv2.circle(np.zeros(pixels.shape[:2], np.float32), spot, 13, 1.0, -1)
        left = 1 - cv2.GaussianBlur(disk, (0, 0), 2)[..., None] * np.float32([0.15, 0.5, 0.4])
        write_png(tmp_path / "in" / name, np.round(pixels * left).astype(np.uint8))
    run = LocalizeRun(load_classifier(default_weights()), tmp_path / "out")
    places = localize_batch([tmp_path / "in" / name for name in PHOTOGRAPHS], run, lambda *_: None)
    specks = [(937, 468), (1037, 467), spot]
    found = sorted((place.x, place.y) for place in places)
    assert len(found) == len(specks)
    assert np.hypot(*(np.array(found) - specks).T).max() < 3
