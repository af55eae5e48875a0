"""One script from ES modules: order, what is removed, and what is refused."""

from pathlib import Path

import pytest

from retina_xai.app.viewer import components
from retina_xai.app.viewer.components.modules import joined_modules
from retina_xai.errors import UsageError

FOLDER = Path(components.__file__).parent
ENTRIES = sorted(path for path in FOLDER.glob("*/*.js") if path.stem == path.parent.name)


def write(folder, **modules):
    """Modules by name; returns the entry, a.js."""
    for name, source in modules.items():
        (folder / f"{name}.js").write_text(source, encoding="utf-8")
    return folder / "a.js"


def test_every_module_comes_once_and_after_those_that_it_imports(tmp_path):
    entry = write(
        tmp_path,
        a='import { b } from "./b.js";\nimport {\n  c,\n  D,\n} from "./c.js";\nexport default function () {}\n',
        b='import { c } from "./c.js";\nexport const b = c;\n',
        c="export async function c() {}\nexport class D {}\nfunction hidden() {}\n",
    )
    assert joined_modules(entry) == (
        "async function c() {}\nclass D {}\nfunction hidden() {}\n\nconst b = c;\n\nexport default function () {}\n"
    )


def test_imports_and_exports_in_comments_and_texts_stay(tmp_path):
    source = '// import { x } from "./x.js";\n/** @import { X } from "./x.js" */\nconst text = "export const y";\n'
    assert joined_modules(write(tmp_path, a=source)) == source


@pytest.mark.parametrize(
    "source",
    [
        'import b from "./b.js";\n',
        'import * as b from "./b.js";\n',
        'import { b as other } from "./b.js";\n',
        'import { b } from "elsewhere";\n',
        'import "./b.js";\n',
        "export { b };\n",
        'export * from "./b.js";\n',
        'export const c = 1;\nimport { b } from "./b.js"\n',
    ],
)
def test_another_form_is_refused(tmp_path, source):
    entry = write(tmp_path, a=source, b="export const b = 1;\n")
    with pytest.raises(UsageError, match=r'a\.js: .*; expected import \{ name \} from "\./file\.js"; or export'):
        joined_modules(entry)


def test_a_default_export_outside_of_the_entry_is_refused(tmp_path):
    entry = write(tmp_path, a='import { b } from "./b.js";\n', b="export default function () {}\n")
    with pytest.raises(UsageError, match=r"b\.js: 'export default function"):
        joined_modules(entry)


def test_a_name_in_two_modules_is_refused(tmp_path):
    entry = write(tmp_path, a='import { b } from "./b.js";\nconst same = 1;\n', b="function same() {}\n")
    with pytest.raises(UsageError, match=r"a\.js: same is a name of .*b\.js too; rename one of them"):
        joined_modules(entry)


def test_a_circle_of_imports_and_a_missing_module_are_refused(tmp_path):
    circle = write(tmp_path, a='import { b } from "./b.js";\n', b='import { a } from "./a.js";\n')
    with pytest.raises(UsageError, match=r"a\.js: imports itself through b\.js"):
        joined_modules(circle)
    with pytest.raises(UsageError, match=r"none\.js: no such module; a\.js imports it"):
        joined_modules(write(tmp_path, a='import { c } from "./none.js";\n'))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.stem)
def test_the_script_of_each_component_has_one_export_and_no_import(entry):
    lines = joined_modules(entry).splitlines()
    assert [line[:24] for line in lines if line.startswith("export")] == ["export default function "]
    assert not [line for line in lines if line.startswith("import")]


def test_every_module_belongs_to_a_component():
    assert len(ENTRIES) == 9
    scripts = "\n".join(map(joined_modules, ENTRIES))
    unused = [path for path in FOLDER.glob("*/*.js") if path.read_text(encoding="utf-8").splitlines()[0] not in scripts]
    assert unused == []
