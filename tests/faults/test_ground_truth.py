"""Ground truth of another size than its photograph is refused; both commands that read it name the file."""

import cv2
import numpy as np
import pytest
from helpers.command_line import command

from retina_xai.io.images import read_image, write_png
from retina_xai.training.phantoms.datasets import PhantomSet, write_diaretdb1


@pytest.fixture
def enlarged(tmp_path):
    """A DiaretDB1 of two phantoms, the first photograph twice as large as its markings say."""
    root = write_diaretdb1(tmp_path / "data", 2, 1, PhantomSet(height=96, width=120))
    first = sorted(root.rglob("*image001.png"))[0]
    write_png(first, cv2.resize(read_image(first).pixels, None, fx=2, fy=2))
    return root


def test_markings_of_a_photograph_of_half_the_size_are_refused(monkeypatch, capsys, tmp_path, enlarged, weights):
    run = command(monkeypatch, capsys)
    line = "markings for 120x96, its image diaretdb1_image001.png has 240x192"
    code, _, err = run("check-data", enlarged)
    assert code == 3 and line in err and err.count("\n") == 1
    arguments = ["--data", enlarged, "--split", "all", "--weights", weights, "--method", "saliency"]
    code, out, err = run("evaluate", "diaretdb1", *arguments, "--out", tmp_path / "out")
    assert code == 5 and line in " ".join(out.split())
    assert "1 of 2" in err


def test_the_official_size_is_expected_where_the_markings_state_none(monkeypatch, capsys, enlarged):
    for path in enlarged.rglob("*.xml"):
        text = path.read_text().replace(' width="120"', "").replace(' height="96"', "")
        path.write_text(text)
    code, _, err = command(monkeypatch, capsys)("check-data", enlarged)
    assert code == 3 and "markings for 1500x1152, its image" in err


def test_masks_of_another_size_are_refused(monkeypatch, capsys, tmp_path):
    write_png(tmp_path / "set" / "images" / "a.png", np.full((96, 120, 3), 90, np.uint8))
    write_png(tmp_path / "set" / "hard_exudates" / "a.png", np.zeros((192, 240), np.uint8))
    code, _, err = command(monkeypatch, capsys)("check-data", tmp_path / "set")
    assert code == 3
    assert "mask of 240x192, its photograph " in err and "has 120x96; give both at one size" in err
