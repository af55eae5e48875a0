"""What becomes of a reading that the page sends: it is stored once, for the photograph that it names."""

from datetime import UTC, datetime

from retina_xai.app.readings.compose import compose_reading
from retina_xai.app.readings.model import Reading
from retina_xai.app.viewer.components.reading_form.reading_form import Answer, Submission
from retina_xai.app.viewer.findings import Evidence, Question
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.open_photograph import OpenPhotograph
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.session import Session, line_of
from retina_xai.errors import InputError, RetinaXaiError


def take_submission(state: Session, submission: Submission, served: Services) -> None:
    """Store a reading once, whichever photograph is open by then, and leave the answer for the page."""
    item = state.items(served).get(submission.image)
    answer = state.answers.get(submission.image)
    if item is None or (answer is not None and answer.id == submission.id):
        return
    state.collect()  # the verdict or the evidence that it rests on may have been found just now
    try:
        line, failed = _store(state, item, submission, served), False
    except RetinaXaiError as error:
        line, failed = line_of(error, item), True
    state.answers[item.key] = Answer(submission.id, line, failed)


def _store(state: Session, item: Item, submission: Submission, served: Services) -> str:
    """Store the reading, or find that it is stored already; the line that says so."""
    opened = OpenPhotograph(
        item, state.pictures.photograph(item), state.scored.get(item.key), _evidence(state, item, submission, served)
    )
    shown = opened.shown(submission.threshold, served.classifier.sha256)
    reading = compose_reading(shown, submission.edits, submission.opinion(datetime.now(UTC)))
    former = _last_like(reading, served)
    if former is not None and reading.says_the_same_as(former):
        return f"Already stored as reading {former.number}; nothing has changed since."
    return f"Stored as reading {served.store.add(reading).number}."


def _last_like(reading: Reading, served: Services) -> Reading | None:
    """The last stored reading of the same photograph and weights by the same reader."""
    alike = [head.number for head in served.index.heads(reading.reader) if head.key == reading.key]
    return next(iter(served.store.read(alike[-1:]).readings), None)


def _evidence(state: Session, item: Item, submission: Submission, served: Services) -> Evidence | None:
    """The evidence that the page showed.

    Raises:
        InputError: it is not known any more.
    """
    if submission.question is None:
        return None
    found = state.evidence_of(item, Question(*submission.question), served)
    if found is None:
        raise InputError(f"{item.name}: the evidence is not kept any more; find it again, then store the reading")
    return found
