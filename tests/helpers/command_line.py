"""The command line, run in the process of the test."""

import sys


def command(monkeypatch, capsys):
    """A function that runs `retina-xai` with its arguments: (exit code, standard output, standard error)."""
    from retina_xai.app.cli.entry_point import main

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["retina-xai", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


FACTORY = """
from helpers.tiny_network import RULES
from helpers.networks import TinyNet

def make():
    model = TinyNet(5)
    model.preprocessing = RULES
    return model
"""


def one_line(error: str) -> str:
    """The error message, which must be one line without a traceback."""
    assert error.startswith("error: "), error
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    return error
