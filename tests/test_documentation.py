"""The documentation is true: examples run, commands parse, quoted messages exist, the README is short."""

import ast
import doctest
import importlib
import re
import shlex
from pathlib import Path

import pytest
import torch
from torchvision.models import SqueezeNet1_0_Weights, squeezenet1_0
from typer.main import get_command

from retina_xai.app.cli.main import app
from retina_xai.io.images import write_png
from retina_xai.training.phantoms.phantom import make_phantom

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDERS = ("retina_xai", "training", "evaluation", "app")
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])


def commands():
    """Every line of an indented code block that runs `retina-xai`, with its page."""
    for page in PAGES:
        for line in re.findall(r"^ {4,}retina-xai (.+)$", page.read_text(), re.MULTILINE):
            yield pytest.param(shlex.split(line, comments=True), id=f"{page.relative_to(REPOSITORY)}: {line[:50]}")


@pytest.mark.parametrize("arguments", list(commands()))
def test_every_documented_command_parses(arguments):
    command, context = get_command(app), None
    while hasattr(command, "commands"):
        context = command.context_class(command, info_name=command.name, parent=context)
        name, command, arguments = command.resolve_command(context, arguments)
    if "--help" not in arguments:
        command.make_context(name, list(arguments), parent=context)


def library_modules():
    """Modules of the library that hold an example."""
    for file in sorted((REPOSITORY / "retina_xai").rglob("*.py")):
        parts = file.relative_to(REPOSITORY).with_suffix("").parts
        if parts[1] not in FOLDERS and ">>> " in file.read_text():
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("module", list(library_modules()))
def test_examples_of_docstrings_are_true(module):
    failed, attempted = doctest.testmod(importlib.import_module(module))
    assert failed == 0
    assert attempted > 0


def texts_of(folder):
    """Every string of the sources, with `...` for what is filled in."""
    for file in (path for path in (REPOSITORY / folder).rglob("*.py") if path == path.resolve()):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)


def test_the_messages_of_troubleshooting_exist():
    page = (REPOSITORY / "docs" / "troubleshooting.md").read_text()
    quoted = re.findall(r"^`(.+)`\n:", page, re.MULTILINE)
    texts = [text for folder in FOLDERS for text in texts_of(folder)]
    assert len(quoted) >= 8
    missing = [message for message in quoted if not any(message in text for text in texts)]
    assert missing == []


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/safety.md"])
def test_the_files_that_are_named_exist(page):
    named = set(re.findall(r"`((?:tests|docs)/[^`]+)`", (REPOSITORY / page).read_text()))
    assert named
    assert [name for name in sorted(named) if not (REPOSITORY / name).exists()] == []


def test_the_readme_is_short():
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 120


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch):
    file = SqueezeNet1_0_Weights.DEFAULT.url.rpartition("/")[2]
    place = tmp_path / "hub" / "checkpoints"
    place.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(squeezenet1_0().state_dict(), place / file)
    write_png(tmp_path / "photograph.jpg", make_phantom(1, 288, 352).pixels)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"^```python\n(.+?)^```$", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(example.replace("iterations=100", "iterations=2"), names)
    assert names["result"].evidence.shape == (1, 224, 224)
    assert 0 <= names["judged"].score <= 1
