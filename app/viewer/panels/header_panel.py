"""What pages share: the notice, the field for the reader's name, and widgets that keep their value on other pages."""

from typing import Any

import streamlit as st

from retina_xai.app.viewer.components.reader_name.reader_name import reader_name_field
from retina_xai.app.viewer.session import Session

NOTICE = "Research use only: not a medical device, not for diagnosis."


def kept(key: str, value: Any) -> str:
    """The key of a widget that begins with `value` where Streamlit has no value, as after a change of page.

    A changing value that is passed as the default of a widget would make a new widget at every rerun.
    """
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def reader_input(state: Session) -> None:
    """The notice and the field for the reader's name, the same on every page."""

    def take(name: str) -> None:
        state.reader = name

    st.caption(NOTICE, width="content")
    reader_name_field(state.reader, take)
