"""Damaged or odd tables, settings and records: one line that names the file and the place."""

import csv

import pandas as pd
import pytest
from helpers.batches import commands, phantoms_in
from helpers.command_line import one_line
from helpers.trainings import small_training

from retina_xai.io.files import write_csv
from retina_xai.training.fit import train

DEEP = "[" * 100_000


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return phantoms_in(tmp_path / "data", ("a", "b"))


STAGE = "[[stages]]\nsize = 32\nepochs = 1\n"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[hardware]\naccelerator = "gpu"', "hardware.accelerator: gpu, but no GPU was found; choose auto or cpu"),
        ('[hardware]\naccelerator = "cpu"\ndevices = 0', "hardware.devices"),
        ('[hardware]\naccelerator = "cpu"\ndevices = -2', "hardware.devices"),
        ('[hardware]\naccelerator = "cpu"\ndevices = -1', "hardware.devices: -1 cannot be used"),
        ('[hardware]\naccelerator = "cpu"\nstrategy = "magic"', "hardware.strategy: 'magic' cannot be used"),
        ('[hardware]\naccelerator = "cpu"\nstrategy = "fsdp"', "hardware.strategy: 'fsdp' cannot be used"),
        ("[hardware]\nworkers = 1000000", "hardware.workers"),
        ("[optimiser]\nlr = nan", "optimiser.lr"),
        ("[optimiser]\nlr = inf", "optimiser.lr"),
        ("[optimiser]\nlr = 1e300", "optimiser.lr"),
        ("[optimiser]\nweight_decay = inf", "optimiser.weight_decay"),
        ("[augmentation]\nrotation = nan", "augmentation.rotation"),
        ("[augmentation]\nzoom = inf", "augmentation.zoom"),
        ("[augmentation]\ntranslation = inf", "augmentation.translation"),
        ("[augmentation]\ngain = 1e300", "augmentation.gain"),
        ("[preprocessing]\nmean = [nan, 0, 0]", "preprocessing.mean"),
        ("[preprocessing]\nstd = [inf, 1, 1]", "preprocessing.std"),
        ("[balance]\nstart = [0, 0, 0, 0, 0]", "balance.start"),
        ("[balance]\nend = [1, 1, 1, 1, -1]", "balance.end"),
        ("[balance]\nend = [1, 1, 1, 1, nan]", "balance.end"),
        ("[network]\nwidth = nan", "network.width"),
        ("[data]\nsplit_seed = 1000000000000000000000000000000", "data.split_seed"),
        ('[data]\ntable = "a\\u0000b"', "data.table"),
        (f"{STAGE}lr = inf", "stages.0.lr"),
        (f"{STAGE}draws = 1000000000000000000000000000000", "stages.0.draws"),
        (f"{STAGE}batch = 1000000000000000000000000000000", "stages.0.batch"),
        ("seed = 1000000000000000000000000000000", "seed"),
        ("seed = -1", "seed"),
        ("patience = nan", "patience"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(call, graded, tmp_path, text, key):
    config = tmp_path / "config.toml"
    config.write_text(text)
    code, _, err = call("train", "--data", graded, "--config", config, "--out", tmp_path / "out")
    assert code == 2
    assert key in one_line(err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", [f"a = {DEEP}", "a." * 2000 + "b = 1", "[" + "a." * 2000 + "b]", f"a = {'9' * 5000}"])
def test_settings_nested_without_end_are_one_line(call, graded, tmp_path, text):
    config = tmp_path / "config.toml"
    config.write_text(text)
    code, _, err = call("train", "--data", graded, "--config", config, "--out", tmp_path / "out")
    assert code in {2, 3}
    assert f"{config}: " in one_line(err)


@pytest.mark.parametrize("name", ["localize", "predict", "explain", "experiment", "evaluate grades"])
def test_settings_of_a_folder_that_are_nested_without_end_are_one_line(call, folder, weights, tmp_path, name):
    folder.rename(tmp_path / "photographs")
    phantoms_in(folder / "3")
    out = tmp_path / "out"
    place = out / "scores.csv.parts" if name == "predict" else out
    place.mkdir(parents=True)
    (place / "settings.json").write_text(DEEP)
    code, _, err = call(*commands(folder, weights, out)[name])
    assert code == 3
    assert f"{place / 'settings.json'}: not readable as settings; choose another output folder" in one_line(err)


def test_a_record_that_is_nested_without_end_is_the_failure_of_its_photograph(call, folder, weights, tmp_path):
    out = tmp_path / "out"
    assert call(*commands(folder, weights, out)["localize"])[0] == 0
    (out / "a.json").write_text(DEEP)
    code, text, err = call(*commands(folder, weights, out)["localize"])
    assert code == 5
    assert "1 of 2 photographs failed (a.png)" in one_line(err)
    assert "a.json: not a record of retina-xai localize; remove it" in " ".join(text.split())
    assert set(pd.read_csv(out / "lesions.csv")["result"]) <= {"b"}


@pytest.mark.parametrize("name", ["predict", "experiment", "evaluate grades"])
def test_a_damaged_record_is_made_again(call, folder, weights, tmp_path, name):
    if name == "evaluate grades":
        folder.rename(tmp_path / "photographs")
        phantoms_in(folder / "3")
    (folder / "odd.png").write_text("no image") if name == "predict" else None
    out, line = tmp_path / "out", commands(folder, weights, tmp_path / "out")[name]
    call(*line)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    records = {"predict": "scores.csv.parts", "experiment": "records", "evaluate grades": "scores"}[name]
    for path, text in zip(sorted((out / records).glob("[!s]*.json"))[:2], (DEEP, "{}"), strict=True):
        path.write_text(text)
    call(*line)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def table(folder, *rows, newline="\n", start=""):
    path = folder / "trainLabels.csv"
    path.write_bytes((start + newline.join(("image,level", *rows)) + newline).encode())
    return path


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("1_left,2", "2_left,7"), "line 3: grade '7'; expected 0 to 4, correct or delete this row"),
        (("1_left,2", "1_left,2"), "line 3: image 1_left appears twice; delete one of its rows"),
        (("1_left,2", "9_left,0"), "1 of 2 labelled images have no file (first 9_left); add the photographs or allow"),
        (("1_left,2,3",), "line 2: 3 values; expected 2, correct this row"),
        (("1_left,nan",), "line 2: grade 'nan'; expected 0 to 4"),
        (('1_left,"2' + "2" * 140_000 + '"',), "line 2: field larger than field limit (131072); correct this row"),
        (('1_left,"2',), "unexpected end of data"),
    ],
)
@pytest.mark.parametrize("command_name", ["check-data", "evaluate grades", "train"])
def test_an_error_in_a_table_of_grades_names_its_line(call, tmp_path, weights, rows, message, command_name):
    phantoms_in(tmp_path / "in", ("1_left", "2_left"))
    path = table(tmp_path / "in", *rows)
    line = {
        "check-data": ("check-data", tmp_path / "in"),
        "evaluate grades": ("evaluate", "grades", "--data", tmp_path / "in", "--weights", weights),
        "train": ("train", "--data", tmp_path / "in"),
    }[command_name]
    code, out, err = call(*line, *(() if command_name == "check-data" else ("--out", tmp_path / "out")))
    if command_name == "check-data" and "have no file" in message:  # it counts them
        assert code == 0 and "1 rows without an image" in out
        return
    if "unexpected end" in message:
        assert code in {0, 3}
        return
    assert code == 3
    assert message in one_line(err)
    assert str(path) in err or str(path.parent) in err


