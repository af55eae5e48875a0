"""The command line as its user runs it: results, exit codes and one-line errors."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from retina_xai.app.cli.entry_point import main
from retina_xai.errors import RetinaXaiError
from retina_xai.io.images import read_image, write_png
from retina_xai.training.phantoms.datasets import DEMO_DIARETDB1, PhantomSet, write_diaretdb1, write_eyepacs
from retina_xai.training.phantoms.phantom import make_phantom

SMALL = PhantomSet(height=288, width=352)


def run(*arguments, **environment):
    """Run the command in a process of its own; returns (exit code, standard output, standard error)."""
    command = [sys.executable, "-m", "retina_xai.app.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two phantoms, and one file that is no image."""
    place = tmp_path_factory.mktemp("photographs")
    for seed in (1, 2):
        write_png(place / f"eye {seed} é.png", make_phantom(seed, 288, 352, grade=3).pixels)
    return place


def one_line(text):
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


def test_localize_writes_its_files_in_the_pixels_of_the_photograph_and_resumes(folder, weights, tmp_path):
    code, out, err = run("localize", folder, "--weights", weights, "--out", tmp_path)
    assert (code, err) == (0, "")
    for seed in (1, 2):
        stem = f"eye {seed} é"
        record = json.loads((tmp_path / f"{stem}.json").read_text())
        assert record["schema_version"] == 1
        assert record["file"]["name"] == f"{stem}.png"
        assert record["prediction"]["decision"] in {"refer", "no referable DR found"}
        evidence = np.asarray(__import__("PIL.Image").Image.open(tmp_path / f"{stem}_evidence.png"))
        assert evidence.dtype == np.uint16
        assert evidence.shape == (288, 352)
        strongest = max((lesion["score"] for lesion in record["lesions"]), default=0)
        assert strongest == pytest.approx(evidence.max() / 65535, abs=1e-4)
        assert read_image(tmp_path / f"{stem}_overlay.png").pixels.shape == (288, 352, 3)
    table = pd.read_csv(tmp_path / "lesions.csv")
    assert len(table) == sum(len(json.loads(path.read_text())["lesions"]) for path in tmp_path.glob("eye*.json"))
    measures = ["x", "y", "area", "score", "x0", "y0", "x1", "y1", "effect", "effect_rank"]
    assert list(table.columns) == ["file", "result", "lesion", *measures, "same_place"]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    code, out, _ = run("localize", folder, "--weights", weights, "--out", tmp_path)
    assert code == 0
    assert out.count("done before") == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    code, _, err = run("localize", folder, "--weights", weights, "--out", tmp_path, "--method", "saliency")
    assert code == 2
    assert "made with other settings (method)" in one_line(err)


def test_a_batch_goes_on_past_a_bad_file_and_lists_it(folder, weights, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image at all")
    out = tmp_path / "out"
    code, text, err = run("localize", bad, folder, "--weights", weights, "--out", out, "--method", "saliency")
    assert code == 5
    assert one_line(err) == "error: 1 of 3 photographs failed (bad.png); the others are done\n"
    assert "bad.png: failed:" in text
    assert len(list(out.glob("eye*.json"))) == 2
    assert not list(out.glob("bad*"))
    code, _, err = run("localize", bad, "--weights", weights, "--out", tmp_path / "alone")
    assert code == 3
    assert str(bad) in one_line(err)


def test_two_photographs_of_one_name_are_kept_apart(folder, weights, tmp_path):
    for place, seed in (("a", 5), ("b", 6)):
        write_png(tmp_path / place / "eye.png", make_phantom(seed, 288, 352).pixels)
    out = tmp_path / "out"
    paths = (tmp_path / "a", tmp_path / "b")
    assert run("localize", *paths, "--weights", weights, "--out", out, "--method", "saliency")[0] == 0
    assert len(list(out.glob("eye-*_evidence.png"))) == 2
    write_png(tmp_path / "c" / "eye.png", make_phantom(7, 288, 352).pixels)
    alone = tmp_path / "alone"
    assert run("localize", tmp_path / "a", "--weights", weights, "--out", alone, "--method", "saliency")[0] == 0
    code, _, err = run("localize", tmp_path / "c", "--weights", weights, "--out", alone, "--method", "saliency")
    assert code == 3
    assert "is the result of another photograph" in one_line(err)


def test_names_too_long_to_be_extended_or_taken_are_marked(tmp_path, weights):
    for stem in ("n" * 251, "é" * 125, "settings"):
        write_png(tmp_path / "x.png", make_phantom(1, 288, 352).pixels)
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "x.png").rename(tmp_path / "in" / f"{stem}.png")
    out = tmp_path / "out"
    command = ("localize", tmp_path / "in", "--weights", weights, "--out", out, "--method", "saliency")
    assert run(*command)[::2] == (0, "")
    stems = sorted(path.name.removesuffix("_overlay.png") for path in out.glob("*_overlay.png"))
    assert [stem[:8] for stem in stems] == ["nnnnnnnn", "settings", "éééééééé"]
    assert all(len(f"{stem}_evidence.png".encode()) <= 255 for stem in stems)
    again = run(*command)
    assert (again[0], again[1].count("done before")) == (0, 3)


