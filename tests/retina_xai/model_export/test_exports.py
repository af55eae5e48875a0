"""Exports give the scores of `predict`, with their facts, and are whole or not there."""

import base64
import csv
import io
import json
from dataclasses import replace

import monai.bundle
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from helpers.arrays import photograph_of
from helpers.command_line import command, one_line
from PIL import Image

from retina_xai.errors import ModelError
from retina_xai.fundus.preprocessing import Preprocessing, prepare
from retina_xai.io.files import replacing_folder
from retina_xai.io.images import read_image, write_png
from retina_xai.localization import predict
from retina_xai.model_export import card
from retina_xai.model_export.registry import EXPORT_FORMATS, export_model
from retina_xai.model_export.square_score import SquareScore
from retina_xai.models.checkpoint import load_classifier, save_weights
from retina_xai.models.self_test import self_test_picture
from retina_xai.training.phantoms.phantom import make_phantom

SIZE = 96
AGREED = 1e-5


@pytest.fixture(scope="module")
def classifier(weights, tmp_path_factory):
    """A network with the preprocessing of the package's weights (local background), and facts of a calibration."""
    plain, path = load_classifier(weights), tmp_path_factory.mktemp("export") / "rdr.safetensors"
    rules = Preprocessing(SIZE, (0.0, 0.0, 0.0), (12.0, 9.0, 5.5), 0.05)
    facts = replace(plain.facts, preprocessing=rules, threshold=0.61, training={"site": {"slope": 1.5}})
    save_weights(path, plain.model, facts)
    return load_classifier(path)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Phantoms with whole and cut fields of view, and a file that is no image."""
    folder = tmp_path_factory.mktemp("photographs")
    for seed in range(5):
        pixels = make_phantom(seed, 288, 352, grade=seed).pixels
        write_png(folder / f"{seed}.png", pixels[40:] if seed == 4 else pixels)
    (folder / "bad.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def expected(classifier, photographs):
    """The verdicts of `predict` by file name."""
    found = {f"{seed}.png": predict(read_image(photographs / f"{seed}.png"), classifier) for seed in range(5)}
    assert np.ptp([one.score for one in found.values()]) > 0.01, "scores that are all alike would prove nothing"
    return found


@pytest.fixture(scope="module")
def onnx_file(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "rdr.onnx"
    export_model("onnx", path, classifier)
    return path


@pytest.fixture(scope="module")
def bundle(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "rdr"
    export_model("monai-bundle", path, classifier)
    return path


def squares_of(photographs):
    return np.stack([prepare(read_image(photographs / f"{seed}.png"), SIZE).pixels for seed in range(5)])


@pytest.mark.parametrize("size", [64, 90, 224])
@pytest.mark.parametrize("background", [0.0, 0.05, 0.2])
def test_the_normalisation_of_the_graph_is_that_of_the_preprocessing(classifier, size, background):
    rules = Preprocessing(size=size, background=background)
    square = prepare(photograph_of(make_phantom(3, 288, 352, grade=3).pixels, "p"), size).pixels
    graph = SquareScore("rdr5x5", 1 / 8, rules.to_dict())
    found = graph.normalise(torch.from_numpy(square.transpose(2, 0, 1).copy())[None].float())[0]
    np.testing.assert_allclose(found, rules.to_tensor(square), atol=1e-5)


def test_onnxruntime_gives_the_scores_of_predict_for_any_batch(onnx_file, photographs, expected):
    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    squares = squares_of(photographs).transpose(0, 3, 1, 2)
    (together,) = session.run(["rdr_score"], {"squares": squares})
    single = [session.run(["rdr_score"], {"squares": one[None]})[0][0, 0] for one in squares]
    scores = [one.score for one in expected.values()]
    np.testing.assert_allclose(together[:, 0], scores, atol=AGREED)
    np.testing.assert_allclose(single, scores, atol=AGREED)


def test_the_onnx_file_holds_its_facts_and_a_self_test_but_no_path(onnx_file, classifier):
    model = onnx.load(onnx_file)
    held = {one.key: one.value for one in model.metadata_props}
    facts = json.loads(held["retina_xai"])
    assert facts["weights"]["sha256"] == classifier.sha256
    assert (facts["weights"]["threshold"], facts["margin"]) == (0.61, 0.03)
    assert facts["weights"]["preprocessing"] == classifier.facts.preprocessing.to_dict()
    assert facts["training"] == {"site": {"slope": 1.5}}
    assert "Research use only" in held["card"]
    assert "site.slope: 1.5" in held["card"]
    with Image.open(io.BytesIO(base64.b64decode(facts["self_test"]["square_png_base64"]))) as picture:
        square = np.asarray(picture)
    np.testing.assert_array_equal(square, self_test_picture(SIZE))
    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    (score,) = session.run(["rdr_score"], {"squares": square.transpose(2, 0, 1)[None]})[0][0]
    assert score == pytest.approx(facts["self_test"]["score"], abs=AGREED)
    assert b".py" not in onnx_file.read_bytes(), "torch writes the places of source files into nodes"


def test_monai_bundle_run_gives_the_table_of_predict(bundle, photographs, expected, tmp_path):
    options = {"dataset_dir": str(photographs), "output_file": str(tmp_path / "scores.csv")}
    config = str(bundle / "configs" / "inference.json")
    monai.bundle.run(init_id="initialize", run_id="run", config_file=config, bundle_root=str(bundle), **options)
    with (tmp_path / "scores.csv").open() as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert set(rows) == {*expected, "bad.png"}
    for name, verdict in expected.items():
        assert float(rows[name]["rdr_score"]) == pytest.approx(verdict.score, abs=AGREED)
        assert (rows[name]["decision"], rows[name]["gradability"]) == (verdict.decision, verdict.gradability.verdict)
        assert (float(rows[name]["threshold"]), rows[name]["error"]) == (0.61, "")
    assert rows["bad.png"]["rdr_score"] == ""
    assert "is text, not an image" in rows["bad.png"]["error"]


def test_the_bundle_has_the_data_format_and_state_that_monai_checks(bundle, classifier):
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert metadata["network_data_format"]["inputs"]["image"]["spatial_shape"] == [SIZE, SIZE]
    assert metadata["retina_xai"]["weights"]["sha256"] == classifier.sha256
    files = {"meta_file": str(bundle / "configs" / "metadata.json"), "bundle_root": str(bundle)}
    monai.bundle.verify_net_in_out(
        "network_def", config_file=str(bundle / "configs" / "inference.json"), device="cpu", **files
    )
    torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert "Self-test" in (bundle / "docs" / "README.md").read_text()
    assert read_image(bundle / "docs" / "self_test.png").pixels.shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("name", EXPORT_FORMATS)
def test_an_export_whose_score_differs_is_refused_and_leaves_nothing(classifier, tmp_path, monkeypatch, name):
    monkeypatch.setattr(card, "self_test_score", lambda _: 0.123456)
    with pytest.raises(ModelError, match="the self-test with .*, expected 0.123456: nothing was written"):
        export_model(name, tmp_path / "out", classifier)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_fails_is_not_there(tmp_path):
    with pytest.raises(KeyboardInterrupt), replacing_folder(tmp_path / "made") as partial:
        (partial / "part").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_in_one_line_what_cannot_be_exported(weights, tmp_path, monkeypatch, capsys):
    call = command(monkeypatch, capsys)
    made = tmp_path / "bundle"
    code, out, err = call("export", "--format", "monai-bundle", "--weights", weights, "--out", made)
    assert (code, err) == (0, "")
    assert "bundle" in out
    for options, expected, text in (
        (("--format", "monai-bundle", "--out", made), 2, "exists already; choose another folder"),
        (("--format", "onnx", "--out", made), 2, "is a folder; give the name of the file"),
        (("--format", "pickle", "--out", tmp_path / "x"), 2, "unknown format 'pickle': choose one of monai-bundle,"),
        (("--format", "onnx", "--out", tmp_path / "x", "--weights", tmp_path / "none"), 4, "no such weights file"),
    ):
        code, _, err = call("export", *(("--weights", weights) if "--weights" not in options else ()), *options)
        assert code == expected
        assert text in one_line(err)
