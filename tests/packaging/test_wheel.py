"""What the wheel installs, and that other packages' names do not disturb it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from retina_xai import __version__

DEVELOPMENT = {"__pycache__", "node_modules", "eslint.config.js", "package.json", "tsconfig.json"}
"""Files and folders of the sources that nobody needs to run the package."""


def python(code_or_module, path, cwd):
    """Run Python with `path` on PYTHONPATH in the folder `cwd`; returns its standard output."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *code_or_module]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_top_level_holds_this_package_only(wheel):
    with zipfile.ZipFile(wheel) as archive:
        top = {name.split("/")[0] for name in archive.namelist()}
        listed = archive.read(f"retina_xai-{__version__}.dist-info/top_level.txt").decode()
    assert top == {"retina_xai", f"retina_xai-{__version__}.dist-info"}
    assert listed == "retina_xai\n"


def test_every_source_file_is_in_it_once(wheel, request):
    root = request.config.rootpath
    walk = os.walk(root / "retina_xai", followlinks=True)
    files = (Path(folder, name).relative_to(root) for folder, _, names in walk for name in names)
    sources = {str(file) for file in files if not DEVELOPMENT & set(file.parts)}
    with zipfile.ZipFile(wheel) as archive:
        installed = [name for name in archive.namelist() if name.startswith("retina_xai/")]
    assert sorted(installed) == sorted(sources)


@pytest.fixture
def surroundings(tmp_path):
    """A project with an `app.py` and a `training` package, and another wheel's `app` and `evaluation` packages."""
    project, others = tmp_path / "project", tmp_path / "others"
    for package in (project / "training", others / "app", others / "evaluation"):
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise SystemExit('another package was imported')\n")
    (project / "app.py").write_text("raise SystemExit('the user\\'s app.py was imported')\n")
    return project, others


def test_modules_of_the_same_names_do_no_harm(surroundings, unpacked):
    project, others = surroundings
    path = (project, others, unpacked)
    assert python(["-m", "retina_xai.app.cli.main", "--version"], path, project) == f"retina-xai {__version__}\n"
    code = "import retina_xai.training.config as c, retina_xai.evaluation.tables as t; print(c.__file__, t.__file__)"
    for file in python(["-c", code], path, project).split():
        assert file.startswith(str(unpacked))
    code = "import app"
    with pytest.raises(AssertionError, match="app.py was imported"):
        python(["-c", code], path, project)


def test_the_package_leaves_those_names_to_others(unpacked, tmp_path):
    code = "import importlib.util as u; print([u.find_spec(n) for n in ('app', 'training', 'evaluation')])"
    assert python(["-c", code], (unpacked,), tmp_path) == "[None, None, None]\n"
