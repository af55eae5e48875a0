"""Photographs as items of a run: the names of their results, and one line for the screen after each."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from retina_xai.errors import InputError
from retina_xai.io.files import sha256_of
from retina_xai.runner import SETTINGS_FILE, ItemOutcome, WorkItem

RESULT_ENDINGS = ("_evidence", "_overlay", "_heatmap", "_mask", "_complement", "_explanation", "_panel")
LONGEST_STEM = 255 - max(len(f"{ending}.png") for ending in RESULT_ENDINGS)
"""In bytes: common file systems take names of at most 255."""

OnDone = Callable[[str, str], None]
"""Called after each item with its name and what became of it, in one line."""

Kept = TypeVar("Kept")


def work_items(paths: Sequence[Path], out: Path) -> list[WorkItem[Path]]:
    """One item per photograph, whose record is OUT/<stem>.json.

    The stem is the photograph's own where no other photograph has it and it fits into a file name. Otherwise it is cut
    as far as needed and followed by the first digits of the content's hash.
    """
    counts = Counter(path.stem for path in paths)
    stems = (path.stem if counts[path.stem] == 1 and _fits(path.stem) else _marked(path) for path in paths)
    return [WorkItem(path.name, path, out / f"{stem}.json") for path, stem in zip(paths, stems, strict=True)]


def check_own(item: WorkItem[Path], sha256: str) -> bool:
    """True where a record's hash is that of the item's photograph.

    Raises:
        InputError: the record is of another photograph.
    """
    if sha256 != _digest(item.source):
        raise InputError(
            f"{item.source}: {item.record} is the result of another photograph; choose another output folder"
        )
    return True


def without_results(paths: Sequence[Path], out: Path) -> list[Path]:
    """`paths` without the pictures that an earlier run left in OUT, where OUT lies among the photographs."""
    if not (out / SETTINGS_FILE).exists():
        return list(paths)
    home = out.resolve()
    return [path for path in paths if not (path.stem.endswith(RESULT_ENDINGS) and path.parent.resolve() == home)]


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


def _fits(stem: str) -> bool:
    return f"{stem}.json" != SETTINGS_FILE and len(os.fsencode(stem)) <= LONGEST_STEM


def _marked(path: Path) -> str:
    mark = f"-{_digest(path)[:8]}"
    return os.fsencode(path.stem)[: LONGEST_STEM - len(mark)].decode(errors="ignore") + mark


def _digest(path: Path) -> str:
    """SHA-256 of the content; empty where it cannot be read, which reading it will report."""
    try:
        return sha256_of(path)
    except OSError:
        return ""
