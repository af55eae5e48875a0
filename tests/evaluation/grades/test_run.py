"""Evaluation of grades from files to figures: counted by hand, resumed, refused.

Ten photographs have known scores: a plain grey of level 10 k is scored k / 10.
"""

import csv
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retina_xai.errors import BatchError, UsageError
from retina_xai.evaluation.grades import scoring
from retina_xai.evaluation.grades.run import GradesEvaluation, GradesOutcome, evaluate_grades
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.fundus.quality import Gradability
from retina_xai.grades.options import LabelOptions
from retina_xai.grades.reading import read_labelled
from retina_xai.io.images import Photograph, read_image, write_png
from retina_xai.models.checkpoint import ModelFacts, RdrClassifier
from retina_xai.models.rdr import RdrNet
from retina_xai.verdict import Verdict

ROWS = [  # name, label, patient, tenths of the score
    ("a1", "0", "a", 1),
    ("a2", "0", "a", 2),
    ("b1", "1", "b", 6),
    ("b2", "0", "b", 3),
    ("c1", "2", "c", 4),
    ("c2", "3", "c", 7),
    ("d1", "4", "d", 9),
    ("d2", "2", "d", 8),
    ("e1", "2", "e", 10),  # ungradable: no figure, or referred
    ("f1", "0", "f", 1),
]