def test_results_among_the_photographs_are_not_taken_for_photographs(tmp_path, weights):
    write_png(tmp_path / "eye.png", make_phantom(1, 288, 352).pixels)
    command = ("localize", tmp_path, "--weights", weights, "--out", tmp_path, "--method", "saliency")
    assert run(*command)[0] == 0
    before = sorted(tmp_path.iterdir())
    code, out, _ = run(*command)
    assert (code, out.count("done before")) == (0, 1)
    assert sorted(tmp_path.iterdir()) == before


def test_an_interruption_is_one_line(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("retina_xai.io.images.find_images", interrupted)
    monkeypatch.setattr(sys, "argv", ["retina-xai", "predict", "x", "--out", "y"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 130
    assert one_line(capsys.readouterr().err).startswith("error: interrupted; what is done is kept")


def test_predict_writes_scores_and_quality(folder, weights, tmp_path):
    write_png(tmp_path / "in" / "=black.png", np.zeros((200, 200, 3), np.uint8))
    code, _, err = run("predict", folder, tmp_path / "in", "--weights", weights, "--out", tmp_path / "scores.csv")
    assert (code, err) == (0, "")
    table = pd.read_csv(tmp_path / "scores.csv")
    assert list(table.columns) == [
        "path",
        "rdr_score",
        "threshold",
        "decision",
        "gradability",
        "reason",
        "quality_score",
    ]
    assert table["rdr_score"].between(0, 1).all()
    assert table["gradability"].tolist()[-1] == "ungradable"
    assert isinstance(table["reason"].tolist()[-1], str)


def test_without_weights_those_of_the_package_are_used(folder, tmp_path):
    code, _, err = run("predict", folder, "--out", tmp_path / "scores.csv")
    assert (code, err) == (0, "")
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["localize", "{missing}", "--out", "{out}"], 3, "no such file or folder"),
        (["localize", "{folder}", "--out", "{out}", "--weights", "{missing}"], 4, "no such weights file"),
        (
            ["localize", "{folder}", "--out", "{out}", "--weights", "{weights}", "--method", "magic"],
            2,
            "unknown method",
        ),
        (
            ["evaluate", "diaretdb1", "--data", "{folder}", "--out", "{out}", "--weights", "{weights}"],
            3,
            "no DiaretDB1 here",
        ),
        (["train", "--data", "{folder}", "--out", "{out}"], 3, "trainLabels.csv"),
        (["train", "--data", "{folder}", "--out", "{out}", "--config", "{missing}"], 3, "cannot read the settings"),
        (["check-data", "{folder}"], 3, "no data set found; expected one of: DiaretDB1 ("),
        (["check-data", "{missing}"], 3, "no such folder; check the path"),
        (["evaluate", "masks-folder", "--data", "{folder}", "--out", "{out}"], 3, "no masks of the split 'all'"),
        (["check-data"], 2, "no data set given"),
    ],
)
def test_bad_input_is_one_line_with_its_exit_code(folder, weights, tmp_path, arguments, code, message):
    places = {"missing": tmp_path / "missing", "out": tmp_path / "out", "folder": folder, "weights": weights}
    found, _, err = run(*(argument.format(**places) for argument in arguments))
    assert found == code
    assert one_line(err).startswith("error: ")
    assert message in err


