"""The photographs to be read: their source, their order, and which are offered for a second reading.

Pages identify a photograph by a key instead of its path: a hash of its place in the folder, or of the uploaded content.
The two eyes of a patient stay together (names as in EyePACS, 10_left and 10_right; any other name is a patient of its
own), and patients are sorted by their highest score. A tenth of the negatives is offered for a second reading, because
nobody would look at missed disease otherwise; it is drawn with a fixed seed and is the same on every start.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retina_xai.errors import OutputError
from retina_xai.grades.photographs import official_patient
from retina_xai.io.files import replacing
from retina_xai.io.names import shown_name
from retina_xai.verdict import DECISIONS, NO_REFERABLE_DR, Verdict

SECOND_SHARE = 0.1
SECOND_SEED = 0
ALL = "all"
NOT_SCORED, FAILED = "not scored", "unreadable"
READ, UNREAD, SECOND = "read", "not read", "second reading"


@dataclass(frozen=True)
class Item:
    """A photograph of the worklist: `name` without folders, as shown; `key` as in the head of this module."""

    key: str
    name: str
    path: Path
    uploaded: bool = False

    @property
    def patient(self) -> str:
        """The patient, as far as the name tells."""
        return official_patient(Path(self.name).stem) or f"{self.name} {self.key}"


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
    """Which lines are shown: by decision and by what the reader did."""

    decision: str = ALL
    state: str = ALL

    def keeps(self, row: Row) -> bool:
        """Whether a line is shown."""
        return self.decision in (ALL, row.decision) and (self.state == ALL or STATES[self.state](row))


CHOICES = (ALL, *DECISIONS, NOT_SCORED, FAILED)
STATES: Mapping[str, Callable[[Row], bool]] = {
    READ: lambda row: row.read,
    UNREAD: lambda row: not row.read,
    SECOND: lambda row: row.second,
}


@dataclass(frozen=True)
class Folder:
    """The photographs that are served, and how many were left out because they lead out of the folder."""

    items: tuple[Item, ...] = ()
    left_out: int = 0


def items_of(paths: Iterable[Path], roots: Sequence[Path]) -> Folder:
    """Items of files below `roots`, or roots themselves; a link that leads out of its root is left out."""
    files = {path: path.resolve() for path in paths}
    homes = [root.resolve() for root in roots]
    kept = [path for path, real in files.items() if path in roots or any(real.is_relative_to(home) for home in homes)]
    items = tuple(Item(_key(str(path)), shown_name(path), path) for path in kept)
    return Folder(items, len(files) - len(kept))


def upload_of(name: str, content: bytes, folder: Path) -> Item:
    """Keep an upload below `folder` under the hash of its content; its name is shown and nothing else.

    Raises:
        OutputError: it cannot be written.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    path, shown = folder / sha256, name.replace("\\", "/").rpartition("/")[2] or "upload"
    if not path.exists():
        try:
            with replacing(path) as partial:
                partial.write_bytes(content)
        except OutputError as error:
            raise OutputError(str(error).replace(str(path), shown)) from error
    return Item(_key(f"{sha256} {shown}"), shown, path, uploaded=True)


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Patients by their highest score, highest first, then by name; the eyes of a patient by name."""
    rows = list(rows)
    highest: dict[str, float] = {}
    for row in rows:
        highest[row.item.patient] = max(row.score, highest.get(row.item.patient, -1.0))
    return sorted(rows, key=lambda row: (-highest[row.item.patient], row.item.patient, row.item.name, row.item.key))


def second_readings(hashes: Iterable[str], share: float = SECOND_SHARE, seed: int = SECOND_SEED) -> frozenset[str]:
    """The drawn share of the negatives' hashes, rounded up; the draw depends on the hashes and the seed alone."""
    drawn = sorted(set(hashes), key=lambda sha256: _key(f"{seed} {sha256}"))
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


def neighbour(keys: Sequence[str], current: str | None, by: int) -> str | None:
    """The key `by` places further, or None beyond the ends; the first where the current one is not listed."""
    if current not in keys:
        return keys[0] if keys else None
    place = keys.index(current) + by
    return keys[place] if 0 <= place < len(keys) else None


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
