"""The fit of the learned quality score: damages, folds, and the command."""

import json

import cv2
import numpy as np
import pytest
from helpers.command_line import command

from retina_xai.fundus.quality_score import FEATURES, QualityScore
from retina_xai.io.images import write_png
from retina_xai.training.damage import DAMAGES
from retina_xai.training.phantoms.phantom import make_phantom
from retina_xai.training.quality import Sample, _fitted, _out_of_fold, _pipeline, _table

MEASURES = ("support", "colour", "red", "ordered", "dark", "glare", "detail", "sharpness", "isotropy", "texture")
MEASURES += ("noise", "saturation", "flat")


def samples(count=60):
    """Bad ones have less detail, and every fifth is a damaged copy of the one before."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        measures = dict(zip(MEASURES, rng.uniform(0.1, 1, len(MEASURES)).tolist(), strict=True))
        bad = number % 2 == 1
        measures["detail"] *= 0.4 if bad else 2
        copy = number % 5 == 4
        name = f"{number - copy}.png"
        found.append(Sample(name, "a", "good" if copy or not bad else "bad", "blur" if copy else "", "good", measures))
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Eight sharp phantoms, eight blurred ones, and two that are unlabelled, one of them black."""
    root = tmp_path_factory.mktemp("quality")
    for seed in range(8):
        pixels = make_phantom(seed, 240, 300, grade=seed % 3).pixels
        write_png(root / "sharp" / f"{seed}.png", pixels)
        write_png(root / "blurred" / f"{seed}.png", cv2.GaussianBlur(pixels, (0, 0), 2.5))
    write_png(root / "other" / "eye.png", make_phantom(9, 480, 600).pixels)
    write_png(root / "other" / "black.png", np.zeros((240, 300, 3), np.uint8))
    return root


def line(folders, out, *more):
    return (
        *("train-quality", "--good", folders / "sharp", "--bad", folders / "blurred"),
        *("--unlabelled", folders / "other", "--out", out, *more),
    )


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("shape", [(240, 300), (1100, 1400)])
def test_a_damage_keeps_shape_and_type_and_depends_on_the_generator_alone(name, shape):
    pixels = cv2.resize(make_phantom(1, 240, 300).pixels, shape[::-1])
    once, again = (DAMAGES[name](pixels, np.random.default_rng(3)) for _ in range(2))
    assert once.shape == pixels.shape
    assert once.dtype == np.uint8
    assert np.abs(once.astype(int) - pixels).mean() > 1
    assert np.array_equal(once, again)
    assert not np.array_equal(once, DAMAGES[name](pixels, np.random.default_rng(4)))


def test_the_score_equals_the_fitted_pipeline():
    found = samples()
    features, good = _table(found)
    expected = _pipeline().fit(features, good).predict_proba(features)[:, 1]
    score = _fitted(found, 0.5)
    np.testing.assert_allclose(score.of(features), expected, rtol=1e-9)
    again = QualityScore.from_json(json.loads(json.dumps(score.to_json())))
    assert np.array_equal(again.of(features), score.of(features))
    assert features.shape[1] == len(FEATURES)


def test_a_damaged_copy_is_in_the_fold_of_its_original():
    found = [one for one in samples() if not one.damage]
    copies = [Sample(one.name, one.folder, one.label, "blur", "good", one.measures) for one in found if one.good]
    scores = _out_of_fold([*found, *copies], 0)
    of_good = scores[[number for number, one in enumerate(found) if one.good]]
    # the copies have the measures of their originals and the other label: a fold that saw them would be misled
    assert np.abs(of_good - scores[len(found) :]).max() < 1e-9


def test_the_command_fits_a_score_goes_on_and_refuses_other_settings(folders, tmp_path, monkeypatch, capsys):
    call = command(monkeypatch, capsys)
    code, text, _ = call(*line(folders, tmp_path / "out"))
    assert code == 0
    assert "AUROC good against bad" in text
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["auroc"] > 0.9
    counts = {name.rpartition("/")[2]: values["photographs"] for name, values in metrics["folders"].items()}
    assert counts == {"sharp": 8, "blurred": 8, "other": 1}, "a black picture is not good for the rules"
    score = (tmp_path / "out" / "quality_score.json").read_text()
    QualityScore.from_json(json.loads(score))
    assert (tmp_path / "out" / "scores.csv").read_text().startswith("photograph,folder,label")
    code, text, _ = call(*line(folders, tmp_path / "out"))
    assert code == 0
    assert "done before" in text
    assert (tmp_path / "out" / "quality_score.json").read_text() == score
    code, _, error = call(*line(folders, tmp_path / "out", "--seed", 1))
    assert code == 2
    assert "other settings (seed)" in error


def test_too_few_photographs_are_one_line(folders, tmp_path, monkeypatch, capsys):
    code, _, error = command(monkeypatch, capsys)(*line(folders, tmp_path / "out", "--limit", 3))
    assert code == 3
    assert error.count("\n") == 1
    assert "fewer than 5 photographs labelled good" in error