def test_usage_and_version():
    assert run("localize")[0] == 2
    assert run("--version")[1].startswith("retina-xai ")
    assert run("--help")[0] == 0


def test_an_error_of_ours_is_one_line_too(monkeypatch, capsys):
    def broken():
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("retina_xai.app.cli.main.app", broken)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "internal error (ZeroDivisionError: oh)" in one_line(capsys.readouterr().err)
    assert issubclass(RetinaXaiError, ValueError)


def test_check_data_counts_every_layout(tmp_path):
    write_eyepacs(tmp_path / "e", 3, 0, SMALL)
    code, out, _ = run("check-data", tmp_path / "e")
    assert code == 0
    assert "EyePACS layout: 6 photographs with a grade" in out
    assert "3 patients; 0 rows without an image, 0 images without a row" in out
    (tmp_path / "e" / "trainLabels.csv").rename(tmp_path / "e" / "retinopathy_solution.csv")
    assert run("check-data", tmp_path / "e")[1] == out
    write_diaretdb1(tmp_path / "d", 4, 0, SMALL)
    code, out, _ = run("check-data", "--data", tmp_path / "d", "--split", "all")
    assert code == 0
    assert "4 images, consensus: votes" in out
    assert "hard_exudates" in out


def test_check_data_counts_idrid_by_grade_and_what_has_no_partner(tmp_path):
    rows = ["Image name,Retinopathy grade,Risk of macular edema ,,"]
    for number, grade in enumerate((0, 3, 3, 1, 2), start=1):
        rows.append(f"IDRiD_{number:03},{grade},0,,")
        if number < 5:
            pixels = make_phantom(number, 96, 96, grade).pixels
            write_png(tmp_path / "images" / f"IDRiD_{number:03}.png", pixels)
    write_png(tmp_path / "images" / "IDRiD_099.png", make_phantom(9, 96, 96, 0).pixels)
    (tmp_path / "grades.csv").write_text("\n".join(rows))
    code, out, _ = run("check-data", tmp_path)
    assert code == 0
    assert "IDRiD layout: 4 photographs with a grade" in out
    table = {cells[0]: cells[1] for line in out.splitlines() if len(cells := line.split()) == 2}
    assert {grade: table[grade] for grade in "01234"} == {"0": "1", "1": "1", "2": "0", "3": "2", "4": "0"}
    assert "4 patients; 1 rows without an image, 1 images without a row" in out
    rows[1] = "IDRiD_001,7,0,,"
    (tmp_path / "grades.csv").write_text("\n".join(rows))
    code, _, err = run("check-data", tmp_path)
    assert code == 3
    assert "grades.csv: line 2: grade '7'; expected 0 to 4" in one_line(err)


def test_evaluate_prints_the_table_with_chance_rows_and_resumes(weights, tmp_path):
    write_diaretdb1(tmp_path / "d", 4, 0, SMALL)
    command = ("evaluate", "diaretdb1", "--data", tmp_path / "d", "--split", "all", "--weights", weights)
    code, out, err = run(*command, "--method", "saliency", "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "chance" in out
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    named = {"name": "diaretdb1", "title": "DiaretDB1"}
    assert result["dataset"] == {**named, "version": "2.1", "split": "all", "images": 4}
    assert result["consensus"]["rule"] == "votes"
    assert set(result["lesion_types"]) >= {"haemorrhages", "hard_exudates", "soft_exudates", "red_small_dots", "any"}
    assert len(list((tmp_path / "out" / "overlays").iterdir())) == 8
    assert "data:image/jpeg" in (tmp_path / "out" / "report.html").read_text()
    again = run(*command, "--method", "saliency", "--out", tmp_path / "out")
    assert again[0] == 0
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == result
    assert DEMO_DIARETDB1.height > SMALL.height
