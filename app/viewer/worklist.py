"""The order of the photographs to be read, and which are offered for a second reading.

The photographs of a patient stay together (as the file says, or names as in EyePACS, 10_left and 10_right; any other
name is a patient of its own), and patients are sorted by their highest score. A tenth of the negatives is offered for a
second reading, because nobody would look at missed disease otherwise; it is drawn with a fixed seed and is the same on
every start.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from retina_xai.app.viewer.items import Item, key_of
from retina_xai.verdict import DECISIONS, NO_REFERABLE_DR, Verdict

SECOND_SHARE = 0.1
SECOND_SEED = 0
ALL = "all"
NOT_SCORED, FAILED = "not scored", "unreadable"
READ, UNREAD, SECOND = "read", "not read", "second reading"


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
    """One line of the worklist; `scored` is None until its turn comes."""

    item: Item
    scored: Scored | None = None
    read: bool = False
    second: bool = False

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
    READ: lambda row: row.read,
    UNREAD: lambda row: not row.read,
    SECOND: lambda row: row.second,
}


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Patients by their highest score, highest first; of a patient the latest study first, then by eye and name."""
    rows = list(rows)
    highest: dict[str, float] = {}
    for row in rows:
        highest[row.item.patient] = max(row.score, highest.get(row.item.patient, -1.0))

    def place(row: Row) -> tuple[float, str, tuple[int, int, int], str, str]:
        item = row.item
        return -highest[item.patient], item.patient, item.place, item.name, item.key

    return sorted(rows, key=place)


def second_readings(hashes: Iterable[str], share: float = SECOND_SHARE, seed: int = SECOND_SEED) -> frozenset[str]:
    """The drawn share of the negatives' hashes, rounded up; the draw depends on the hashes and the seed alone."""
    drawn = sorted(set(hashes), key=lambda sha256: key_of(f"{seed} {sha256}"))
    return frozenset(drawn[: math.ceil(share * len(drawn))])


def rows_of(items: Iterable[Item], scored: Mapping[str, Scored], read: frozenset[str]) -> list[Row]:
    """Lines in order; `scored` by key, `read` the hashes of photographs that the reader has read."""
    known = [(item, scored.get(item.key)) for item in items]
    negatives = (one.sha256 for _, one in known if one is not None and one.decision == NO_REFERABLE_DR)
    second = second_readings(negatives)
    return ordered(
        Row(item, one, one is not None and one.sha256 in read, one is not None and one.sha256 in second)
        for item, one in known
    )


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
