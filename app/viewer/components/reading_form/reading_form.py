"""The form for a reading: agree or disagree, a comment, and a button that stores both.

It is a component of this package: decision and comment stay in the browser until the reading is stored, and come in one
message. Buttons and text fields of Streamlit lose what is clicked and typed while the script runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

import streamlit as st

from retina_xai.app.readings.model import MAX_COMMENT_LENGTH, Opinion
from retina_xai.app.viewer.components.component import client_component

KEY = "reading"
MAX_ID_LENGTH = 64
FIELDS = tuple(field.name for field in fields(Opinion) if field.name != "time")
MAX_LENGTHS = {"comment": MAX_COMMENT_LENGTH}
"""Of the texts that the form lets a reader enter, by field."""

_reading_form = client_component(Path(__file__).parent)


@dataclass(frozen=True)
class Submission:
    """What the reader submits on the photograph with the key `image`, under an id of its own: values by field.

    Fields that the reader left empty are missing, except for the reader's name.
    """

    id: str
    image: str
    values: Mapping[str, str]

    def opinion(self, time: datetime) -> Opinion:
        """The opinion that it holds.

        Raises:
            InputError: a value that no reading may hold.
        """
        return Opinion(time=time, **self.values)  # type: ignore[arg-type]  # checked by Opinion


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

    _reading_form(key=KEY, data={**asdict(state), "maxLengths": MAX_LENGTHS}, on_reading_change=take)


def submission_in(message: object) -> Submission | None:
    """The submission in a message from the browser, if it is one; its values are checked when it is stored."""
    if not isinstance(message, dict) or not isinstance(message.get("values"), dict):
        return None
    name, image = message.get("id"), message.get("image")
    values = {field: text for field, text in message["values"].items() if field in FIELDS}
    if not isinstance(name, str) or not isinstance(image, str) or len(name) > MAX_ID_LENGTH:
        return None
    if "reader" not in values or not all(isinstance(text, str) for text in values.values()):
        return None
    return Submission(name, image, values)
