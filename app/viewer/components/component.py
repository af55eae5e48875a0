"""Registering a component of this package with Streamlit (`st.components.v2`), from the package's own files alone."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from retina_xai.app.viewer.components.modules import joined_modules


def client_component(folder: Path) -> ComponentRenderer:
    """Register the component of a folder `name` and return the function that mounts it.

    Its files are name.js, with the modules that this imports, and name.html and name.css where there are such files.
    """
    name = folder.name
    return st.components.v2.component(
        f"retina_xai_{name}",
        html=_text(folder / f"{name}.html"),
        css=_text(folder / f"{name}.css"),
        js=joined_modules(folder / f"{name}.js"),
    )


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
