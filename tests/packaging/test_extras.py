"""The library alone imports without the extras, and a command whose extra is missing names it."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from PIL import Image

from retina_xai.app.cli.extras import EXTRA_OF, OPTIONAL
from retina_xai.io.images import write_png
from retina_xai.training.phantoms.datasets import PhantomSet, write_diaretdb1, write_eyepacs
from retina_xai.training.phantoms.phantom import make_phantom

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
FOLDERS = ("retina_xai", "training", "evaluation", "app")


def without(blocked, code, cwd):
    """Run Python code in a process in which the modules `blocked` are not installed."""
    program = f"import sys; sys.modules.update(dict.fromkeys({sorted(blocked)!r}))\n{code}"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300)


COMMANDS = """
import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

def run(missing, arguments):
    for name in [name for name in sys.modules if name.partition(".")[0] in {"retina_xai", missing}]:
        del sys.modules[name]
    if missing:
        sys.modules[missing] = None
    from retina_xai.app.cli.entry_point import main
    sys.argv, code, err = ["retina-xai", *arguments], 0, StringIO()
    with redirect_stderr(err), redirect_stdout(StringIO()):
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code or 0
    if missing:
        del sys.modules[missing]
    return code, err.getvalue()

print(json.dumps([run(*case) for case in CASES]))
"""


def results_of(cases, blocked, cwd):
    """[exit code, standard error] of commands (missing module, arguments), one after the other in one process."""
    done = without(blocked, f"CASES = {cases!r}\n{COMMANDS}", cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def normalised(requirement):
    return re.split(r"[\[>=<;]", requirement)[0].strip().lower().replace("_", "-")


def distributions_of(extra):
    """Names of the distributions of an extra, with those of the extras that it includes."""
    found = set()
    for requirement in PROJECT["optional-dependencies"][extra]:
        if requirement.startswith("retina-xai["):
            for included in requirement[len("retina-xai[") : -1].split(","):
                found |= distributions_of(included)
        else:
            found.add(normalised(requirement))
    return found


BASE = {normalised(requirement) for requirement in PROJECT["dependencies"]}


def running(tree):
    """Nodes of a syntax tree without those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from running(node)


def third_party(folder):
    """Distributions and modules that the files of a folder import when they run, anywhere in them."""
    provides = packages_distributions()
    names = set()
    for file in (path for path in (REPOSITORY / folder).rglob("*.py") if path == path.resolve()):
        for node in running(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    names -= {"retina_xai", *sys.stdlib_module_names}
    return {normalised(provides[name][0]) for name in names}, names


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("retina_xai", ("dicom", "export", "cluster", "cloud")),
        ("training", ("train",)),
        ("evaluation", ("evaluate",)),
        ("app", ("all",)),
    ],
)
def test_each_folder_imports_what_its_extras_declare(folder, extras):
    assert third_party(folder)[0] <= BASE.union(*map(distributions_of, extras))


def test_every_optional_module_is_known_to_the_message():
    imported = set().union(*(third_party(folder)[1] for folder in FOLDERS))
    provides = packages_distributions()
    optional = {name for name in imported if normalised(provides[name][0]) not in BASE}
    assert optional <= OPTIONAL
    for name in OPTIONAL:
        assert normalised(provides[name][0]) in distributions_of("all") | {"lightning-utilities"}


def test_all_is_every_extra_for_users():
    extras = set(PROJECT["optional-dependencies"])
    others = {"all", "dev", "docs", "dicom-gpl"}
    assert distributions_of("all") == set().union(*(distributions_of(name) for name in extras - others))
    assert set(EXTRA_OF.values()) <= extras


def test_what_is_under_the_gpl_is_installed_on_request_only():
    (gpl,) = distributions_of("dicom-gpl")
    assert gpl == "pylibjpeg-libjpeg"
    assert gpl not in distributions_of("all") | distributions_of("dicom") | BASE


OF_EXTRAS = (
    "retina_xai.cluster.",
    "retina_xai.io.dicom.",
    "retina_xai.dicom_results.",
    "retina_xai.model_export.onnx_file",
    "retina_xai.pacs.",
)
"""Packages of the library whose modules are imported where an extra is needed only."""


