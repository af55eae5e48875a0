"""Table 1: which classes are aimed at, both rates beside each other, and one row for each defence."""

import json
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_network import CLASSES, photographs, tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.adversarial_evidence import AdversarialEvidence
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.reach import Reach, plain_games, reach

SMALL = AdversarialEvidence(iterations=6, judged_every=3, shown=1, defences=("none", "fgvis", "reference"))


def test_the_least_likely_and_the_most_likely_class_are_aimed_at_with_the_same_budget(tmp_path):
    network = tiny_network()
    subject = Subject((network,), photographs(tmp_path / "in", ("a", "b")), seed=2)
    case = subject.photographs()[0]
    image = network.input_of(case.photograph())
    record = SMALL.measure(subject, case).record
    logits = network.logits(image)
    for aim, index in (("absent", int(logits.argmin())), ("present", int(logits.argmax()))):
        assert (record[aim]["index"], record[aim]["class"]) == (index, network.classes[index])
        assert record[aim]["counts"] == (index != record["start_index"])
        for defence in SMALL.defences:
            settings = Reach(iterations=6, judged_every=3, seed=2)
            alone = reach(network.model, image, torch.tensor([index]), settings, defence)
            assert record[aim][defence] == plain_games(alone)[0]


def game(reached, steps=6):
    return {"reached": reached, "steps": steps, "score": 0.5}


def test_games_toward_the_class_of_the_start_are_left_out_and_rates_stand_side_by_side():
    records = [
        {
            "absent": {"counts": True, "none": game(True), "fgvis": game(number == 0)},
            "present": {"counts": number < 3, "none": game(True, 2), "fgvis": game(number in (1, 3), 5)},
        }
        for number in range(4)
    ]
    subject = SimpleNamespace(network=SimpleNamespace(name="net", classes=CLASSES))
    findings = AdversarialEvidence().summarise(subject, records)
    figures, table = findings.figures, findings.table
    assert (figures["none.absent"], figures["fgvis.absent"]) == (1.0, 0.25)
    assert (figures["fgvis.present"], figures["fgvis.present.n"]) == (1 / 3, 3)
    assert figures["fgvis.present.median_steps"] == 5
    assert table.index.tolist()[:3] == [
        ("net", "undefended"),
        ("net", "defended (FGVis)"),
        ("VGG16 (published)", "undefended"),
    ]
    own = table.loc[("net", "defended (FGVis)")]
    assert own["least likely class"].startswith("25.0 % (")
    assert own["most likely class"].startswith("33.3 % (")
    assert (own["most likely class: games"], own["most likely class: steps"]) == ("3", "5")
    assert table.loc[("VGG16 (published)", "defended (FGVis)"), "least likely class"] == "0.2 %"
    assert table.loc[("VGG16 (published)", "undefended"), "most likely class"] == ""
    assert "4 photographs, network of 5 classes, 100 steps" in findings.caption


def test_the_paper_protocol_is_the_default_and_another_choice_needs_another_folder(tmp_path):
    assert AdversarialEvidence().defences == ("none", "fgvis")
    subject = Subject((tiny_network(),), photographs(tmp_path / "in", ("a", "b", "c")))
    outcome = run_experiment(SMALL, subject, tmp_path / "out")
    assert set(outcome.findings.figures) >= {"n", "none.absent", "fgvis.present", "reference.absent.low"}
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 1
    assert json.loads((tmp_path / "out" / "result.json").read_text())["settings"]["defences"] == [*SMALL.defences]
    with pytest.raises(UsageError, match="made with other settings"):
        run_experiment(AdversarialEvidence(iterations=6, judged_every=3, shown=1), subject, tmp_path / "out")
