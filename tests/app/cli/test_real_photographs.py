"""`localize`, `explain` and `evaluate grades` on real photographs, from the command line to the files.

`evaluate` on annotated photographs is in `test_evaluate`. Scores of a forward pass differ by rounding alone on another
processor, figures of a game by a little more.
"""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

GRADES = {"1000_right": 0, "1002_left": 3, "1002_right": 2, "1024_left": 0, "1024_right": 0, "1032_left": 2}
SCORES = [0.03317, 0.67327, 0.95882, 0.02964, 0.01906, 0.77953]


@pytest.fixture
def linked(real_data, tmp_path):
    """A function that links files of the real data into a folder; the test is skipped where one is absent."""

    def link(folder, *names):
        (tmp_path / folder).mkdir()
        for name in names:
            original = real_data / name
            if not original.is_file():
                pytest.skip(f"no {original}")
            (tmp_path / folder / original.name).symlink_to(original)
        return tmp_path / folder

    return link


def record_of(out, stem):
    return json.loads((out / f"{stem}.json").read_text())


@pytest.mark.slow
def test_localize_explains_ungradable_photographs_only_when_told_to(call, linked, tmp_path):
    photographs = linked("in", "eyepacs/train/1000_right.jpeg", "imagenet/val/n01440764_tench.JPEG")
    run = ("localize", photographs, "--method", "saliency", "--out")
    assert call(*run, tmp_path / "usual")[0] == 0
    assert call(*run, tmp_path / "all", "--ungradable")[0] == 0
    for out, explained in (("usual", False), ("all", True)):
        eye, fish = (record_of(tmp_path / out, stem) for stem in ("1000_right", "n01440764_tench"))
        assert (eye["prediction"]["decision"], fish["prediction"]["decision"]) == (
            "no referable DR found",
            "ungradable",
        )
        assert eye["prediction"]["rdr_score"] == pytest.approx(0.03317, abs=1e-3)
        assert len(eye["lesions"]) == pytest.approx(803, rel=0.1)
        assert bool(fish["lesions"]) == (fish["explanation"] is not None) == explained
        evidence = np.asarray(Image.open(tmp_path / out / "n01440764_tench_evidence.png"))
        assert evidence.shape == (fish["file"]["height"], fish["file"]["width"])
        assert evidence.any() == explained
    table = pd.read_csv(tmp_path / "all" / "lesions.csv")
    assert table["file"].nunique() == 2
    assert table.groupby("file")["lesion"].min().tolist() == [1, 1]


@pytest.mark.slow
def test_explain_a_tench_with_its_trust_block(call, linked, tmp_path):
    photographs = linked("in", "imagenet/val/n01440764_tench.JPEG")
    weights = linked("weights", "weights/squeezenet1_0.safetensors") / "squeezenet1_0.safetensors"
    run = ("explain", photographs, "--model", "squeezenet1_0", "--weights", weights, "--out", tmp_path / "out")
    code, text, err = call(*run, "--iterations", "10", "--lam", "1e-10", "--seed", "3")
    assert (code, err) == (0, "")
    assert "n01440764_tench.JPEG: tench 1.000 -> 0." in text
    record = record_of(tmp_path / "out", "n01440764_tench")
    assert (record["prediction"][0]["class"], record["prediction"][0]["index"]) == ("tench", 0)
    found, trust = record["explanation"], record["trust"]
    assert (found["settings"]["seed"], found["iterations"]) == (3, 10)
    assert found["score_before"] == pytest.approx(0.99972, abs=1e-3)
    assert found["score_after"] == pytest.approx(0.06, abs=0.06)  # games amplify rounding
    # The game removes more of the score than evidence of equal area elsewhere; another seed gives a similar map.
    assert trust["complement"] == pytest.approx(found["score_after"], abs=1e-5)
    assert trust["complement"] < trust["random_complement_low"] - 0.8
    assert trust["area"] == pytest.approx(0.039, rel=0.2)
    assert 0.4 < trust["seed_correlation"] < 0.8
    evidence = np.asarray(Image.open(tmp_path / "out" / "n01440764_tench_evidence.png")) / 65535
    assert evidence.shape == (224, 224)
    assert evidence.mean() == pytest.approx(trust["area"], abs=1e-4)


@pytest.mark.slow
def test_evaluate_grades_of_six_eyes_of_four_patients(call, linked, tmp_path):
    photographs = linked("in", *(f"eyepacs/train/{name}.jpeg" for name in GRADES))
    rows = "".join(f"{name},{grade}\n" for name, grade in GRADES.items())
    (photographs / "trainLabels.csv").write_text(f"image,level\n{rows}")
    code, _, err = call("evaluate", "grades", "--data", photographs, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert table["image"].tolist() == list(GRADES)
    assert table["rdr_score"].tolist() == pytest.approx(SCORES, abs=1e-3)
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    figures = result["figures"]
    assert (figures["images"], figures["patients"], figures["positives"]) == (6, 4, 3)
    assert figures["auroc"] == 1
    labels = np.array(list(GRADES.values())) >= 2
    assert figures["brier"] == pytest.approx(np.mean((np.array(SCORES) - labels) ** 2), abs=1e-3)
    at = figures["at_threshold"]
    assert [at[name] for name in ("true_positives", "false_positives", "true_negatives", "false_negatives")] == [
        3,
        0,
        3,
        0,
    ]
    # Two patients have the disease and two do not: rates of 1 have Wilson's interval of two trials.
    assert at["sensitivity_interval"] == at["specificity_interval"] == pytest.approx([0.34238, 1.0], abs=1e-4)
