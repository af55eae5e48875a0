"""The field for the reader's name.

It is a component of this package: a text field of Streamlit loses what is typed while the script runs.
"""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from retina_xai.app.readings.model import MAX_READER_LENGTH
from retina_xai.app.viewer.components.component import client_component

KEY = "reader"

_reader_name = client_component(Path(__file__).parent)


def reader_name_field(name: str, on_name: Callable[[str], None]) -> None:
    """Show the field; `on_name` is called with the name that the reader has entered."""

    def take() -> None:
        on_name(name_in(st.session_state[KEY].get("name")))

    _reader_name(key=KEY, data={"name": name, "maxLength": MAX_READER_LENGTH}, on_name_change=take, width=220)


def name_in(message: object) -> str:
    """The name in a message from the browser, or "" if a reading may not hold it."""
    return message if isinstance(message, str) and len(message) <= MAX_READER_LENGTH else ""
