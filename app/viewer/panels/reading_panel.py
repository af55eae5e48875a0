"""The reading panel: the form, and what becomes of a submission."""

from collections.abc import Callable
from datetime import UTC, datetime

from retina_xai.app.readings.compose import compose_reading
from retina_xai.app.viewer.components.reading_form.reading_form import Answer, FormState, Submission, reading_form
from retina_xai.app.viewer.open_photograph import OpenPhotograph
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.session import Session, line_of
from retina_xai.errors import RetinaXaiError


def show_reading(state: Session, opened: OpenPhotograph, on_submission: Callable[[Submission], None]) -> None:
    """Show the form; `on_submission` is called before the script runs again."""
    answer = state.draft(opened.item).answer
    reading_form(FormState(state.name, opened.item.key, opened.has_verdict, answer), on_submission)


def store_submission(state: Session, opened: OpenPhotograph, submission: Submission, served: Services) -> None:
    """Store a submission as a reading, once, and leave the answer for the page."""
    draft = state.draft(opened.item)
    if draft.answer is not None and draft.answer.id == submission.id:
        return
    try:
        opinion = submission.opinion(datetime.now(UTC))
        shown = opened.shown(state.threshold, served.classifier.sha256)
        stored = state.store(compose_reading(shown, draft.edits, opinion), served)
    except RetinaXaiError as error:
        draft.answer = Answer(submission.id, line_of(error, opened.item), failed=True)
    else:
        draft.answer = Answer(submission.id, f"Stored as reading {stored.number}.")
