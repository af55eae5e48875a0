"""Progress in the terminal: the bar over the photographs, and the line about the steps of the current one."""

import io
import re

import numpy as np
import pytest
import torch
from helpers.batches import SIZE, phantoms_in
from helpers.command_line import FACTORY, command
from helpers.tiny_network import photographs
from rich.console import Console

from retina_xai.app.cli import console as console_module
from retina_xai.app.cli import progress as progress_module
from retina_xai.app.cli.progress import progress_over
from retina_xai.explainers.explainer import Plan
from retina_xai.io.images import write_png

CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(progress_module, "time", found)
    return found


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 200 columns, as the console of the commands; its output."""
    output = io.StringIO()
    terminal = Console(file=output, force_terminal=True, width=200, color_system=None)
    for module in (console_module, progress_module):
        monkeypatch.setattr(module, "console", terminal)
    return output


def lines_of(output):
    """The lines that were shown, without control codes, each once."""
    return list(dict.fromkeys(CODES.sub("", line).strip() for line in re.split(r"[\r\n]", output.getvalue())))


def scores(value):
    return torch.tensor([value, 0.5])


def test_games_and_steps_of_a_slow_photograph_are_shown(clock, terminal):
    with progress_over(2, "explaining") as progress:
        on_step = progress.steps("explaining a.jpg", Plan(games=3, steps=60))
        on_step(0, scores(0.9))
        clock.now += 0.5
        on_step(1, scores(0.8))
        assert progress.steps_line == "", "no line in the first second"
        clock.now += 0.6
        on_step(2, scores(0.714))
        assert progress.steps_line == "explaining a.jpg: game 1/3, step 2/60, score 0.71"
        clock.now += 0.05
        on_step(3, scores(0.6))
        assert "step 2/60" in progress.steps_line, "it changes at most ten times per second"
        clock.now += 0.1
        on_step(0, scores(0.5))
        assert progress.steps_line == "explaining a.jpg: game 2/3, step 0/60, score 0.50"
        progress.refresh()
        progress.done("a.jpg", "cat 0.9 -> 0.1")
        assert progress.steps_line == ""
        on_step = progress.steps("explaining b.jpg", Plan(games=1, steps=60))
        on_step(7, scores(0.25))
        assert progress.steps_line == "explaining b.jpg: step 7/60, score 0.25", "at once, as its predecessor was slow"
    assert progress.steps_line == ""
    shown = lines_of(terminal)
    assert "explaining a.jpg: game 2/3, step 0/60, score 0.50" in shown
    assert "a.jpg: cat 0.9 -> 0.1" in shown


def test_more_games_than_planned_are_counted(clock, terminal):
    with progress_over(1, "explaining") as progress:
        on_step = progress.steps("x", Plan(games=2, steps=1))
        for _ in range(3):
            clock.now += 5
            on_step(4, scores(0.5))
        assert progress.steps_line == "x: game 3/3, step 4/4, score 0.50"


def test_names_cannot_control_the_terminal(clock, terminal):
    with progress_over(1, "explaining") as progress:
        on_step = progress.steps("explaining \x1b[31m[red]b.jpg", Plan(games=1, steps=2))
        clock.now += 5
        on_step(1, scores(0.5))
        progress.refresh()
    assert "\x1b[31m" not in terminal.getvalue()
    assert "[red]b.jpg: step 1/2, score 0.50" in terminal.getvalue()


def test_an_interrupted_batch_leaves_no_line_behind(clock, terminal):
    with pytest.raises(KeyboardInterrupt), progress_over(1, "explaining") as progress:
        on_step = progress.steps("explaining a.jpg", Plan(games=1, steps=2))
        clock.now += 5
        on_step(1, scores(0.5))
        progress.refresh()
        raise KeyboardInterrupt
    last = terminal.getvalue().rpartition("\x1b[2K")[2]
    assert "0/1" in last and "step" not in last


def test_no_steps_are_counted_where_the_output_is_no_terminal(monkeypatch):
    output = io.StringIO()
    monkeypatch.setattr(progress_module, "console", Console(file=output, width=200))
    with progress_over(1, "explaining") as progress:
        assert progress.steps("explaining a.jpg", Plan(games=1, steps=2)) is None
    assert "\x1b" not in output.getvalue()


@pytest.fixture
def shown(monkeypatch, terminal):
    """The lines about steps, without scores, in order."""
    seen = []
    recorded = property(lambda self: "", lambda self, text: seen.append(text))
    monkeypatch.setattr(progress_module.BatchProgress, "steps_line", recorded, raising=False)
    monkeypatch.setattr(progress_module, "INTERVAL", 0)
    return lambda: [line.rpartition(",")[0] for line in seen if line]


@pytest.mark.parametrize("delay", [0.0, 1000.0])
def test_explain_shows_the_steps_of_the_explanation_and_of_its_trust_block(monkeypatch, capsys, tmp_path, shown, delay):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_factory.py").write_text(FACTORY)
    photographs(tmp_path / "in", ("a",))
    monkeypatch.setattr(progress_module, "DELAY", delay)
    run = ("explain", "in/a.png", "--model", "tiny_factory:make", "--out", "out", "--iterations", "3")
    assert command(monkeypatch, capsys)(*run)[0] == 0
    places = [f"explaining a.png: step {step}/3" for step in range(4)]
    places += [f"judging a.png: game {game}/2, step {step}/3" for game in (1, 2) for step in range(4)]
    assert shown() == ([] if delay else places)


@pytest.mark.parametrize(("name", "verb"), [("localize", "localizing"), ("evaluate", "evaluating")])
def test_localize_and_evaluate_show_steps(monkeypatch, capsys, tmp_path, weights, shown, name, verb):
    phantoms_in(tmp_path / "images", ("a",))
    write_png(tmp_path / "EX" / "a.png", np.full(SIZE, 255, np.uint8))
    monkeypatch.setattr(progress_module, "DELAY", 0)
    place = (tmp_path / "images", "--ungradable") if name == "localize" else ("masks-folder", "--data", tmp_path)
    out = ("--out", tmp_path / "out", "--weights", weights)
    code, _, err = command(monkeypatch, capsys)(name, *place, *out, "--set", "game.iterations=2")
    assert (code, err) == (0, "")
    assert shown() == [f"{verb} a.png: game {game}/2, step {step}/2" for game in (1, 2) for step in range(3)]
