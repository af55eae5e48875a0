"""Rules of the source text that no linter has: unique class names, short files and functions, distinct file names."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("retina_xai", "training", "evaluation", "app")
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 40
"""Without the signature, which may list many options."""
SHARED_STEMS = {"__init__", "base", "registry", "report", "run", "summary"}
"""File names that state a role within their folder."""


def files_of(folder: str) -> list[Path]:
    """Python files of a folder, each once: the links inside `retina_xai` are left out."""
    found = (REPOSITORY / folder).rglob("*.py")
    return sorted(path.relative_to(REPOSITORY) for path in found if path == path.resolve())


SOURCES = [path for folder in PACKAGES for path in files_of(folder)]
EVERYTHING = [*SOURCES, *files_of("tests"), *files_of("docs")]


def nodes(path: Path, *kinds: type[ast.AST]) -> list:
    """Nodes of these kinds anywhere in a file."""
    return [node for node in ast.walk(ast.parse((REPOSITORY / path).read_text())) if isinstance(node, kinds)]


def repeated(places: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Names that occur at more than one place."""
    found = defaultdict(list)
    for name, place in places:
        found[name].append(place)
    return {name: where for name, where in found.items() if len(where) > 1}


def test_the_links_are_left_out_and_the_rest_is_found():
    assert {path.parts[0] for path in SOURCES} == set(PACKAGES)
    assert len(SOURCES) == len({(REPOSITORY / path).resolve() for path in SOURCES}) > 100


def test_no_class_name_occurs_twice():
    assert (
        repeated([(node.name, f"{path}:{node.lineno}") for path in EVERYTHING for node in nodes(path, ast.ClassDef)])
        == {}
    )


def test_no_file_is_longer_than_the_ceiling():
    lengths = {str(path): len((REPOSITORY / path).read_text().splitlines()) for path in EVERYTHING}
    assert {path: length for path, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_the_ceiling():
    long = {}
    for path in SOURCES:
        for node in nodes(path, ast.FunctionDef, ast.AsyncFunctionDef):
            length = node.end_lineno - node.body[0].lineno + 1
            if length > MAX_FUNCTION_LINES:
                long[f"{path}:{node.lineno} {node.name}"] = length
    assert long == {}


def root_of(stem: str) -> str:
    """A file name without the endings that do not tell two files apart: view, views, viewer."""
    return re.sub(r"(ers?|ings?|s)$", "", stem)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_files_of_a_package_have_confusable_names(package):
    files = [path for path in files_of(package) if path.stem not in SHARED_STEMS]
    assert repeated([(root_of(path.stem), str(path)) for path in files]) == {}


def test_the_rule_about_names_would_notice():
    assert root_of("view") == root_of("views") == root_of("viewer") == root_of("viewing")
    assert repeated([("a", "x"), ("b", "y"), ("a", "z")]) == {"a": ["x", "z"]}
