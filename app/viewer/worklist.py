"""The order of the photographs to be read, their groups, and which are the quality-assurance sample.

The photographs of a patient stay together (as the file says, or names as in EyePACS, 10_left and 10_right; any other
name is a patient of its own). Patients are grouped by the most urgent decision on their photographs (`GROUPS`) and
sorted by their highest score. A tenth of the negatives is the quality-assurance sample, because nobody would look at
missed disease otherwise. It is drawn by the hashes of the photographs with a fixed seed, so it is the same on every
start.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from retina_xai.app.viewer.items import Item, key_of
from retina_xai.verdict import DECISIONS, NO_REFERABLE_DR, NOT_SURE, REFER, UNGRADABLE, Verdict

SAMPLE_SHARE = 0.1
SAMPLE_SEED = 0
ALL = "all"
NOT_SCORED, FAILED = "not scored", "unreadable"
READ, UNREAD, SAMPLE = "read", "not read", "quality-assurance sample"
GROUPS = (REFER, NOT_SURE, UNGRADABLE, NO_REFERABLE_DR, NOT_SCORED, FAILED)
"""Decisions, the most urgent first: a patient belongs to the first of those of the photographs."""

DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Scored:
    """A photograph that was scored: its hash and verdict, or in `error` why it cannot be read."""

    sha256: str = ""
    verdict: Verdict | None = None
    error: str = ""

    @property
    def decision(self) -> str:
        """The system's decision, or FAILED."""
        return FAILED if self.verdict is None else self.verdict.decision


@dataclass(frozen=True)
class Row:
    """One line of the worklist.

    `scored` is None until its turn comes. `own` is what the reader found, "" if nothing was stored. `sample`: in the
    quality-assurance sample.
    """

    item: Item
    scored: Scored | None = None
    own: str = ""
    sample: bool = False

    @property
    def decision(self) -> str:
        """A decision of the system, FAILED or NOT_SCORED."""
        return NOT_SCORED if self.scored is None else self.scored.decision

    @property
    def score(self) -> float:
        """p(RDR); below every score where there is none."""
        verdict = self.scored.verdict if self.scored else None
        return -1.0 if verdict is None else verdict.score


@dataclass(frozen=True)
class Filter:
    """Which lines are shown: by decision, by what the reader did, and by a part of the name in any case."""

    decision: str = ALL
    state: str = ALL
    text: str = ""

    def keeps(self, row: Row) -> bool:
        """Whether a line is shown."""
        chosen = self.decision in (ALL, row.decision) and (self.state == ALL or STATES[self.state](row))
        return chosen and self.text.strip().casefold() in row.item.name.casefold()


CHOICES = (ALL, *DECISIONS, NOT_SCORED, FAILED)
STATES: Mapping[str, Callable[[Row], bool]] = {
    READ: lambda row: bool(row.own),
    UNREAD: lambda row: not row.own,
    SAMPLE: lambda row: row.sample,
}


@dataclass(frozen=True)
class Order:
    """The order of the list as it was made: keys of the photographs, and the group of each; {} without groups."""

    keys: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)


def by_urgency(rows: Sequence[Row]) -> Order:
    """Groups, in them patients by their highest score; of a patient the latest study first, then by eye and name."""
    highest: dict[str, float] = {}
    groups: dict[str, int] = {}
    for row in rows:
        patient, group = row.item.patient, GROUPS.index(row.decision)
        highest[patient] = max(row.score, highest.get(patient, -1.0))
        groups[patient] = min(group, groups.get(patient, group))

    def place(row: Row) -> tuple[int, float, str, tuple[int, int, int], str, str]:
        item = row.item
        return groups[item.patient], -highest[item.patient], item.patient, item.place, item.name, item.key

    placed = sorted(rows, key=place)
    return Order(
        tuple(row.item.key for row in placed), {row.item.key: GROUPS[groups[row.item.patient]] for row in placed}
    )


def by_name(rows: Sequence[Row]) -> Order:
    """By name, numbers in it as numbers: 7_left comes before 10_left."""

    def place(row: Row) -> tuple[list[tuple[int, str]], str]:
        parts = DIGITS.split(row.item.name.casefold())
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], row.item.key

    return Order(tuple(row.item.key for row in sorted(rows, key=place)))


ORDERS: Mapping[str, Callable[[Sequence[Row]], Order]] = {"most urgent first": by_urgency, "by name": by_name}


def quality_sample(hashes: Iterable[str], share: float = SAMPLE_SHARE, seed: int = SAMPLE_SEED) -> frozenset[str]:
    """The drawn share of the negatives' hashes, rounded up; the draw depends on the hashes and the seed alone."""
    drawn = sorted(set(hashes), key=lambda sha256: key_of(f"{seed} {sha256}"))
    return frozenset(drawn[: math.ceil(share * len(drawn))])


def rows_of(items: Iterable[Item], scored: Mapping[str, Scored], own: Mapping[str, str]) -> list[Row]:
    """Lines; `scored` by key, `own` what the reader found by the hash of the photograph."""
    known = [(item, scored.get(item.key)) for item in items]
    negatives = (one.sha256 for _, one in known if one is not None and one.decision == NO_REFERABLE_DR)
    sample = quality_sample(negatives)
    return [
        Row(item, one, "" if one is None else own.get(one.sha256, ""), one is not None and one.sha256 in sample)
        for item, one in known
    ]


def arranged(rows: Sequence[Row], order: Sequence[str]) -> list[Row]:
    """Lines in the order of these keys; those that are not among them follow as they are."""
    places = {key: place for place, key in enumerate(order)}
    return sorted(rows, key=lambda row: places.get(row.item.key, len(places)))


def neighbour(keys: Sequence[str], current: str | None, by: int) -> str | None:
    """The key `by` places further, or None beyond the ends; the first where the current one is not listed."""
    if current not in keys:
        return keys[0] if keys else None
    place = keys.index(current) + by
    return keys[place] if 0 <= place < len(keys) else None
