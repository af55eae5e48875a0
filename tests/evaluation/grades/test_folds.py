"""Out-of-fold figures: photographs joined over runs, AUROC by set and grade, paired differences, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.grades import folds
from retina_xai.evaluation.grades.folds import evaluate_folds, fold_differences, fold_figures, read_scores

HEAD = "image,patient,level,part,score"


def _run(folder: Path, *rows: str) -> Path:
    folder.mkdir()
    (folder / "scores.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    return folder


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "RESAMPLES", 60)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two folds of two data sets, with a test part of one photograph that both runs scored."""
    shared = "9_left,eyepacs:9,2,test"
    one = _run(
        tmp_path / "one",
        "1_left,eyepacs:1,0,validation,0.1",
        "1_right,eyepacs:1,2,validation,0.6",
        "IDRiD_001,idrid:001,0,validation,0.2",
        f"{shared},0.5",
    )
    two = _run(
        tmp_path / "two",
        "2_left,eyepacs:2,0,validation,0.7",
        "3_left,eyepacs:3,4,validation,0.9",
        "4_left,eyepacs:4,1,validation,0.3",
        "IDRiD_002,idrid:002,3,validation,0.8",
        f"{shared},0.75",
    )
    return [one, two]


def test_every_photograph_is_scored_by_the_run_that_did_not_learn_from_it(runs: list[Path]) -> None:
    figures = fold_figures(read_scores(runs, "validation"))
    assert list(figures) == ["eyepacs", "idrid"]
    eyepacs = figures["eyepacs"]
    assert (eyepacs["photographs"], eyepacs["patients"], eyepacs["grades"]) == (5, 4, [2, 1, 1, 0, 1])
    assert eyepacs["auroc"]["all"][0] == pytest.approx(5 / 6), "0.7 of grade 0 is above 0.6 of grade 2"
    assert eyepacs["auroc"]["0 v 2"][0] == pytest.approx(1 / 2)
    assert eyepacs["auroc"]["0 v 3-4"][0] == 1
    assert figures["idrid"]["auroc"]["all"][0] == 1
    assert np.isnan(figures["idrid"]["auroc"]["0 v 2"][0])


def test_scores_of_several_runs_are_averaged(runs: list[Path]) -> None:
    scores = read_scores(runs, "test")
    assert (scores.images.tolist(), scores.scores.tolist(), scores.runs.tolist()) == (["9_left"], [0.625], [2])


def test_differences_are_paired_by_photograph_and_patient(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 4, 60)
    good, bad = levels / 4 + rng.uniform(0, 0.25, 60), rng.uniform(0, 1, 60)
    rows = [
        [f"{n // 2}_{n % 2},eyepacs:{n // 2},{levels[n]},validation,{s[n]}" for n in range(60)] for s in (good, bad)
    ]
    one, other = (
        read_scores([_run(tmp_path / name, *lines)], "validation") for name, lines in zip("ab", rows, strict=True)
    )
    value, low, high = fold_differences(one, other)["eyepacs"]["all"]
    expected = fold_figures(one)["eyepacs"]["auroc"]["all"][0] - fold_figures(other)["eyepacs"]["auroc"]["all"][0]
    assert value == pytest.approx(expected) and 0 < low < value < high
    assert fold_differences(one, one)["eyepacs"]["all"] == [0, 0, 0]
    part = one.where(one.levels != 1)
    assert fold_differences(one, part)["eyepacs"]["photographs"] == int((levels != 1).sum())
    with pytest.raises(InputError, match="no photograph was scored by both sides"):
        fold_differences(one.where(one.levels == 1), part)


def test_the_command_writes_its_tables(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    tables = evaluate_folds(runs, runs[:1], "validation", out)
    assert len(tables) == 2
    result = json.loads((out / "result.json").read_text())
    assert (result["part"], result["runs"], result["differences"]["eyepacs"]["photographs"]) == ("validation", 2, 2)
    text = (out / "table.md").read_text()
    assert "0.833" in text and "+0.000 (+0.000 to +0.000)" in text
    written = read_scores([out], "validation")
    assert written.scores.tolist() == read_scores(runs, "validation").scores.tolist()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1_left,eyepacs:1,0,training,0.1", "no photograph of the part validation"),
        ("1_left,eyepacs:1,5,validation,0.1", "line 2: grade '5', score '0.1'; expected 0-4 and 0 to 1"),
        ("1_left,eyepacs:1,0,validation,high", "line 2: grade '0', score 'high'"),
        ("1_left,eyepacs:1,0,validation,nan", "line 2: grade '0', score 'nan'"),
        ("2_left,eyepacs:2,1,validation,0.1", "line 2: 2_left has another grade or patient in another run"),
    ],
)
def test_an_unfit_table_is_refused(runs: list[Path], tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_scores([*runs, _run(tmp_path / "third", row)], "validation")


def test_unknown_parts_and_no_run_are_refused(runs: list[Path]) -> None:
    with pytest.raises(UsageError, match="part 'training' of 2 runs: give at least one run, and validation or test"):
        read_scores(runs, "training")
    with pytest.raises(UsageError, match="at least one run"):
        read_scores([], "test")
