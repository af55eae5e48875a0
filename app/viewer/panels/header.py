"""What pages share: the notice, the field for the reader's name, and widgets whose value outlives a change of page."""

from pathlib import Path
from typing import Any

import streamlit as st

from retina_xai.app.readings.model import MAX_READER_LENGTH
from retina_xai.app.viewer.components.component import client_component
from retina_xai.app.viewer.session import Session

NOTICE = "Research use only: not a medical device, not for diagnosis."
CLIENT = Path(__file__).parent / "client"
KEY = "reader"

_reader = client_component(
    "retina_xai_reader",
    html=[CLIENT / "reader.html"],
    css=[CLIENT / "reader.css"],
    js=[CLIENT / "desk.js", CLIENT / "reader.js"],
)


def kept(key: str, value: Any) -> str:
    """The key of a widget that begins with `value` where Streamlit has forgotten it, as it does when a page is left.

    Passed as a widget's default instead, a value that changes would make another widget of it at every rerun.
    """
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def reader_input(state: Session) -> None:
    """The notice and the field for the reader's name, the same on every page.

    The field is a component of ours: a text field of Streamlit loses what was typed while the page was made anew.
    """

    def heard() -> None:
        state.reader = name_in(st.session_state[KEY].get("name"))

    st.caption(NOTICE, width="content")
    _reader(key=KEY, data={"name": state.reader, "longest": MAX_READER_LENGTH}, on_name_change=heard, width=220)


def name_in(message: object) -> str:
    """A name from the browser, or none if it is no name that a reading may hold."""
    return message if isinstance(message, str) and len(message) <= MAX_READER_LENGTH else ""
