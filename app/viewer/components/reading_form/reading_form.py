"""The form for a reading: finding, grade, macular oedema, a comment, and the buttons that store them.

It is a component of this package: all of it stays in the browser until the reading is stored, and comes in one message
with what the reader did to the lesions. Buttons and text fields of Streamlit lose what is clicked and typed while the
script runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import streamlit as st

from retina_xai.app.readings.compose import Edits
from retina_xai.app.readings.model import MAX_COMMENT_LENGTH, Opinion
from retina_xai.app.viewer.components.component import client_component
from retina_xai.errors import InputError
from retina_xai.lesions.annotation import valid_annotations
from retina_xai.lesions.shapes import Disk

KEY = "reading"
MAX_ID_LENGTH = 64
FIELDS = tuple(one.name for one in fields(Opinion) if one.name != "time")
MAX_LENGTHS = {"comment": MAX_COMMENT_LENGTH}
"""Of the texts that the form lets a reader enter, by field."""

_reading_form = client_component(Path(__file__).parent)


@dataclass(frozen=True)
class Submission:
    """What the reader submits on the photograph with the key `image`, under an id of its own: values by field.

    Fields that the reader left empty are missing, except for the reader's name. `question` is method and class of the
    evidence that was shown, None if none was; `threshold` that of the candidates in [0, 1].
    """

    id: str
    image: str
    values: Mapping[str, str]
    edits: Edits = field(default_factory=Edits)
    threshold: float = 0.0
    question: tuple[str, str] | None = None

    def opinion(self, time: datetime) -> Opinion:
        """The opinion that it holds.

        Raises:
            InputError: a value that no reading may hold.
        """
        values: dict[str, Any] = dict(self.values)
        grade = values.pop("grade", None)
        if grade is not None and not (grade.isascii() and grade.isdigit() and len(grade) == 1):
            raise InputError(f"grade {grade!r:.20}: expected a whole number from 0 to 4, or none")
        return Opinion(time=time, grade=None if grade is None else int(grade), **values)


@dataclass(frozen=True)
class Answer:
    """The answer to the submission of this id, in one line."""

    id: str
    line: str
    failed: bool = False


def reading_form(on_submission: Callable[[Submission], None]) -> None:
    """Show the form; `on_submission` is called before the script runs again."""

    def take() -> None:
        submission = submission_in(st.session_state[KEY].get("reading"))
        if submission is not None:
            on_submission(submission)

    _reading_form(key=KEY, data={"maxLengths": MAX_LENGTHS}, on_reading_change=take)


def submission_in(message: object) -> Submission | None:
    """The submission in a message from the browser, if it is one; its values are checked when it is stored."""
    if not isinstance(message, dict) or not isinstance(message.get("values"), dict):
        return None
    submission, image = message.get("id"), message.get("image")
    values = {name: text for name, text in message["values"].items() if name in FIELDS}
    if not isinstance(submission, str) or not isinstance(image, str) or len(submission) > MAX_ID_LENGTH:
        return None
    if "reader" not in values or not all(isinstance(text, str) for text in values.values()):
        return None
    threshold, question = message.get("threshold", 0), message.get("question")
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        return None
    if question is not None and not _is_question(question):
        return None
    return Submission(submission, image, values, _edits_in(message.get("edits")), float(threshold), _pair(question))


def _is_question(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _pair(question: list[str] | None) -> tuple[str, str] | None:
    return None if question is None else (question[0], question[1])


def _edits_in(message: object) -> Edits:
    """What the reader did to the lesions; values of another form are left out."""
    given = message if isinstance(message, dict) else {}
    judged, types = _texts(given.get("judged")), _texts(given.get("types"))
    return Edits(
        valid_annotations(given.get("drawn")),
        types,
        frozenset(name for name, judgement in judged.items() if judgement == "kept"),
        frozenset(name for name, judgement in judged.items() if judgement == "deleted"),
        _disc_in(given.get("disc")),
    )


def _disc_in(value: object) -> Disk | None:
    """The optic disc in a message, if it is one."""
    try:
        return Disk.from_json(value) if isinstance(value, dict) else None
    except (KeyError, InputError):
        return None


def _texts(value: object) -> dict[str, str]:
    """The texts of a message by name."""
    given = value if isinstance(value, dict) else {}
    return {name: text for name, text in given.items() if isinstance(name, str) and isinstance(text, str)}
