"""The form for a reading: agree or disagree, a comment, and a button that stores both.

It is a component of this package: decision and comment stay in the browser until the reading is stored, and come in one
message. Buttons and text fields of Streamlit lose what is clicked and typed while the script runs.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from retina_xai.app.readings.model import MAX_COMMENT_LENGTH, ReaderDecision
from retina_xai.app.viewer.components.component import client_component

KEY = "reading"
MAX_ID_LENGTH = 64

_reading_form = client_component(Path(__file__).parent)


@dataclass(frozen=True)
class Submission:
    """What the reader submits on the photograph with the key `image`, under an id of its own."""

    id: str
    image: str
    reader: str
    decision: ReaderDecision = "none"
    comment: str = ""


@dataclass(frozen=True)
class Answer:
    """The answer to the submission of this id, in one line."""

    id: str
    line: str
    failed: bool = False


@dataclass(frozen=True)
class FormState:
    """What the form shows: `session` of the server, key of the photograph, whether there is a verdict, last answer."""

    session: str
    image: str
    ready: bool
    answer: Answer | None


def reading_form(state: FormState, on_submission: Callable[[Submission], None]) -> None:
    """Show the form; `on_submission` is called before the script runs again."""

    def take() -> None:
        submission = submission_in(st.session_state[KEY].get("reading"))
        if submission is not None:
            on_submission(submission)

    _reading_form(key=KEY, data={**asdict(state), "maxLength": MAX_COMMENT_LENGTH}, on_reading_change=take)


def submission_in(message: object) -> Submission | None:
    """The submission in a message from the browser, if it is one; its values are checked when it is stored."""
    names = ("id", "image", "reader", "decision", "comment")
    if not isinstance(message, dict) or not all(isinstance(message.get(name), str) for name in names):
        return None
    return Submission(*(message[name] for name in names)) if len(message["id"]) <= MAX_ID_LENGTH else None
