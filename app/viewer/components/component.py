"""Streamlit components of this package's own files (`st.components.v2`): nothing is fetched.

The files of a component share one scope: an inline component is one module and cannot import its neighbours, so they
are joined in the order given.
"""

from collections.abc import Iterable
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer


def client_component(
    name: str, html: Iterable[Path] = (), css: Iterable[Path] = (), js: Iterable[Path] = ()
) -> ComponentRenderer:
    """Register a component under a name and return what mounts it."""
    return st.components.v2.component(
        name, html=_joined(html) or None, css=_joined(css) or None, js=_joined(js) or None
    )


def _joined(files: Iterable[Path]) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
