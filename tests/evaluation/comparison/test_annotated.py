"""Methods compared on an annotated data set: the truth is its masks, explained is the classifier of the package."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import command, one_line
from helpers.marked_phantoms import TYPES, marked_phantom
from helpers.tiny_network import tiny_network
from PIL import Image

from retina_xai.errors import UsageError
from retina_xai.evaluation.comparison.experiment import Comparison, all_methods
from retina_xai.evaluation.comparison.markings import markings_in
from retina_xai.evaluation.experiments.base import Subject
from retina_xai.models.network import load_network


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return marked_phantom(marked_phantom(tmp_path_factory.mktemp("data")), "other", 4)


def quick(data, weights, *more):
    metrics = ("--metrics", "localisation,sparseness", "--set", "resamples=20", "--set", "shown=1")
    return ("compare", "--annotated", data, "--model", "rdr", "--weights", weights, *metrics, *more)


def test_every_method_is_judged_by_the_masks_of_all_lesions(data, weights, monkeypatch, capsys, tmp_path):
    call = command(monkeypatch, capsys)
    code, text, err = call(*quick(data, weights, "--methods", "saliency,grad-cam", "--out", tmp_path / "out"))
    assert (code, err) == (0, "")
    assert "each explained for referable diabetic" in " ".join(text.split())
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["figures"]["n"] == 2
    assert {case["class"] for case in result["cases"]} == {"RDR"}
    assert all(0 <= case["values"]["rank"] <= 1 for case in result["cases"])
    assert len(list((tmp_path / "out" / "pictures").glob("*_panel.png"))) == 3


def test_the_truth_is_the_union_of_the_types_in_the_input(data, weights):
    network, comparison = load_network("rdr", weights), Comparison(("saliency",), ("pointing",), annotated=str(data))
    subject = Subject((network,), tuple(sorted(markings_in(str(data), "").cases)))
    case = comparison.cases(subject)[0]
    pixels = case.photograph().pixels
    union = np.any([np.asarray(Image.open(data / place / "eye.png")) for place in TYPES.values()], axis=0)
    found = comparison.truth_of(network, case, pixels, "RDR")
    assert found.any()
    np.testing.assert_array_equal(found, network.preprocessing.mask_to_input(union, pixels))


def test_all_methods_are_those_for_fundus_photographs_with_their_settings():
    keys = all_methods(fundus=True)
    assert {"retina", "retina-undefended", "fgvis", "grad-cam", "random"} <= set(keys)
    made = Comparison(keys, ("sparseness",)).explainers(0, fundus=True)
    assert (made["fgvis"].lam, made["fgvis"].stop_score) == (1e-10, 0.1)
    assert "retina" not in all_methods()


def test_what_does_not_fit_is_one_line(data, weights, monkeypatch, capsys, tmp_path):
    call, out = command(monkeypatch, capsys), ("--out", tmp_path / "out")
    code, _, err = call("compare", "--model", "rdr", "--weights", weights, *out)
    assert (code, "give --images or --annotated" in one_line(err)) == (2, True)
    code, _, err = call(*quick(data, weights, "--boxes", data / "none.csv"), *out)
    assert (code, "give one of them" in one_line(err)) == (2, True)
    code, _, err = call(*quick(Path(data) / "HE", weights), *out)
    assert (code, "no data set found" in one_line(err)) == (3, True)
    subject = Subject((tiny_network(),), tuple(markings_in(str(data), "").cases))
    with pytest.raises(UsageError, match="method 'retina' is for fundus photographs: give --model rdr"):
        Comparison(("retina",), ("sparseness",)).cases(subject)
