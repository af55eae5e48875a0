"""The photograph of the other eye beside the open one: its picture, verdict and candidates, made in the background."""

from retina_xai.app.viewer.components.canvas import FellowEye
from retina_xai.app.viewer.findings import Evidence, Question
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.jobs import SOON
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.session import Session, line_of
from retina_xai.app.viewer.snapshot import verdict_lines


def prepare_fellow(state: Session, fellow: Item, served: Services) -> None:
    """Have it scored, decoded and encoded; its evidence is searched with that of the photographs that follow."""
    state.score([fellow], served, SOON)
    state.pictures.fetch(fellow, served.encoder)


def is_awaited(state: Session, fellow: Item, question: Question) -> bool:
    """Whether something of it is still to come, or has come while the page was being made."""
    fetching = state.pictures.fetching.get(fellow.key)
    coming = fetching is not None and fetching.state != "failed"
    return coming or fellow.key in state.scoring or (fellow.key, question) in state.searches.jobs


def has_come(state: Session, fellow: Item, question: Question) -> bool:
    """Whether something of it has come that is not shown yet."""
    search = state.searches.jobs.get((fellow.key, question))
    return state.pictures.is_ready(fellow) or (search is not None and search.ended)


def fellow_eye(state: Session, fellow: Item, question: Question, served: Services) -> FellowEye:
    """What the canvas shows of it."""
    if not state.both:
        return FellowEye(fellow.key, fellow.name, fellow.side)
    encoded = state.pictures.encoded.get(fellow.key)
    photograph = state.pictures.photograph(fellow) if encoded else None
    scored, fetching = state.scored.get(fellow.key), state.pictures.fetching.get(fellow.key)
    failed = fetching is not None and fetching.state == "failed"
    height, width = photograph.pixels.shape[:2] if photograph else (1, 1)
    found = state.evidence_of(fellow, question, served) if photograph else None
    return FellowEye(
        fellow.key,
        fellow.name,
        fellow.side,
        asked=True,
        view=encoded.views["colour"] if encoded else None,
        width=width,
        height=height,
        verdict=verdict_lines(scored) if scored else {},
        candidates=found.candidates if found else (),
        question=_named(found),
        fault=line_of(fetching.error, fellow) if fetching and failed else "",
    )


def _named(found: Evidence | None) -> tuple[str, ...]:
    return (found.question.method, found.question.target) if found else ()
