"""Shows the `>>>` examples of docstrings as code, wherever they stand in a docstring."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^([ \t]*)>>> .*(?:\n(?!\s*$).+)*", re.MULTILINE)


class FencedExamples(griffe.Extension):
    """Puts every block of examples into a fence before mkdocstrings reads the docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every object when it is loaded."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(r"\1```pycon\n\g<0>\n\1```", obj.docstring.value)
