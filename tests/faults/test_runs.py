"""Batches: what fails, is killed, runs twice or is added later, and the results that must not change by it."""

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest
from helpers.batches import SIZE, commands, everything, graded_in, phantoms_in
from helpers.command_line import one_line

from retina_xai.errors import UsageError
from retina_xai.io.images import write_png
from retina_xai.io.locks import LOCK_FILE, only_process
from retina_xai.runner import claim
from retina_xai.training.phantoms.phantom import make_phantom

BATCHES = ("localize", "predict", "explain", "experiment", "evaluate grades")
FORK = get_context("fork")

# A command that kills itself before a finished file gets its name: `when` counts the files.
KILLED = """
import os, sys
from pathlib import Path

when, number, *arguments = sys.argv[1:]
place, count = Path.replace, 0

def replace(self, target):
    global count
    count += 1
    if count == int(when):
        os.kill(os.getpid(), int(number))
    return place(self, target)

Path.replace = replace
sys.argv = ["retina-xai", *arguments]
from retina_xai.app.cli.entry_point import main
main()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photographs in folders named by grade."""
    return graded_in(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", BATCHES)
def test_an_unexpected_error_of_one_photograph_is_its_failure(folder, weights, call, tmp_path, monkeypatch, name):
    from retina_xai.io import images

    kept = images.Photograph

    def broken(pixels, name, *rest):
        if name == "b.png":
            raise ZeroDivisionError("oh")
        return kept(pixels, name, *rest)

    monkeypatch.setattr(images, "Photograph", broken)
    code, out, err = call(*commands(folder, weights, tmp_path / "out")[name])
    assert code == 5
    assert one_line(err) == f"error: 1 of 3 photographs failed ({failing(name)}); the others are done\n"
    assert "internal error (ZeroDivisionError: oh)" in " ".join(out.split())
    monkeypatch.undo()


def failing(name):
    return {"experiment": "b", "evaluate grades": "0/b"}.get(name, "b.png")


@pytest.mark.parametrize("name", BATCHES)
def test_a_photograph_that_cannot_be_opened_does_not_end_the_batch(folder, weights, call, tmp_path, name):
    (folder / "0" / "b.png").unlink()
    (folder / "0" / "b.png").symlink_to(tmp_path / "gone.png")
    code, _, err = call(*commands(folder, weights, tmp_path / "out")[name])
    assert code == 5
    assert failing(name) in one_line(err)


@pytest.mark.parametrize("name", ["localize", "predict", "explain", "evaluate grades"])
def test_a_done_photograph_that_became_unreadable_is_its_failure(folder, weights, call, tmp_path, name):
    arguments = commands(folder, weights, tmp_path / "out")[name]
    (folder / "0" / "a.png").rename(tmp_path / "kept.png")  # predict keeps its records only where one failed
    (folder / "0" / "a.png").write_bytes(b"")
    assert call(*arguments)[0] == 5
    (folder / "0" / "a.png").unlink()
    (tmp_path / "kept.png").rename(folder / "0" / "a.png")
    (folder / "0" / "b.png").unlink()
    (folder / "0" / "b.png").symlink_to(tmp_path / "gone.png")
    code, out, err = call(*arguments)
    assert code == 5
    assert f"1 of 3 photographs failed ({failing(name)}); the others are done" in one_line(err)
    assert out.count("done before") == 1


def test_what_cannot_be_printed_does_not_end_the_batch(folder, weights, call, tmp_path, monkeypatch):
    def unprintable(*_):
        raise UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range")

    monkeypatch.setattr("rich.progress.Progress.advance", unprintable)
    code, _, err = call(*commands(folder, weights, tmp_path / "out")["predict"])
    assert (code, err) == (0, "")
    assert len(pd.read_csv(tmp_path / "out" / "scores.csv")) == 3


def test_a_foreign_json_file_among_the_results_does_not_end_the_table(folder, weights, call, tmp_path, caplog):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "camera.json").write_text('{"model": "of another program"}')
    assert call(*commands(folder, weights, tmp_path / "out")["localize"])[::2] == (0, "")
    assert {"a", "b", "c"} >= set(pd.read_csv(tmp_path / "out" / "lesions.csv")["result"]) > set()
    assert "camera.json" in caplog.text and "is left out of lesions.csv" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("when", [2, 5])
@pytest.mark.parametrize("name", ["localize", "predict", "explain", "experiment"])
def test_killed_in_a_batch_and_resumed_equals_an_uninterrupted_run(folder, weights, call, tmp_path, name, when):
    assert call(*commands(folder, weights, tmp_path / "whole")[name])[0] == 0
    arguments = commands(folder, weights, tmp_path / "killed")[name]
    assert killed(tmp_path, when, signal.SIGKILL, arguments).returncode == -signal.SIGKILL
    assert any(path.name.startswith(".partial-") for path in (tmp_path / "killed").rglob("*"))
    assert call(*arguments)[::2] == (0, "")
    assert everything(tmp_path / "killed") == everything(tmp_path / "whole")


