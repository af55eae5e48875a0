"""What pages share: the reader's name, and widgets whose value outlives a change of page."""

from typing import Any

import streamlit as st

from app.readings import LONGEST_READER
from app.session import Session

NOTICE = "Research use only: not a medical device, not for diagnosis."


def kept(key: str, value: Any) -> str:
    """The key of a widget that begins with `value` where Streamlit has forgotten it, as it does when a page is left.

    Passed as a widget's default instead, a value that changes would make another widget of it at every rerun.
    """
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def reader_input(state: Session) -> None:
    """The notice and the field for the reader's name, the same on every page."""
    st.caption(NOTICE, width="content")
    state.reader = st.text_input(
        "Reader",
        max_chars=LONGEST_READER,
        key=kept("reader-name", state.reader),
        label_visibility="collapsed",
        placeholder="Reader: your name",
        width=220,
    )
