"""One script from the ES modules of a component.

Streamlit takes the script of a component either as one inline text, which cannot import files, or as a file of an asset
folder. It finds asset folders only through the pyproject.toml of an installed distribution, which a wheel does not
hold. The modules are therefore joined here, when a component is registered: every module comes once, after those that
it imports, without its `import` lines and its `export` keywords.

The joined script has one scope. So a module may use two forms only, each at the start of a line:

    import { name, other } from "./file.js";
    export function | async function | class | const | let      and, in the entry module, export default

and a top-level name may occur in one module only. Everything else is refused. Type imports in comments are no imports.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from retina_xai.errors import UsageError

IMPORT = re.compile(r'^import \{[^{}*]*\} from "(\.[^"]*)";\n', re.M)
RENAMED = re.compile(r"^import \{[^{}]*\bas\b", re.M)
EXPORT = re.compile(r"^export (?=(?:async function|function|class|const|let) )", re.M)
DEFAULT = re.compile(r"^export default ", re.M)
OTHER_FORM = re.compile(r"^(?:import|export)\b.*", re.M)
TOP_LEVEL = re.compile(r"^(?:export )?(?:async function|function|class|const|let) (\w+)", re.M)


def joined_modules(entry: Path) -> str:
    """The script of a module and of all that it imports, directly or not.

    Raises:
        UsageError: a module that is missing, imports itself, or uses another form than those above.
    """
    sources = dict(_in_order(entry.resolve(), ()))
    _check_names(sources)
    return "\n".join(_without_imports(path, source, path == entry.resolve()) for path, source in sources.items())


def _in_order(path: Path, importers: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    """Modules with their text, each after those that it imports; a module that is imported twice is given twice."""
    if path in importers:
        raise UsageError(f"{path}: imports itself through {importers[-1].name}; move what both need to a third module")
    if not path.is_file():
        raise UsageError(f"{path}: no such module; {importers[-1].name if importers else 'a component'} imports it")
    source = path.read_text(encoding="utf-8")
    for name in IMPORT.findall(source):
        yield from _in_order((path.parent / name).resolve(), (*importers, path))
    yield path, source


def _without_imports(path: Path, source: str, is_entry: bool) -> str:
    kept = EXPORT.sub("", IMPORT.sub("", source))
    other = OTHER_FORM.search(DEFAULT.sub("", kept) if is_entry else kept)
    renamed = RENAMED.search(source)
    if other or renamed:
        found = (other or renamed).group()  # type: ignore[union-attr]
        raise UsageError(f'{path}: {found!r}; expected import {{ name }} from "./file.js"; or export before a name')
    return kept


def _check_names(sources: dict[Path, str]) -> None:
    places: dict[str, Path] = {}
    for path, source in sources.items():
        for name in TOP_LEVEL.findall(source):
            if name in places:
                raise UsageError(f"{path}: {name} is a name of {places[name]} too; rename one of them")
            places[name] = path
