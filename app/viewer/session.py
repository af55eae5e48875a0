"""What belongs to one browser session: uploads, jobs and what they found. Other sessions never see it.

It is kept in Streamlit's session state and nowhere else; uploads are in a temporary folder (see `uploads`) that is
deleted with the session. Scores and evidence of photographs of the served folder are also put into the shared caches,
those of uploads are not.
"""

import tempfile
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import streamlit as st

from retina_xai.app.readings.model import Reading
from retina_xai.app.viewer.components.reading_form.reading_form import Answer
from retina_xai.app.viewer.findings import Evidence, Question, evidence_of_record, find_evidence
from retina_xai.app.viewer.game_comparison import GameComparison
from retina_xai.app.viewer.items import Item, uploads_of
from retina_xai.app.viewer.jobs import PATIENT, Job
from retina_xai.app.viewer.pictures import Pictures
from retina_xai.app.viewer.searches import Place, Search, Searches
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.uploads import upload_folder
from retina_xai.app.viewer.worklist import Filter, Order, Scored
from retina_xai.errors import InputError, RetinaXaiError
from retina_xai.io.images import Photograph
from retina_xai.lesions.annotation import Annotation
from retina_xai.localization import predict
from retina_xai.models.checkpoint import CLASSES

SLOT = "retina-xai session"


@dataclass(eq=False)
class Session:
    """One reader at one browser tab.

    `current` is the key of the open photograph, `order` that of the list, `asked` the id of the last request of the
    page to open a photograph, `both` whether the other eye is shown beside it, `answers` hold the last answer for each
    photograph of which a reading was sent.
    """

    name: str = field(default_factory=lambda: uuid4().hex)
    reader: str = ""
    current: str | None = None
    filter: Filter = field(default_factory=Filter)
    sorting: str = "most urgent first"
    order: Order = field(default_factory=Order)
    asked: str | None = None
    method: str = ""
    target: str = CLASSES[-1]
    uploads: dict[str, Item] = field(default_factory=dict)
    scored: dict[str, Scored] = field(default_factory=dict)
    scoring: dict[str, Job] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    searches: Searches = field(default_factory=Searches)
    games: Job | None = None
    comparison: GameComparison = field(default_factory=GameComparison)
    pictures: Pictures = field(default_factory=Pictures)
    experts: OrderedDict[str, tuple[Annotation, ...]] = field(default_factory=OrderedDict)
    taken: set[str] = field(default_factory=set)
    both: bool = False
    stopped: bool = False
    opened: bool = False
    pages: dict[str, Any] = field(default_factory=dict)
    folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(dir=upload_folder(), ignore_cleanup_errors=True)
    )

    def items(self, served: Services) -> dict[str, Item]:
        """All photographs of this session by key: uploads first, then those of the folder."""
        return {**self.uploads, **{item.key: item for item in served.folder.items}}

    @property
    def has_news(self) -> bool:
        """Whether something that was asked for has ended and not been taken over."""
        return self.pictures.has_news or any(job.ended for job in self.scoring.values())

    def readings(self, served: Services) -> tuple[Reading, ...]:
        """All readings by this session's reader, in the order of their storing; readers do not see one another's.

        They have neither lesions nor settings; see `whole_readings`.

        Raises:
            InputError: the store cannot be read.
        """
        reader = self.reader.strip()
        return served.index.heads(reader) if reader else ()

    def whole_readings(self, hashes: Container[str], served: Services) -> tuple[Reading, ...]:
        """This reader's readings of the photographs of these SHA-256, with everything that they hold.

        Raises:
            InputError: the store cannot be read.
        """
        reader = self.reader.strip()
        return served.index.full(lambda head: bool(reader) and head.reader == reader and head.image.sha256 in hashes)

    def upload(self, name: str, content: bytes) -> tuple[Item, ...]:
        """Take an upload into the worklist.

        Raises:
            OutputError: it cannot be kept, as on a full disk.
        """
        items = uploads_of(name, content, Path(self.folder.name))
        self.uploads |= {item.key: item for item in items}
        return items

    def score(self, items: Iterable[Item], served: Services, urgency: int = PATIENT) -> None:
        """Have photographs scored that are neither scored nor waiting for it."""
        for item in items:
            job = self.scoring.get(item.key)
            if item.key in self.scored or (
                job is not None and not job.cancelled.is_set() and not self._late(job, urgency)
            ):
                continue
            if job is not None:
                job.cancel()
            self.scoring[item.key] = served.worker.submit(
                _scoring(item, self.pictures.photographs.get(item.key), served), urgency
            )

    @staticmethod
    def _late(job: Job, urgency: int) -> bool:
        """Whether a job waits among the patient ones and is wanted sooner now."""
        return job.state == "waiting" and urgency < job.urgency

    def collect(self) -> None:
        """Take over what jobs have found."""
        for key, job in list(self.scoring.items()):
            if job.ended:
                del self.scoring[key]
                if job.state == "failed":
                    self.scored[key] = Scored(error=job.error)
                elif job.state == "done":
                    self.scored[key] = job.result
        self.pictures.collect()
        self.searches.collect()

    def evidence_of(self, item: Item, question: Question, served: Services) -> Evidence | None:
        """The answer that is known: computed in this process, or by an earlier run.

        Raises:
            InputError: the photograph or an earlier result cannot be read.
        """
        place = (item.key, question)
        if place not in self.searches.found:
            photograph = self.pictures.photograph(item)
            known = None if item.uploaded else served.evidence.get(photograph.sha256, question)
            if found := known or _earlier(photograph, question, served):
                self.searches.add(place, found)
        return self.searches.found.get(place)

    def explain(self, item: Item, question: Question, served: Services) -> Job:
        """Have evidence found; what was asked for before is cancelled."""
        return self.searches.ask((item.key, question), self._search((item.key, question), served), served.worker)

    def search_ahead(self, keys: Sequence[str], question: Question, served: Services) -> None:
        """Have evidence found before it is asked for; `keys` are the open photograph and those that follow it.

        Nothing is begun before the score of the open photograph is there. Another question than that of the settings is
        only searched where the reader asks.
        """
        usual, (first, *following) = question == Question(served.settings.method), keys[: max(1, served.settings.ahead)]
        known = {key: self.scored[key] for key in (first, *following) if key in self.scored}
        places = []
        if usual and served.settings.ahead > 0 and first in known:
            fresh = [key for key in following if key in known and known[key].sha256 not in served.earlier.records]
            places = [(key, question) for key in (first, *fresh) if known[key].verdict]
        if (first, question) in self.searches.jobs:
            places = [(first, question), *places[1:]]
        self.searches.prepare(places, lambda place: self._search(place, served), served.worker)

    def _search(self, place: Place, served: Services) -> Search:
        key, question = place
        item, decoded = self.items(served)[key], self.pictures.photographs.get(key)

        def work(job: Job) -> Evidence:
            try:
                photograph = decoded or item.read()
            except InputError as error:
                raise InputError(line_of(error, item)) from error
            found = find_evidence(photograph, served.classifier, question, job)
            _ = found.heat  # encoded here, so that the page need not wait for it
            if not item.uploaded:
                served.evidence.add(photograph.sha256, found)
            return found

        return work


