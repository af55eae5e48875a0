"""Ctrl-C and SIGTERM: one line, the documented exit code, nothing half-written, and the run goes on afterwards."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from helpers.batches import SIZE, commands, phantoms_in
from helpers.command_line import command, one_line
from helpers.trainings import RESULTS

from retina_xai.app.cli import entry_point
from retina_xai.io.images import write_png
from retina_xai.training.phantoms.phantom import make_phantom

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
WORDS = {signal.SIGINT: "error: interrupted;", signal.SIGTERM: "error: ended by SIGTERM;"}
KEPT = "what is done is kept, run the same command again to go on"
SETTINGS = """
[[stages]]
size = 32
epochs = {epochs}
batch = 4
[network]
width = 0.05
[hardware]
accelerator = "cpu"
devices = 1
"""

COMMAND = "from retina_xai.app.cli.entry_point import main; main()"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder `data` with twelve photographs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    phantoms_in(tmp_path / "data" / "3", tuple(f"eye{number}" for number in range(12)))
    return tmp_path


def stopped(place, number, arguments, ready):
    """The command in its own process, which gets a signal as soon as `ready()`: exit code and standard error."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [place, *sys.path]))}
    line = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    process = subprocess.Popen(line, env=environment, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 120
        while not ready() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, error.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("predict", signal.SIGINT),
        ("predict", signal.SIGTERM),
        ("localize", signal.SIGTERM),
        ("explain", signal.SIGTERM),
    ],
)
def test_a_batch_that_is_stopped_keeps_what_is_done(place, weights, monkeypatch, capsys, name, number):
    arguments = commands(place / "data", weights, place / "out")[name]
    code, error = stopped(place, number, arguments, lambda: len(list((place / "out").rglob("*.json"))) > 3)
    assert code == CODES[number]
    assert one_line(error).startswith(WORDS[number]) and KEPT in error
    assert not list((place / "out").rglob(".*")), "no partial file and no lock"
    code, out, _ = command(monkeypatch, capsys)(*arguments)
    assert code == 0
    assert out.count("done before") >= 2


@pytest.mark.slow
def test_the_scores_of_a_killed_predict_are_kept(place, weights, monkeypatch, capsys):
    arguments = commands(place / "data", weights, place / "out")["predict"]
    parts = place / "out" / "scores.csv.parts"
    code, error = stopped(place, signal.SIGKILL, arguments, lambda: len(list(parts.glob("*.json"))) > 4)
    assert (code, error) == (-signal.SIGKILL, "")
    code, out, _ = command(monkeypatch, capsys)(*arguments)
    assert code == 0
    assert out.count("done before") >= 3
    assert len(pd.read_csv(place / "out" / "scores.csv")) == 12
    assert [path.name for path in (place / "out").iterdir()] == ["scores.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_training_that_is_stopped_says_so_and_resumes_exactly(tmp_path, graded, monkeypatch, capsys, number):
    config, call = tmp_path / "config.toml", command(monkeypatch, capsys)
    config.write_text(SETTINGS.format(epochs=5))
    line = ("train", "--data", graded, "--config", config, "--out")
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert call(*line, whole)[0] == 0
    code, error = stopped(tmp_path, number, (*line, out), (out / "state" / "stage-1.ckpt").exists)
    assert code == CODES[number]
    assert one_line(error).startswith(WORDS[number]) and "(train: with --resume)" in error
    assert not list(out.rglob(".*"))
    assert not (out / "metrics.json").exists()
    assert call(*line, out, "--resume")[0] == 0
    for name in RESULTS:
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_the_preparation_of_photographs_stops_at_once(tmp_path, monkeypatch, number):
    pixels = make_phantom(0, *SIZE).pixels.copy()
    for photograph in range(100):
        pixels[0, 0] = photograph  # another file
        write_png(tmp_path / "data" / str(photograph % 5) / f"{photograph}.png", pixels)
    cache = tmp_path / "out" / "cache"
    line = ("train", "--data", tmp_path / "data", "--out", tmp_path / "out")
    code, error = stopped(tmp_path, number, line, lambda: cache.is_dir() and any(cache.rglob("*.npy")))
    assert code == CODES[number]
    assert one_line(error).startswith(WORDS[number])
    assert 0 < len({path.stem for path in cache.rglob("*.npy")}) < 100
    assert not list((tmp_path / "out").rglob(".*"))


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_signal_while_the_modules_are_loaded_is_one_line(monkeypatch, capsys, number):
    def interrupted():
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.setattr("retina_xai.app.cli.main.app", interrupted)
    former = signal.getsignal(signal.SIGTERM)
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background ignores it
    try:
        with pytest.raises(SystemExit) as left:
            entry_point.main()
    finally:
        signal.signal(signal.SIGINT, interrupt)
    assert left.value.code == CODES[number]
    assert one_line(capsys.readouterr().err).startswith(WORDS[number])
    assert signal.getsignal(signal.SIGTERM) is former
