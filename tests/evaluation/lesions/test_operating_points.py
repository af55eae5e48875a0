"""Operating points of a run are the points of its own FROC curve."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from retina_xai.errors import InputError
from retina_xai.evaluation.datasets.diaretdb1 import open_diaretdb1
from retina_xai.evaluation.lesions.operating_points import OperatingPoint, read_measured
from retina_xai.evaluation.lesions.report import LesionReport, write_result
from retina_xai.evaluation.lesions.run import LocalizationSetup
from retina_xai.evaluation.lesions.sensitivity import Explained, evaluate
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.localization import localize
from retina_xai.metrics.overlap import ANY
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.phantoms.datasets import PhantomSet, write_diaretdb1


@pytest.fixture(scope="module")
def run(tmp_path_factory, weights):
    folder = tmp_path_factory.mktemp("run")
    write_diaretdb1(folder / "data", 4, 1, PhantomSet(height=96, width=120))
    dataset = open_diaretdb1(folder / "data")
    classifier = load_classifier(weights)
    counting = replace(LocalizationSetup(classifier, "saliency").settings(dataset), resamples=5, chance_repetitions=1)

    def explain(photograph):
        found = localize(photograph, classifier, fundus_explainer("saliency"), ungradable=True)
        return Explained(found.evidence, found.field_of_view, found.verdict.score)

    summary = evaluate(dataset.cases, explain, folder / "out", counting)
    write_result(folder / "out" / "result.json", LesionReport(dataset, counting, summary))
    return folder / "out", summary


def test_every_point_of_the_curve_is_met_at_some_threshold(run, weights):
    out, summary = run
    measured = read_measured(out / "result.json")
    assert (measured.images, measured.data) == (4, "DiaretDB1 all")
    scores = sorted({*measured.lesions, *measured.false} - {0})
    points = {(p.false_positives_per_image, p.sensitivity) for p in map(measured.at, scores)}
    curve = summary.types[ANY].froc.curve
    assert len(points) > 5
    for false, sensitivity in zip(curve.false_positives_per_image, curve.sensitivity, strict=True):
        assert any((false, sensitivity) == (pytest.approx(x), pytest.approx(y)) for x, y in [*points, (0.0, 0.0)])


def test_a_higher_threshold_finds_no_more_and_missed_regions_are_never_found(run):
    measured = read_measured(run[0] / "result.json")
    points = [measured.at(step / 20) for step in range(21)]
    assert all(a.found >= b.found and a.false >= b.false for a, b in pairwise(points))
    assert points[0].found == (measured.lesions > 0).sum() < len(measured.lesions)


def test_a_run_fits_its_own_weights_and_method_alone(run, weights):
    measured, sha256 = read_measured(run[0] / "result.json"), load_classifier(weights).sha256
    assert measured.fits(sha256, "saliency", fundus_explainer("saliency").settings())
    assert not measured.fits("0" * 64, "saliency", fundus_explainer("saliency").settings())
    assert not measured.fits(sha256, "retina", fundus_explainer("retina").settings())


def test_other_files_are_no_runs_and_lost_records_are_named(run, tmp_path):
    for content in ("", "[]", "{}", '{"experiment": "another"}'):
        (tmp_path / "result.json").write_text(content, encoding="utf-8")
        assert read_measured(tmp_path / "result.json") is None
    content = json.loads((run[0] / "result.json").read_text(encoding="utf-8"))
    (tmp_path / "result.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_measured(tmp_path / "result.json") is None, "without records there is nothing to count"
    (tmp_path / "images").mkdir()
    first = min((run[0] / "images").glob("*.npz"))
    (tmp_path / "images" / first.name).write_bytes(first.read_bytes())
    with pytest.raises(InputError, match=r"result.json: no record of .* \(3 lost\); run the evaluation again"):
        read_measured(tmp_path / "result.json")


def test_undefined_shares_are_nan():
    point = OperatingPoint(0, 0, 0, 0)
    assert point.sensitivity != point.sensitivity
    assert point.false_positives_per_image != point.false_positives_per_image