def test_a_byte_order_mark_and_windows_line_ends_are_read(call, tmp_path):
    phantoms_in(tmp_path / "in", ("1_left", "2_left"))
    table(tmp_path / "in", "1_left,2", "2_left,0", newline="\r\n", start="\ufeff")
    code, out, _ = call("check-data", tmp_path / "in")
    assert code == 0
    assert "2 photographs with a grade" in " ".join(out.split())


def test_a_patient_on_both_sides_of_a_split_is_refused(call, graded, tmp_path):
    names = [row.split(",")[0] for row in (graded / "trainLabels.csv").read_text().split()[1:]]
    split = tmp_path / "split.csv"
    split.write_text("\n".join(["image,part", *(f"{name},{PARTS[name.endswith('left')]}" for name in names)]))
    config = tmp_path / "config.toml"
    config.write_text(f'{STAGE}[data]\nsplit = "{split}"\n[hardware]\naccelerator = "cpu"\ndevices = 1\n')
    code, _, err = call("train", "--data", graded, "--config", config, "--out", tmp_path / "out")
    assert code == 3
    assert f"{split}: patient eyepacs:1 is in validation and in training (1_left, 1_right)" in one_line(err)
    assert not (tmp_path / "out" / "split.csv").exists()


PARTS = ("training", "validation")


