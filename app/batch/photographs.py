"""Photographs as items of a run: how they are read, the names of their results, and one line for the screen after each.

A DICOM file is named by a pseudonym everywhere, because its file name and its folders may name the patient, unless the
user asks for identified results.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from retina_xai.errors import InputError
from retina_xai.io.files import sha256_of
from retina_xai.io.images import Photograph, public_name, read_image
from retina_xai.io.names import shown_name, shown_path
from retina_xai.io.results import ENDINGS, SETTINGS_FILE, photograph_of
from retina_xai.io.stores import each, files_in
from retina_xai.runner import ItemOutcome, WorkItem

LONGEST_STEM = 255 - max(len(f"{ending}.png") for ending in ENDINGS)
"""In bytes: common file systems take names of at most 255."""

HASH_DIGITS = 8
MARKED = re.compile(rf"(.*)-[0-9a-f]{{{HASH_DIGITS}}}\.json", re.DOTALL)

OnDone = Callable[[str, str], None]
"""Called after each item with its name and what became of it, in one line."""

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class PhotographReader:
    """How a command reads and names photographs.

    frame: of files with several, from 0. identified: name DICOM files by their file names, and patients by their
    numbers.
    """

    frame: int | None = None
    identified: bool = False

    def read(self, path: Path) -> Photograph:
        """Read a photograph.

        Raises:
            InputError: it cannot be read; a DICOM file is named by its pseudonym.
        """
        try:
            return read_image(path, self.frame, identified=self.identified)
        except InputError as error:
            if (name := self.name(path)) == shown_name(path):
                raise
            raise InputError(str(error).replace(str(path), name)) from None

    def name(self, path: Path) -> str:
        """The name of a photograph for screens and results, without folders."""
        return shown_name(path) if self.identified else public_name(path)

    def place(self, path: Path) -> str:
        """The path of a photograph, or the pseudonym of a DICOM file."""
        name = self.name(path)
        return shown_path(path) if name == shown_name(path) else name

    def facts(self) -> dict[str, Any]:
        """What differs from the defaults, for the settings of a run."""
        chosen = {} if self.frame is None else {"frame": self.frame}
        return {**chosen, "identified": True} if self.identified else chosen


READER = PhotographReader()
"""The reader by default."""


def work_items(paths: Sequence[Path], out: Path, reader: PhotographReader = READER) -> list[WorkItem[Path]]:
    """One item per photograph, with the record OUT/<stem>.json.

    The stem is the photograph's own where no other photograph of the batch has it and it fits into a file name.
    Otherwise it is cut as far as needed and followed by the first digits of the content's hash. A photograph that has a
    record in OUT under either name keeps it, whatever the other photographs of the batch are.
    """
    named = list(zip(paths, each(reader.name, paths), strict=True))
    stems = [path.stem if name == shown_name(path) else name for path, name in named]
    counts, present = Counter(stems), _Present.of(out)
    return [
        WorkItem(name, path, present.record(path, stem, counts[stem] == 1))
        for (path, name), stem in zip(named, stems, strict=True)
    ]


def check_own(item: WorkItem[Path], sha256: str) -> bool:
    """True where a record's hash is that of the item's photograph.

    Raises:
        InputError: the record is of another photograph.
        OSError: the photograph cannot be read.
    """
    if sha256 != sha256_of(item.source):
        name = item.source if item.name == shown_name(item.source) else item.name
        raise InputError(f"{name}: {item.record} is the result of another photograph; choose another output folder")
    return True


def reporter(on_done: OnDone, line: Callable[[Kept, float], str]) -> Callable[[ItemOutcome[Any, Kept]], None]:
    """A function for `runner.run` that calls `on_done` after each item.

    It says `line` of a new result and its seconds, "done before", or what failed.
    """

    def on_item(outcome: ItemOutcome[Any, Kept]) -> None:
        if outcome.result is None:
            on_done(outcome.item.name, f"failed: {outcome.error}")
        elif outcome.seconds is None:
            on_done(outcome.item.name, "done before")
        else:
            on_done(outcome.item.name, line(outcome.result, outcome.seconds))

    return on_item


@dataclass(frozen=True)
class _Present:
    """The records in an output folder: their names, and the stems of those whose name carries a hash."""

    out: Path
    names: frozenset[str]
    bases: frozenset[str]

    @classmethod
    def of(cls, out: Path) -> "_Present":
        names = frozenset(path.name for path in files_in(out, "*.json"))
        return cls(out, names, frozenset(match[1] for name in names if (match := MARKED.fullmatch(name))))

    def record(self, path: Path, stem: str, unique: bool) -> Path:
        """The record of a photograph; `unique` if no other one of the batch has its stem."""
        base = os.fsencode(stem)[: LONGEST_STEM - HASH_DIGITS - 1].decode(errors="ignore")
        plain = self.out / f"{stem}.json"
        fits = len(os.fsencode(stem)) <= LONGEST_STEM and plain.name != SETTINGS_FILE
        if fits and unique and base not in self.bases:
            return plain
        digest = _digest(path)
        marked = self.out / f"{base}-{digest[:HASH_DIGITS]}.json"
        if not fits or marked.name in self.names:
            return marked
        return plain if unique or (plain.name in self.names and photograph_of(plain) == digest) else marked


def _digest(path: Path) -> str:
    """SHA-256 of the content; empty where it cannot be read, which reading it will report."""
    try:
        return sha256_of(path)
    except OSError:
        return ""
