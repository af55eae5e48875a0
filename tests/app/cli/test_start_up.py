"""What the commands import: large libraries take seconds, so a command loads only those that it needs."""

import os
import subprocess
import sys

import pytest
from helpers.batches import phantoms_in
from helpers.command_line import command

SCRIPT = """
import sys
from retina_xai.app.cli.entry_point import main
try:
    main()
finally:
    print("LOADED", *sorted({name.split(".")[0] for name in sys.modules}))
"""


def loaded(*arguments):
    """The top-level modules that a command imports in its own process."""
    line = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("localize", "--help"), ("explain", "--help")])
def test_help_needs_no_large_library(arguments):
    found = loaded(*arguments)
    assert "typer" in found
    assert found.isdisjoint({"torch", "torchvision", "pandas", "cv2", "scipy", "skimage", "sklearn", "matplotlib"})


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_idle_threads_sleep_unless_the_user_wants_otherwise(monkeypatch, capsys, given, expected):
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")  # so that it is restored
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert command(monkeypatch, capsys)("--version")[0] == 0
    assert os.environ["OMP_WAIT_POLICY"] == expected


def test_localize_needs_torch_but_not_what_takes_as_long_again(tmp_path, weights):
    phantoms_in(tmp_path / "in", ("a",))
    run = ("localize", tmp_path / "in", "--out", tmp_path / "out", "--weights", weights, "--ungradable")
    found = loaded(*run, "--set", "game.iterations=1")
    assert {"torch", "cv2"} <= found
    assert found.isdisjoint({"torchvision", "pandas", "skimage", "sklearn", "captum", "monai", "sympy"})
    assert (tmp_path / "out" / "a.json").exists() and (tmp_path / "out" / "lesions.csv").exists()
