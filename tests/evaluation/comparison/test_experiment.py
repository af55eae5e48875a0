"""A comparison from photographs to its page: values, resumption, what is refused, and the files."""

import json

import pytest
import torch
from helpers.red_squares import BOXES, draw_squares, write_csv_boxes
from helpers.tiny_network import photographs, tiny_network
from torch import nn
from typer.testing import CliRunner

from retina_xai.app.batch.comparison import CompareRequest, prepare_comparison
from retina_xai.app.cli.main import app
from retina_xai.app.cli.options import Given
from retina_xai.errors import UsageError
from retina_xai.evaluation.comparison import page
from retina_xai.evaluation.comparison.experiment import Comparison, all_methods, in_order
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.vebi import VEBI
from retina_xai.io.images import read_image

COSTS = ("seconds", "passes", "memory")
METHODS = ("random", "saliency", "fgvis")
METRICS_OF_TEST = ("deletion", "deletion-noise", "sparseness", "weights-all", "max-sensitivity")
SMALL = Comparison(METHODS, METRICS_OF_TEST, iterations=3, lam=(1e-8,), resamples=20, shown=1)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    place = tmp_path_factory.mktemp("comparison")
    subject = Subject((tiny_network(),), photographs(place / "in", ("a", "b")))
    return subject, run_experiment(SMALL, subject, place / "out").findings, place / "out"


def records(out):
    """What was measured, by method and photograph, without the cost."""
    found = [json.loads(path.read_text()) for path in (out / "records").iterdir()]
    return {
        (one["method"], one["photograph"]): {key: value for key, value in one.items() if key not in COSTS}
        for one in found
    }


def test_every_method_has_every_metric_and_its_cost(ran):
    _, findings, out = ran
    cases = json.loads((out / "result.json").read_text())["cases"]
    assert len(cases) == 6
    for case in cases:
        assert tuple(case["values"]) == METRICS_OF_TEST
        assert case["seconds"] > 0
        assert case["passes"] > 0
    assert findings.figures["n"] == 2
    assert findings.figures["weights-all.random"] == 1.0, "a random map does not need the weights"
    assert findings.figures["max-sensitivity.random"] == 0.0
    assert findings.figures["deletion.saliency.low"] <= findings.figures["deletion.saliency"]


def test_a_method_that_refuses_the_network_is_listed_and_is_no_failure(ran):
    subject, _, _ = ran
    flat = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 30 * 30, 5)).eval()
    comparison, unpooled = Comparison(("cam",), ("sparseness",)), Subject((tiny_network(flat),), subject.images)
    measured = [comparison.measure(unpooled, case).record for case in comparison.cases(unpooled)]
    assert [one["method"] for one in measured if "refused" in one] == ["cam", "cam"]
    findings = comparison.summarise(unpooled, measured)
    assert "CAM" not in findings.table.index
    text = findings.documents["comparison.html"].decode()
    assert "<li>CAM: " in text[text.index("Not applicable to this network") :]


def test_the_page_holds_its_figure_and_needs_no_other_file(ran):
    _, _, out = ran
    text = (out / "comparison.html").read_text()
    assert 'src="data:image/png;base64,' in text
    assert "http:" not in text
    assert "https:" not in text
    assert "<script" not in text
    assert (out / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "comparison.pdf").read_bytes().startswith(b"%PDF")
    assert (out / "comparison.csv").read_text().startswith("method,label,group,metric,better,n,mean,low,high,mark")
    assert len(list((out / "pictures").iterdir())) == 3


