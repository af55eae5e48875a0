"""Registering a component of this package with Streamlit (`st.components.v2`), from the package's own files alone."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from retina_xai.app.viewer.components.modules import joined_modules


def client_component(folder: Path, *styles: Path) -> ComponentRenderer:
    """Register the component of a folder `name` and return the function that mounts it.

    Its files are name.js, with the modules that this imports, and name.html and name.css where there are such files.
    Data that are a mapping get a `revision`, which rises with every call, also when the server is started again: while
    a browser loads a component, its calls can arrive in another order (see `isOutdated` in component_call.js).
    `styles` are CSS files of parts that it shares with other components.
    """
    name = folder.name
    mount = st.components.v2.component(
        f"retina_xai_{name}",
        html=_text(folder / f"{name}.html"),
        css="\n".join(_text(path) or "" for path in (*styles, folder / f"{name}.css")),
        js=joined_modules(folder / f"{name}.js"),
    )

    def render(**given: Any) -> Any:
        data = given.get("data")
        if isinstance(data, Mapping):
            given["data"] = {**data, "revision": time.time_ns() // 1000}  # a number that JavaScript holds exactly
        return mount(**given)

    return render


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
