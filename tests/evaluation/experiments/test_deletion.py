"""Table 2: every method on the same photographs, and the paired differences."""

import json

import numpy as np
import pytest
from helpers.tiny_network import photographs, tiny_network

from retina_xai.evaluation.experiments.base import DETAIL, Subject, run_experiment
from retina_xai.evaluation.experiments.deletion import METHODS, Faithfulness
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.lime import LIME
from retina_xai.explainers.random_map import RandomMap
from retina_xai.explainers.registry import COMPARED, EXPLAINERS
from retina_xai.explainers.rise import RISE
from retina_xai.metrics.deletion import area_under

SMALL = Faithfulness(iterations=4, masks=12, samples=12, resamples=50, shown=1)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    place = tmp_path_factory.mktemp("faithfulness")
    subject = Subject((tiny_network(),), photographs(place / "in", ("a", "b", "c")))
    return subject, run_experiment(SMALL, subject, place / "out").findings, place / "out"


def test_every_method_has_its_areas_and_its_difference_to_fgvis(ran):
    _, summary, out = ran
    cases = json.loads((out / "result.json").read_text())["cases"]
    for name in METHODS:
        values = [case["deletion"][name] for case in cases]
        assert summary.figures[f"auc.{name}"] == pytest.approx(np.mean(values))
        assert 0 <= summary.figures[f"insertion_auc.{name}"] <= 1
        if name != "fgvis":
            paired = [case["deletion"]["fgvis"] - case["deletion"][name] for case in cases]
            low, high = summary.figures[f"difference.{name}.low"], summary.figures[f"difference.{name}.high"]
            assert summary.figures[f"difference.{name}"] == pytest.approx(np.mean(paired))
            assert min(paired) - 1e-12 <= low <= np.mean(paired) + 1e-12 <= high + 2e-12 <= max(paired) + 3e-12
    assert "fgvis" not in {name.split(".")[1] for name in summary.figures if name.startswith("difference")}


def test_curves_start_at_the_whole_image_and_their_area_is_the_figure(ran):
    subject, _, out = ran
    for path in (out / "records").iterdir():
        record = json.loads(path.read_text())
        fractions = np.array(record[DETAIL]["fractions"])
        for name in METHODS:
            down, up = (np.array(record[DETAIL][mode][name]) for mode in ("deletion", "insertion"))
            assert down[0] == pytest.approx(record["score"], abs=1e-5)
            assert up[-1] == pytest.approx(down[0], abs=1e-5)
            assert up[0] == pytest.approx(down[-1], abs=1e-5)
            assert area_under(fractions, down) == pytest.approx(record["deletion"][name], abs=1e-5)
    assert subject.network.name == "tiny"


def test_the_table_stands_beside_the_published_figures_and_pictures_are_there(ran):
    _, summary, out = ran
    assert summary.table.index.tolist() == [EXPLAINERS[name].label for name in METHODS]
    assert summary.table.loc["FGVis", "ResNet50"] == "0.0644"
    assert summary.table.loc["FGVis", "FGVis - it"] == summary.table.loc["FGVis", "95 % interval"] == ""
    assert float(summary.table.loc["RISE", "FGVis - it"]) == pytest.approx(summary.figures["difference.rise"], abs=1e-4)
    assert (out / "deletion.png").exists()
    assert (out / "insertion.png").exists()
    assert len(list((out / "pictures").iterdir())) == 1


def test_the_protocol_is_that_of_table_2():
    explainers = Faithfulness().explainers(7)
    assert explainers["fgvis"] == FGVis("deletion", (1e-7, 1e-8, 1e-9, 1e-10), 0.3, 500, stop_ratio=0.02, seed=7)
    assert {name for name, explainer in explainers.items() if explainer.seed == 7} == {
        "fgvis",
        "rise",
        "lime",
        "random",
        "smooth-grad",
    }
    assert (explainers["rise"].masks, explainers["lime"].samples) == (4000, 1000)
    assert {"fgvis", "grad-cam", "saliency", "occlusion", "rise", "lime", "random"} <= explainers.keys()
    assert tuple(explainers) == tuple(key for key, spec in EXPLAINERS.items() if spec.category in COMPARED)
    assert explainers.keys().isdisjoint({"retina", "retina-undefended", "fgvis-undefended"})


def test_settings_of_the_comparison_reach_their_methods():
    explainers = Faithfulness(0.2, (1e-5,), 7, 0.5, masks=12, samples=13).explainers(4)
    assert explainers["fgvis"] == FGVis("deletion", (1e-5,), 0.2, 7, stop_ratio=0.5, seed=4)
    assert (explainers["rise"], explainers["lime"]) == (RISE(masks=12, seed=4), LIME(samples=13, seed=4))


def test_every_photograph_is_measured_with_a_seed_of_its_own(ran, monkeypatch):
    subject, _, _ = ran
    seeds = []

    def note(self, seed):
        seeds.append(seed)
        return {"fgvis": FGVis(iterations=0)} | {name: RandomMap(seed=0) for name in list(METHODS)[1:]}

    monkeypatch.setattr(Faithfulness, "explainers", note)
    experiment = Faithfulness(shown=0)
    seeds.clear()
    for case in subject.photographs():
        experiment.measure(subject, case)
    assert seeds == [case.seed % 2**31 for case in subject.photographs()]
    assert len(set(seeds)) == 3
