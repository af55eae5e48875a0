"""What Python says of the open photograph, as one message: the components of the page show it and nothing else.

The canvas sends it (see `Snapshot` in components/shared/examination.js). Lesions, selection, threshold and the fields
of the form are not in it: they belong to the page until a reading is stored.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from retina_xai.app.readings.model import FINDINGS
from retina_xai.app.viewer.findings import Evidence
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.panels.text import number
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.session import Session
from retina_xai.app.viewer.worklist import Scored, neighbour
from retina_xai.models.checkpoint import CLASSES
from retina_xai.verdict import NO_REFERABLE_DR, NOT_SURE, REFER, UNGRADABLE, Verdict

PARTS = ("canvas", "bar", "verdict", "candidates", "reading_form")
"""Components of the page; keys wait until all are there."""

NOT_SCORED = "The reading can be stored when the verdict is there."
UNREADABLE = "The photograph cannot be read, so no reading of it can be stored."
HEADS: Mapping[str, tuple[str, str]] = {
    REFER: ("refer", "Refer"),
    NOT_SURE: ("unsure", "Not sure: grade this photograph yourself"),
    NO_REFERABLE_DR: ("negative", "No referable DR found"),
    UNGRADABLE: ("unsure", "Ungradable"),
}
"""Tone and head of the verdict, by decision."""

NOT_MEASURED = "How many lesions are found at this setting was not measured with these weights and this method."
PARTIAL = (
    "These areas do not fully explain the score: with them removed it is still at or above the threshold of referral."
)
STEPS = 100
"""Steps of the threshold."""


def snapshot_of(
    state: Session, item: Item, keys: Sequence[str], found: Evidence | None, served: Services
) -> dict[str, Any]:
    """Everything but the candidates and the pictures; plain values. `keys` are those of the listed photographs."""
    scored = state.scored.get(item.key)
    failed = {key for key, answer in state.answers.items() if answer.failed}
    return {
        "name": item.name,
        "place": f"({keys.index(item.key) + 1} of {len(keys)})" if item.key in keys else "",
        "former": neighbour(keys, item.key, -1),
        "following": neighbour(keys, item.key, 1),
        "verdict": verdict_lines(scored) if scored else None,
        "finding": FINDINGS.get(scored.decision, "") if scored else "",
        "search": search_facts(found, served) if found else None,
        "hindrance": _hindrance(scored),
        "session": state.name,
        "answers": {key: vars(answer) for key, answer in state.answers.items()},
        "names": {key: one.name for key, one in state.items(served).items() if key in failed},
        "asked": state.asked,
        "parts": PARTS,
    }


def verdict_lines(scored: Scored) -> dict[str, str]:
    """Tone and lines of the verdict: quality, decision, and score with threshold."""
    if scored.verdict is None:
        return {"tone": "unsure", "quality": "", "head": "Not scored", "line": scored.error}
    quality = scored.verdict.gradability
    tone, head = HEADS[scored.verdict.decision]
    said = f"Image quality: {quality.verdict}" + (f" – {quality.reason}" if quality.reason else "")
    return {"tone": tone, "quality": said, "head": head, "line": _score_line(scored.verdict)}


def search_facts(found: Evidence, served: Services) -> dict[str, Any]:
    """The result of a search: method and class, figures, areas and remarks of candidates, measured operating points."""
    figures = (
        ("Score", found.before),
        ("With these areas removed", found.without),
        ("These areas alone", found.alone),
    )
    goal = "" if found.converged else "not "
    told = f"Score of {found.question.target}; {found.iterations} steps, goal {goal}reached"
    return {
        "question": [found.question.method, found.question.target],
        "figures": [[label, number(value)] for label, value in figures],
        "told": told + (", precomputed" if found.earlier else ""),
        "caution": _caution(found, served.classifier.facts.threshold),
        "remarks": dict(found.remarks),
        "areas": {one.id: one.shape.area for one in found.candidates},
        "measured": _measured(found, served),
    }


def _caution(found: Evidence, threshold: float) -> str:
    """A line where the score stays high without the evidence; NaN is below every threshold."""
    referral = found.question.target == CLASSES[-1]
    return PARTIAL if referral and found.before >= threshold and found.without >= threshold else ""


def _hindrance(scored: Scored | None) -> str:
    if scored is None:
        return NOT_SCORED
    return "" if scored.verdict else UNREADABLE


def _score_line(verdict: Verdict) -> str:
    quality, score, threshold = verdict.gradability, f"{verdict.score:.3f}", f"{verdict.threshold:.3f}"
    if verdict.decision == NOT_SURE:
        return f"score {score}, too near the threshold {threshold} for a decision"
    if verdict.decision == UNGRADABLE and quality.verdict == "ungradable":
        return f"no decision is given; score {score}, threshold {threshold}"
    side = "at or above" if verdict.score >= verdict.threshold else "below"
    line = f"score {score}, {side} the threshold {threshold}"
    return line + ("; this quality does not exclude referable DR" if verdict.decision == UNGRADABLE else "")


def _measured(found: Evidence, served: Services) -> list[str]:
    """A line for each hundredth of the threshold, or one line where nothing was measured."""
    run = served.earlier.measured(served.run_facts(found.question.method))
    if run is None or found.question.target != CLASSES[-1]:
        return [NOT_MEASURED]
    points = [(step / STEPS, run.at(step / STEPS)) for step in range(STEPS + 1)]
    return [
        f"Measured at {threshold:.2f} on {run.data} ({run.images} images): finds {number(point.sensitivity, '.0%')} of "
        f"the marked lesions, {number(point.false_positives_per_image, '.1f')} false candidates per image."
        for threshold, point in points
    ]
