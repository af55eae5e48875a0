"""Calls of a component that arrive in another order than they were made."""

from pathlib import Path

from retina_xai.app.viewer import components
from retina_xai.app.viewer.components.modules import joined_modules

MODULE = Path(components.__file__).parent / "shared" / "component_call.js"
ASK = "globalThis.outdated = (revision, place) => isOutdated({ data: { revision }, parentElement: globalThis[place] });"


def test_a_call_that_a_newer_one_overtook_is_left_out(browser):
    page = browser.new_page()
    try:
        page.add_script_tag(content=f"var first = {{}}, second = {{}};\n{joined_modules(MODULE)}\n{ASK}")
        found = [page.evaluate("revision => outdated(revision, 'first')", revision) for revision in (5, 7, 6, 7, 8)]
        assert found == [False, False, True, False, False]
        assert not page.evaluate("outdated(1, 'second')"), "another place on the page has calls of its own"
    finally:
        page.close()