def library_modules():
    names = []
    for file in sorted((REPOSITORY / "retina_xai").rglob("*.py")):
        parts = file.relative_to(REPOSITORY).with_suffix("").parts
        if parts[1] not in FOLDERS:
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if not name.startswith(OF_EXTRAS)]


def test_the_library_imports_without_any_extra(tmp_path):
    code = "import importlib\n" + "".join(f"importlib.import_module({name!r})\n" for name in library_modules())
    done = without(OPTIONAL, code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_package_itself_imports_without_matplotlib_too(tmp_path):
    done = without(OPTIONAL | {"matplotlib", "captum", "monai"}, "import retina_xai", tmp_path)
    assert done.returncode == 0, done.stderr


MISSING = [
    ("lightning", ["train", "--data", "x", "--out", "y"], "train", "train"),
    ("typer", ["train", "--data", "x", "--out", "y"], "train", "train"),
    ("typer", ["--version"], "retina-xai", "app"),
    ("typer", ["experiment", "deletion"], "experiment", "evaluate"),
    ("typer", ["compare", "--methods", "all"], "compare", "evaluate"),
    ("streamlit", ["view", "{folder}"], "view", "app"),
    ("typer", ["localize", "{folder}", "--out", "y"], "localize", "app"),
    ("pandas", ["check-data", "{folder}"], "check-data", "evaluate"),
    ("pynetdicom", ["pull", "--from", "dicom://A@127.0.0.1", "--study", "1", "--out", "y"], "pull", "dicom"),
    ("distributed", ["localize", "{folder}", "--out", "y", "--workers", "2"], "localize", "cluster"),
    ("s3fs", ["localize", "s3://bucket/archive", "--out", "y"], "localize", "cloud"),
    ("onnxruntime", ["export", "--format", "onnx", "--out", "{folder}/rdr.onnx"], "export", "export"),
]


def test_a_command_whose_extra_is_missing_names_it(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "photograph.png")
    cases = [(module, [text.format(folder=tmp_path) for text in arguments]) for module, arguments, *_ in MISSING]
    for found, (module, _, command, extra) in zip(results_of(cases, (), tmp_path), MISSING, strict=True):
        line = f"{command} needs the extra '{extra}': pip install 'retina-xai[{extra}]' ({module} is not installed)"
        assert found == [2, f"error: {line}\n"]


def test_a_missing_module_of_anybody_else_is_an_internal_error(tmp_path):
    case = ("torchvision", ["explain", str(tmp_path), "--model", "resnet18", "--out", "y"])
    [(code, err)] = results_of([case], (), tmp_path)
    assert code == 1
    assert err.startswith("error: internal error (ModuleNotFoundError: import of torchvision halted")


SUFFICIENT = {
    "train": [["train", "--help"]],
    "evaluate": [["check-data", "{data}/eyepacs"], ["check-data", "{data}/diaretdb1"], ["evaluate", "--help"]],
    "app": [
        ["localize", "{data}/photograph.png", "--out", "{data}/out", "--weights", "{weights}", "--method", "saliency"],
        ["predict", "{data}/photograph.png", "--out", "{data}/scores.csv", "--weights", "{weights}"],
    ],
}


@pytest.mark.parametrize("extra", SUFFICIENT)
def test_a_command_needs_no_more_than_its_extra(tmp_path, weights, extra):
    write_png(tmp_path / "photograph.png", make_phantom(1, 288, 352).pixels)
    write_eyepacs(tmp_path / "eyepacs", 2, 0, PhantomSet(height=288, width=352))
    write_diaretdb1(tmp_path / "diaretdb1", 2, 0, PhantomSet(height=288, width=352))
    provides = packages_distributions()
    others = {name for name in OPTIONAL if normalised(provides[name][0]) not in distributions_of(extra)}
    cases = [(None, [text.format(data=tmp_path, weights=weights) for text in texts]) for texts in SUFFICIENT[extra]]
    assert results_of(cases, others, tmp_path) == [[0, ""]] * len(cases)