def killed(place, when, number, arguments):
    """The command in a process of its own, which gets a signal before its file number `when` gets its name."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [place, *sys.path]))}
    line = [sys.executable, "-c", KILLED, str(when), str(int(number)), *map(str, arguments)]
    return subprocess.run(line, env=environment, cwd=place, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("name", [*BATCHES, "evaluate", "train"])
def test_a_second_process_on_one_folder_is_refused(folder, weights, call, tmp_path, name, graded):
    out = tmp_path / "out"
    if name == "evaluate":
        phantoms_in(folder / "images", ("a",))
        write_png(folder / "EX" / "a.png", make_phantom(0, *SIZE).pixels)
    lines = {**commands(folder, weights, out), "train": ("train", "--data", graded, "--out", out)}
    with only_process(out / "scores.csv.parts" if name == "predict" else out):
        before = everything(out)
        code, _, err = call(*lines[name])
        assert code == 2
        assert "another process writes into this folder; wait until it ends, or choose another" in one_line(err)
        assert everything(out) == before


def test_of_two_processes_that_begin_at_once_one_is_refused(tmp_path):
    folders, start, answers = [tmp_path / str(race) for race in range(60)], FORK.Barrier(2), FORK.SimpleQueue()
    racers = [FORK.Process(target=racer, args=(folders, number, start, answers)) for number in range(2)]
    for process in racers:
        process.start()
    accepted = [answers.get() for _ in folders]
    for process in racers:
        process.join()
    assert sorted(folder for folder, _ in accepted) == sorted(map(str, folders))
    assert answers.empty()
    for folder, number in accepted:
        assert json.loads((Path(folder) / "settings.json").read_text()) == {"number": number}
        assert [path.name for path in Path(folder).iterdir()] == ["settings.json"]


def racer(folders, number, start, answers):
    """Claim every folder at the same time as the other racer, with other settings."""
    for folder in folders:
        start.wait()
        try:
            with claim(folder, {"number": number}):
                answers.put((str(folder), number))
        except UsageError:
            pass


def test_a_killed_process_leaves_no_lock_even_if_its_workers_live_on(tmp_path):
    reading, writing = os.pipe()
    if (owner := os.fork()) == 0:
        held = only_process(tmp_path)
        held.__enter__()
        if os.fork() == 0:  # a worker that outlives its parent
            os.write(writing, b"x")
            time.sleep(20)
            os._exit(0)
        time.sleep(20)
        os._exit(0)
    assert os.read(reading, 1) == b"x"
    with pytest.raises(UsageError, match="another process writes into this folder"), only_process(tmp_path):
        pass
    os.kill(owner, signal.SIGKILL)
    os.waitpid(owner, 0)
    assert (tmp_path / LOCK_FILE).exists()
    with only_process(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["localize", "explain"])
def test_a_photograph_of_the_same_name_that_is_added_later_changes_nothing(folder, weights, call, tmp_path, name):
    out, other = tmp_path / "out", tmp_path / "other"
    assert call(*commands(folder, weights, out)[name])[0] == 0
    before = everything(out)
    write_png(folder / "3" / "a.png", make_phantom(9, *SIZE, grade=3).pixels)
    code, text, err = call(*commands(folder, weights, out)[name])
    assert (code, err, text.count("done before")) == (0, "", 3)
    after = everything(out)
    assert all(after[path] == content for path, content in before.items() if path.name != "lesions.csv")
    assert len([path for path in after if path.suffix == ".json"]) == 1 + 4
    code, text, _ = call(*commands(folder, weights, out)[name])
    assert (code, text.count("done before")) == (0, 4)
    assert everything(out) == after
    (folder / "0" / "a.png").unlink()  # the other one alone keeps its record too
    code, text, _ = call(*commands(folder, weights, out)[name])
    assert (code, text.count("done before")) == (0, 3)
    assert everything(out) == after
    assert call(*commands(folder, weights, other)[name])[0] == 0
    assert len([path for path in everything(other) if path.suffix == ".json"]) == 1 + 3


def test_no_lesion_is_listed_twice_in_a_folder_of_an_older_version(folder, weights, call, tmp_path):
    out = tmp_path / "out"
    line = commands(folder, weights, out)["localize"]
    assert call(*line)[0] == 0
    whole = (out / "lesions.csv").read_text()
    assert whole.count("a.png,a,") > 0
    for ending in (".json", "_evidence.png", "_overlay.png"):  # the second name that a second a.png caused
        (out / f"a-00000000{ending}").write_bytes((out / f"a{ending}").read_bytes())
    assert call(*line)[0] == 0
    lesions = pd.read_csv(out / "lesions.csv")
    assert len(lesions) == whole.count("\n") - 1
    assert not lesions.duplicated(["file", "x", "y"]).any()


@pytest.mark.slow
def test_the_same_run_twice_gives_the_same_files(folder, weights, call, tmp_path):
    for name in ("localize", "predict", "explain", "experiment"):
        first, second = tmp_path / name / "first", tmp_path / name / "second"
        for out in (first, second):
            assert call(*commands(folder, weights, out)[name])[0] == 0
        assert everything(first) == everything(second)


def test_a_folder_of_other_settings_is_refused(folder, weights, slow_weights, call, tmp_path):
    for name in ("localize", "evaluate grades"):
        assert call(*commands(folder, weights, tmp_path / name)[name])[0] == 0
        before = everything(tmp_path / name)
        code, _, err = call(*commands(folder, slow_weights, tmp_path / name)[name])
        assert code == 2
        assert "settings.json: this folder was made with other settings" in one_line(err)
        assert everything(tmp_path / name) == before


def test_a_table_in_place_of_a_folder_is_refused_before_anything_is_scored(folder, weights, call, tmp_path):
    code, _, err = call("predict", folder, "--weights", weights, "--out", tmp_path)
    assert code == 2
    assert f"{tmp_path}: is a folder; give the name of the table" in one_line(err)
    assert Path(f"{tmp_path}.parts").exists() is False
