"""Pictures that earlier runs wrote are not photographs, in whatever folder they lie."""

import logging
import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.batches import SIZE, commands, phantoms_in
from helpers.command_line import one_line
from helpers.trainings import small_training

from retina_xai.app.viewer.services import ViewSettings, open_services
from retina_xai.grades.photographs import ImageFiles
from retina_xai.io.images import find_images, write_png
from retina_xai.io.results import is_result
from retina_xai.training.fit import train


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photographs in folders named by grade, and one with a mask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for place in ("0", "3"):
        phantoms_in(tmp_path / "data" / place, (f"eye{place}",), seed=int(place))
    return tmp_path / "data"


def with_masks(folder):
    """The same photographs as a data set with masks."""
    (folder / "images").mkdir()
    for path in sorted(folder.rglob("eye*.png")):
        path.rename(folder / "images" / path.name)
        write_png(folder / "Microaneurysms" / path.name, np.full(SIZE, 255, np.uint8))


@pytest.mark.parametrize("name", ["localize", "explain", "experiment", "evaluate grades", "evaluate"])
def test_results_of_every_command_are_left_out_with_a_word(folder, weights, call, caplog, name):
    if name == "evaluate":
        with_masks(folder)
    photographs = find_images([folder])
    code, _, err = call(*commands(folder, weights, folder / "0" / "results")[name])
    assert (code, err) == (0, "")
    pictures = [path for path in folder.rglob("*.png") if path not in photographs]
    assert pictures and all(map(is_result, pictures)) and not any(map(is_result, photographs))
    caplog.clear()
    assert find_images([folder]) == photographs
    assert f"{len(pictures)} pictures are results of earlier runs, not photographs: left out" in caplog.text
    assert set(ImageFiles((folder,)).paths) == set(photographs)


@pytest.mark.parametrize("name", ["localize", "predict", "explain", "experiment", "evaluate grades", "evaluate"])
def test_every_command_leaves_results_out(folder, weights, call, caplog, name, tmp_path):
    if name == "evaluate":
        with_masks(folder)
    inside = folder / ("images" if name == "evaluate" else "0") / "results"
    assert call(*commands(folder, weights, inside)["localize"])[0] == 0
    code, out, err = call(*commands(folder, weights, tmp_path / "out")[name])
    assert (code, err) == (0, "")
    assert "results of earlier runs, not photographs: left out" in caplog.text
    assert "overlay" not in out and "evidence.png" not in out
    if name == "predict":
        assert [path.rsplit("/")[-1] for path in pd.read_csv(tmp_path / "out" / "scores.csv")["path"]] == [
            "eye0.png",
            "eye3.png",
        ]


def test_the_viewer_does_not_list_results(folder, weights, call, tmp_path):
    assert call(*commands(folder, weights, folder / "3" / "results")["localize"])[0] == 0
    services = open_services(ViewSettings((folder,), weights, readings=tmp_path / "r.sqlite", cache=tmp_path / "c"))
    assert sorted(item.name for item in services.folder.items) == ["eye0.png", "eye3.png"]


def test_a_result_that_is_named_is_refused_alone_and_left_out_of_a_batch(folder, weights, call, caplog, tmp_path):
    results = folder / "results"
    assert call(*commands(folder, weights, results)["localize"])[0] == 0
    overlay = results / "eye3_overlay.png"
    code, _, err = call("predict", overlay, "--weights", weights, "--out", tmp_path / "scores.csv")
    assert code == 3
    assert f"{overlay}: only pictures that earlier runs wrote; name the photographs themselves" in one_line(err)
    assert not (tmp_path / "scores.csv").exists()
    photograph = folder / "3" / "eye3.png"
    code, _, _ = call("predict", overlay, photograph, "--weights", weights, "--out", tmp_path / "scores.csv")
    assert code == 0
    assert pd.read_csv(tmp_path / "scores.csv")["path"].tolist() == [str(photograph)]
    assert "1 pictures are results of earlier runs" in caplog.text and str(overlay) in caplog.text


def test_pictures_of_a_run_that_was_killed_before_its_record_are_left_out(folder, weights, call):
    assert call(*commands(folder, weights, folder / "0")["localize"])[0] == 0
    (folder / "0" / "eye3.json").unlink()
    assert [path.name for path in find_images([folder])] == ["eye0.png", "eye3.png"]


def test_results_that_were_moved_with_their_record_are_left_out(folder, weights, call, tmp_path):
    assert call(*commands(folder, weights, tmp_path / "out")["localize"])[0] == 0
    for path in (tmp_path / "out").glob("eye3*"):
        shutil.copy(path, folder / "3" / path.name)
    assert [path.name for path in find_images([folder])] == ["eye0.png", "eye3.png"]


def test_the_pictures_of_a_training_are_left_out(graded, tmp_path):
    train(graded, tmp_path / "out", small_training(), progress=False)
    assert {path.stem for path in (tmp_path / "out").glob("*.png")} == {"roc", "calibration", "learning_curve"}
    assert all(map(is_result, (tmp_path / "out").glob("*.png")))


def test_a_photograph_with_the_name_of_a_result_is_a_photograph(tmp_path, caplog):
    names = ("eye_overlay", "eye_mask", "roc", "classes")
    phantoms_in(tmp_path / "overlays", names)
    (tmp_path / "overlays" / "eye.json").write_text('{"camera": "of another program"}')
    (tmp_path / "settings.json").write_text('{"theme": "dark"}')
    with caplog.at_level(logging.WARNING):
        assert {path.stem for path in find_images([tmp_path])} == set(names)
    assert caplog.text == ""