@pytest.mark.parametrize(
    "cell",
    [
        *("=cmd()", "+1", "-1", "@a", "\t=cmd()", "\n=cmd()", "\r=cmd()", "\r\n=cmd()", "  =cmd()", "\n", "\ta"),
        *("\ufeff=cmd()", "\u200b@a", "\xa0=cmd()", "\v=cmd()", "\x00=cmd()", "\u2003+1", "\uff1dcmd()"),
    ],
)
def test_a_cell_that_a_spreadsheet_would_execute_is_neutralised(tmp_path, cell):
    write_csv(tmp_path / "a.csv", ["a"], [(cell,)])
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 2
    assert rows[1] == ["'" + cell.replace("\r\n", "\n").replace("\r", "\n")]


@pytest.mark.parametrize("cell", ["eye.png", "a=b", " a", "3 - 4", "é", "", "a\n=b"])
def test_other_cells_stay_as_they_are(tmp_path, cell):
    write_csv(tmp_path / "a.csv", ["a", "b"], [(cell, -1.5)])
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1] == [cell, "-1.5"]


def test_a_file_name_that_is_a_formula_is_neutralised_in_the_table(call, folder, weights, tmp_path, monkeypatch):
    (folder / "a.png").rename(folder / "=cmd().png")
    code, _, err = call("predict", "=cmd().png", "--weights", weights, "--out", tmp_path / "s.csv")
    assert code == 3 and one_line(err)
    monkeypatch.chdir(folder)
    assert call("predict", "=cmd().png", "--weights", weights, "--out", tmp_path / "s.csv")[0] == 0
    assert pd.read_csv(tmp_path / "s.csv")["path"].tolist() == ["'=cmd().png"]


@pytest.mark.slow
def test_partial_files_of_killed_trainings_are_removed(graded, tmp_path):
    out, cache = tmp_path / "out", tmp_path / "shared cache"
    places = [out, out / "state", cache / "32", cache / "gradability"]
    for place in places:
        place.mkdir(parents=True)
        (place / ".partial-x.npy").write_text("half")
    train(graded, out, small_training(data={"cache": cache}), resume=True, progress=False)
    assert not [*out.rglob(".*"), *cache.rglob(".*")]


@pytest.mark.parametrize("name", ["localize", "predict", "explain", "experiment"])
def test_partial_files_of_killed_batches_are_removed(call, folder, weights, tmp_path, name):
    out = tmp_path / "out"
    places = {"predict": (out, out / "scores.csv.parts"), "experiment": (out, out / "records", out / "pictures")}
    for place in places.get(name, (out,)):
        place.mkdir(parents=True, exist_ok=True)
        for suffix in (".csv", ".json") if place != out or name != "predict" else (".csv",):
            (place / f".partial-killed{suffix}").write_text("half")
    assert call(*commands(folder, weights, out)[name])[0] == 0
    assert not list(out.rglob(".*"))