@dataclass
class Calls:
    """The photographs that were scored, and the classifier."""

    names: list[str] = field(default_factory=list)
    classifier: RdrClassifier = field(
        default_factory=lambda: RdrClassifier(RdrNet(width=0.05), ModelFacts("rdr5x5", 0.05, Preprocessing(32)), "one")
    )


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """Photographs with own.csv: image,label,patient."""
    folder = tmp_path / "clinic"
    for name, _, _, tenths in ROWS:
        write_png(folder / f"{name}.png", np.full((64, 64, 3), 10 * tenths, np.uint8))
    with (folder / "own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "patient"), *(row[:3] for row in ROWS)])
    return folder


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Scores by brightness instead of a network; notes what was scored."""
    made = Calls()

    def predict(photograph: Photograph, classifier: RdrClassifier) -> Verdict:
        made.names.append(photograph.name)
        tenths = int(photograph.pixels[0, 0, 0]) // 10
        quality = Gradability("ungradable", "grey") if tenths == 10 else Gradability("good", "")
        return Verdict(quality, tenths / 10, classifier.facts.threshold)

    monkeypatch.setattr(scoring, "predict", predict)
    return made


FILES = {"result.json", "table.md", "scores.csv", "roc.png", "calibration.png", "settings.json", "scores"}


def _evaluated(folder: Path, calls: Calls, out: Path, limit: int | None = None, **given: Any) -> GradesOutcome:
    options = LabelOptions(table=folder / "own.csv", **given)
    return evaluate_grades(read_labelled([folder], options), GradesEvaluation(calls.classifier, options, limit), out)


def _result(out: Path) -> Any:
    return json.loads((out / "result.json").read_text())


def test_figures_by_hand(clinic: Path, calls: Calls, tmp_path: Path) -> None:
    _evaluated(clinic, calls, tmp_path / "out", patient_column="patient")
    result = _result(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    # gradable: negatives 0.1 0.2 0.6 0.3 0.1, positives 0.4 0.7 0.9 0.8; of 20 pairs only (0.4, 0.6) is wrong
    assert result["figures"]["auroc"] == pytest.approx(19 / 20)
    at = result["figures"]["at_threshold"]
    assert [at[key] for key in ("true_positives", "false_negatives", "true_negatives", "false_positives")] == [
        3,
        1,
        4,
        1,
    ]
    assert at["rate_intervals"] == "bootstrap over patients"
    referred = result["with_undecided_referred"]
    assert (referred["true_positives"], referred["false_negatives"]) == (4, 1)
    squares = [0.1**2, 0.2**2, 0.6**2, 0.3**2, 0.1**2, 0.6**2, 0.3**2, 0.1**2, 0.2**2]
    assert result["figures"]["brier"] == pytest.approx(sum(squares) / 9)
    assert result["by_label"] == [
        {"label": "0", "positive": False, "photographs": 4, **_decisions(0, 4)},
        {"label": "1", "positive": False, "photographs": 1, **_decisions(1, 0)},
        {"label": "2", "positive": True, "photographs": 3, **_decisions(1, 1, 1)},
        {"label": "3", "positive": True, "photographs": 1, **_decisions(1, 0)},
        {"label": "4", "positive": True, "photographs": 1, **_decisions(1, 0)},
    ]
    assert result["counts"]["ungradable"] == 1 and result["figures"]["patients"] == 5
    assert (result["labels"]["patients_by"], result["labels"]["table"]) == ("column patient", "own.csv")
    assert str(tmp_path) not in json.dumps(result)


def _decisions(refer: int, no: int, ungradable: int = 0, failed: int = 0) -> dict[str, int]:
    return {"refer": refer, "not sure": 0, "no referable DR found": no, "ungradable": ungradable, "failed": failed}


def test_one_photograph_per_patient_has_wilson_intervals(clinic: Path, calls: Calls, tmp_path: Path) -> None:
    at = _evaluated(clinic, calls, tmp_path / "out").summary.figures["at_threshold"]
    assert at["rate_intervals"] == "Wilson"
    # 3 of 4 and 4 of 5, Newcombe 1998, method 3
    assert [round(end, 4) for end in at["sensitivity_interval"]] == [0.3006, 0.9544]
    assert [round(end, 4) for end in at["specificity_interval"]] == [0.3755, 0.9638]


def test_a_second_run_scores_only_what_changed_and_gives_the_same(clinic: Path, calls: Calls, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _evaluated(clinic, calls, out)
    first = {name: (out / name).read_bytes() for name in ("result.json", "table.md", "scores.csv")}
    (out / "scores.csv").unlink()
    calls.names.clear()
    _evaluated(clinic, calls, out)
    assert calls.names == [] and {name: (out / name).read_bytes() for name in first} == first
    write_png(clinic / "c1.png", read_image(clinic / "d1.png").pixels)
    _evaluated(clinic, calls, out)
    assert calls.names == ["c1.png"] and _result(out)["figures"]["auroc"] == 1.0


def test_a_limited_run_continues_with_all(clinic: Path, calls: Calls, tmp_path: Path) -> None:
    few = _evaluated(clinic, calls, tmp_path / "out", limit=4)
    names = list(calls.names)
    assert len(names) == 4 and few.facts["counts"]["photographs"] == 4 and few.facts["counts"]["labelled"] == 10
    _evaluated(clinic, calls, tmp_path / "out")
    assert sorted(calls.names) == sorted(f"{row[0]}.png" for row in ROWS)
    with pytest.raises(UsageError, match="limit 0: expected at least 1"):
        _evaluated(clinic, calls, tmp_path / "other", limit=0)


def test_the_draw_depends_on_the_seed(clinic: Path, calls: Calls) -> None:
    found = read_labelled([clinic], LabelOptions(table=clinic / "own.csv"))
    draws = {tuple(GradesEvaluation(calls.classifier, limit=5, seed=seed).chosen(found)) for seed in range(4)}
    assert len(draws) > 1
    assert GradesEvaluation(calls.classifier, limit=5, seed=2).chosen(found) in [list(draw) for draw in draws]


def test_the_bootstrap_depends_on_the_seed(clinic: Path, calls: Calls, tmp_path: Path) -> None:
    found = read_labelled([clinic], LabelOptions(table=clinic / "own.csv"))
    evaluations = [GradesEvaluation(calls.classifier, seed=seed) for seed in (0, 0, 1, 2)]
    figures = [evaluate_grades(found, one, tmp_path / "out").summary.figures for one in evaluations]
    ends = [tuple(one["auroc_interval"]) for one in figures]
    assert ends[0] == ends[1] and len(set(ends)) > 1


def test_failed_photographs_are_listed_and_in_no_figure(clinic: Path, calls: Calls, tmp_path: Path) -> None:
    (clinic / "b1.png").write_text("no picture")
    outcome = _evaluated(clinic, calls, tmp_path / "out")
    result = _result(tmp_path / "out")
    assert result["counts"]["failed"] == 1 and result["figures"]["auroc"] == 1.0
    assert [one["image"] for one in result["failed"]] == ["b1"]
    assert result["failed"][0]["error"].startswith("b1.png: ")
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert len(table) == 10 and table.set_index("image").loc["b1", "decision"] == "failed"
    with pytest.raises(BatchError, match=r"1 of 10 photographs failed \(b1\)"):
        outcome.run.raise_failures()


@pytest.mark.parametrize("kept", [lambda label: label in "01", lambda label: label == "none of them"])
def test_one_class_or_no_score_at_all_is_undefined(clinic: Path, calls: Calls, tmp_path: Path, kept: Any) -> None:
    for name, label, _, _ in ROWS:
        if not kept(label):
            (clinic / f"{name}.png").write_text("no picture")
    _evaluated(clinic, calls, tmp_path / "out")
    figures = _result(tmp_path / "out")["figures"]
    assert figures["auroc"] is None and figures["auroc_interval"] == [None, None]
    assert "| AUROC | NaN |" in (tmp_path / "out" / "table.md").read_text()


def test_labels_of_any_text(clinic: Path, calls: Calls, tmp_path: Path) -> None:
    table = (clinic / "own.csv").read_text().replace(",0,", ",none,").replace(",1,", ",-,").replace(",2,", ",NPDR,")
    (clinic / "own.csv").write_text(table)
    _evaluated(clinic, calls, tmp_path / "out", positive="NPDR,3,4")
    result = _result(tmp_path / "out")
    assert [row["label"] for row in result["by_label"]] == ["none", "3", "4", "NPDR"]
    assert result["counts"]["rows_without_label"] == 1 and result["figures"]["auroc"] == 1.0


def test_a_folder_of_other_weights_is_refused(clinic: Path, calls: Calls, tmp_path: Path) -> None:
    _evaluated(clinic, calls, tmp_path / "out")
    calls.classifier = replace(calls.classifier, sha256="two")
    with pytest.raises(UsageError, match=r"made with other settings \(weights\)"):
        _evaluated(clinic, calls, tmp_path / "out")


def test_the_threshold_is_that_of_the_weights(clinic: Path, calls: Calls, tmp_path: Path) -> None:
    calls.classifier = replace(calls.classifier, facts=replace(calls.classifier.facts, threshold=0.35))
    at = _evaluated(clinic, calls, tmp_path / "out").summary.figures["at_threshold"]
    assert (at["threshold"], at["true_positives"], at["false_positives"]) == (0.35, 4, 1)