def test_an_interrupted_run_goes_on_and_more_methods_add_to_it(ran, tmp_path, monkeypatch):
    subject, _, _ = ran
    fewer, more = (
        Comparison(names, ("sparseness", "robustness"), shown=0) for names in (["saliency"], ["saliency", "grad-cam"])
    )
    calls = []
    monkeypatch.setattr(page, "drawn", lambda summary: {".png": b"", ".pdf": b""})

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == 4:  # the first photograph needs three: its map, and two for its robustness
            raise KeyboardInterrupt
        return original(self, *arguments)

    original = Saliency.explain
    with monkeypatch.context() as patch:
        patch.setattr(Saliency, "explain", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(fewer, subject, tmp_path / "a")
    begun = {path: path.read_text() for path in (tmp_path / "a" / "records").iterdir()}
    assert len(begun) == 3, "two of the random map, one of saliency"
    run_experiment(more, subject, tmp_path / "a")
    run_experiment(more, subject, tmp_path / "b")
    assert records(tmp_path / "a") == records(tmp_path / "b")
    assert all(path.read_text() == text for path, text in begun.items())


def test_other_settings_and_fewer_methods_are_refused(ran):
    subject, _, out = ran
    for changed, message in [
        (Comparison(METHODS, ("deletion",)), r"made with other settings \(settings\)"),
        (Comparison(METHODS, METRICS_OF_TEST, iterations=4, lam=(1e-8,), resamples=20), "holds records of cases"),
        (Comparison(("saliency",), METRICS_OF_TEST, iterations=3, lam=(1e-8,), resamples=20), "holds records of cases"),
    ]:
        with pytest.raises(UsageError, match=message):
            run_experiment(changed, subject, out)


def test_games_are_judged_at_their_end_and_all_methods_share_the_seed_of_a_photograph(ran):
    subject, _, _ = ran
    games = Comparison(("fgvis", "fgvis-undefended")).explainers(3)
    assert games["fgvis"].judged_at_end
    assert (games["fgvis"].defence, games["fgvis-undefended"].defence) == ("fgvis", "none")
    assert (games["fgvis"].stop_ratio, games["fgvis"].lr, games["fgvis"].iterations) == (0.02, 0.3, 500)
    seeds = {(case.number, case.seed) for case in SMALL.cases(subject)}
    assert len(seeds) == 2


def test_cheap_methods_come_first_and_chance_is_always_there():
    assert in_order(["fgvis", "rise", "saliency"]) == ("random", "saliency", "rise", "fgvis")
    assert all_methods()[0] == "random"
    assert all_methods()[-1] == "fgvis"
    assert {"retina", "class-model", "counterfactual-grad-cam"}.isdisjoint(all_methods())
    with pytest.raises(UsageError, match="method 'class-model' cannot be compared: choose of random"):
        in_order(["class-model"])


def test_vebi_is_compared_once_it_is_fitted(ran, tmp_path):
    subject, _, _ = ran
    network, file = subject.network, tmp_path / "vebi.safetensors"
    images = torch.cat([network.input_of(read_image(path)) for path in subject.images])
    images = torch.cat([images, images.flip(3), images.flip(1)])
    classes = network.logits(images).argmax(dim=1)
    VEBI().fitted(network.model, [(images, classes)]).relevance.save(file)
    for named in ("saliency", "saliency, vebi"):
        request = CompareRequest(
            subject.images[0].parent, "helpers.networks:TinyNet", None, named, "deletion", None, 0, "cpu"
        )
        fitted, _ = prepare_comparison(request, Given({}, [f"vebi={file}"]))
        assert fitted.methods == ("random", "saliency", "vebi")
    measured = {case.method: fitted.measure(subject, case).record for case in fitted.cases(subject)}
    assert 0 <= measured["vebi"]["values"]["deletion"] <= 1
    with pytest.raises(UsageError, match="method 'vebi' is fitted first: run retina-xai fit-vebi"):
        Comparison(("vebi",)).cases(subject)


def test_vebi_is_listed_without_figures_where_a_class_was_not_fitted(ran, tmp_path):
    subject, _, _ = ran
    network, file = subject.network, tmp_path / "vebi.safetensors"
    explained = {network.explained_class(network.input_of(read_image(path))) for path in subject.images}
    others = [number for number in range(len(network.classes)) if number not in explained][:2]
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    VEBI().fitted(network.model, [(images, torch.tensor(others * 4))]).relevance.save(file)
    comparison = Comparison(("saliency",), ("deletion",), vebi=str(file))
    measured = [comparison.measure(subject, case).record for case in comparison.cases(subject)]
    assert all("no relevance of filters for class" in one["refused"] for one in measured if one["method"] == "vebi")
    assert comparison.summarise(subject, measured).figures["n"] == 2


def test_options_become_a_comparison(tmp_path):
    files = photographs(tmp_path, ("a", "b"))
    request = CompareRequest(tmp_path, "helpers.networks:TinyNet", None, "saliency, rise", "faithfulness", 1, 4, "cpu")
    chosen, subject = prepare_comparison(request, Given({}, ["masks=7"]))
    assert chosen == Comparison(("saliency", "rise"), ("deletion", "insertion"), masks=7)
    assert (subject.images, subject.limit, subject.seed) == (files, 1, 4)
    with pytest.raises(UsageError, match="compare has no setting 'speed'"):
        prepare_comparison(request, Given({}, ["speed=1"]))


def test_the_command_writes_the_page_and_shows_the_first_columns(tmp_path):
    draw_squares(tmp_path / "in", BOXES[:2])
    table, out = write_csv_boxes(tmp_path / "boxes.csv"), tmp_path / "out"
    given = ["compare", "--images", str(tmp_path / "in"), "--model", "helpers.red_squares:red_model"]
    given += ["--methods", "saliency", "--metrics", "deletion,pointing,mass", "--boxes", str(table), "--out", str(out)]
    outcome = CliRunner().invoke(app, given)
    assert outcome.exit_code == 0, outcome.output
    assert "comparison.html" in outcome.output
    cases = json.loads((out / "result.json").read_text())["cases"]
    assert [case["method"] for case in cases] == ["random", "random", "saliency", "saliency"]
    assert all(case["values"]["pointing"] == 1.0 for case in cases[2:])


def test_an_unknown_method_is_one_line_and_exit_code_2(tmp_path):
    photographs(tmp_path, ("a",))
    given = ["compare", "--images", str(tmp_path), "--model", "x", "--methods", "magic", "--out", str(tmp_path / "out")]
    outcome = CliRunner().invoke(app, given)
    assert isinstance(outcome.exception, UsageError)
    assert "unknown method 'magic'" in str(outcome.exception)