def session() -> Session:
    """The session of the page that is running."""
    if SLOT not in st.session_state:
        st.session_state[SLOT] = Session()
    found: Session = st.session_state[SLOT]
    return found


def line_of(error: RetinaXaiError | str, item: Item) -> str:
    """The line of an error with the name of the photograph in place of its path, which pages never show."""
    return str(error).replace(str(item.path), item.name)


def _earlier(photograph: Photograph, question: Question, served: Services) -> Evidence | None:
    """What an earlier run found."""
    if question.target != CLASSES[-1] or not served.earlier.records:
        return None
    found = served.earlier.evidence(photograph.sha256, served.run_facts(question.method))
    if found is None or found[1].shape != photograph.pixels.shape[:2]:
        return None
    record, evidence, places = found
    return evidence_of_record(record, evidence, question, places)


def _scoring(item: Item, decoded: Photograph | None, served: Services) -> Callable[[Job], Scored]:
    """The work of scoring one photograph, which may be decoded already; a known score of the folder is used."""

    def work(_: Job) -> Scored:
        sha256 = _content(item) if decoded is None else decoded.sha256
        known = None if item.uploaded else served.scores.get(sha256)
        if known is not None:
            return Scored(sha256, known)
        try:
            photograph = decoded or item.read(sha256)
            verdict = predict(photograph, served.classifier)
        except InputError as error:
            raise InputError(line_of(error, item)) from error
        served.thumbnails.add(item, photograph)
        if not item.uploaded:
            served.scores.put(sha256, verdict)
        return Scored(sha256, verdict)

    return work


def _content(item: Item) -> str:
    """`Item.content`."""
    try:
        return item.content()
    except OSError as error:
        raise InputError(f"{item.name}: cannot be opened ({error.strerror}); check path and permissions") from error
