"""Resumable runs over many items, used by localize, predict, explain, experiments and lesion sensitivity.

    with claim(folder, settings):                    save the settings in the folder, or compare them; lock it
        outcome = run(items, work, codec, on_item)   process the items that have no record yet, and save their results

`work` maps an item's source to its result and must be deterministic. `codec` saves the result in the item's record
(atomic, with `io.files.replacing`) and loads it. Every result is saved immediately, so an interrupted run can be
resumed. `run` returns results loaded from the records, so a resumed run returns exactly the same as an uninterrupted
one. A record is valid for one content and one set of settings: either its file name contains their `key_of`, or
`Codec.fits` compares the content's hash and `claim` the settings.

If an item fails, the run continues; the error is one line that names the item. Errors that are not caused by an item
end the run: an interrupt by the user, a full disk or an unwritable folder (OutputError), a server
or an object store that is gone (ServerError), a missing package. Where the memory of the GPU does not suffice, the item
is tried again with half of the images at once, down to one.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import OutOfMemoryError

from retina_xai.errors import (
    BatchError,
    InputError,
    InternalError,
    ModelError,
    OutputError,
    RetinaXaiError,
    ServerError,
    UsageError,
)
from retina_xai.io.files import FULL, parse_json, remove_stale, write_json
from retina_xai.io.locks import only_process
from retina_xai.io.results import SETTINGS_FILE
from retina_xai.io.stores import store_error
from retina_xai.models.throughput import with_smaller_batches

MAX_NAMES = 5
"""Names of failed items that a message lists."""

NO_MEMORY = "DefaultCPUAllocator"
"""Part of the message of torch, which raises a plain RuntimeError where the memory of the CPU does not suffice."""

Source = TypeVar("Source")
Made = TypeVar("Made")
Kept = TypeVar("Kept")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkItem(Generic[Source]):
    """One item: its name for messages, the argument of `work`, and the record, whose existence means done."""

    name: str
    source: Source
    record: Path


@dataclass(frozen=True)
class Codec(Generic[Source, Made, Kept]):
    """Storage of results: `save` writes the result of `work`, the record last; `load` reads a record.

    load: returns None if the record is missing or damaged; the item is then processed again. fits: whether an existing
        record belongs to this item, for records whose name does not contain the content's hash; if False, the item is
        processed again. A RetinaXaiError raised by either is a failure of the item.
    """

    load: Callable[[Path], Kept | None]
    save: Callable[[Path, Made], None]
    fits: Callable[[WorkItem[Source], Kept], bool] = lambda item, kept: True


@dataclass(frozen=True)
class ItemOutcome(Generic[Source, Kept]):
    """An item with its result or its error; `seconds` is None if the result was loaded, not computed."""

    item: WorkItem[Source]
    result: Kept | None = None
    error: RetinaXaiError | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class RunOutcome(Generic[Source, Kept]):
    """The outcomes of all items, in order."""

    items: tuple[ItemOutcome[Source, Kept], ...]

    @property
    def results(self) -> list[tuple[WorkItem[Source], Kept]]:
        """The successful items with their results."""
        return [(one.item, one.result) for one in self.items if one.result is not None]

    @property
    def failures(self) -> list[tuple[WorkItem[Source], RetinaXaiError]]:
        """The items that failed, with their errors."""
        return [(one.item, one.error) for one in self.items if one.error is not None]

    @property
    def seconds(self) -> list[float]:
        """Durations of the items that were computed in this run."""
        return [one.seconds for one in self.items if one.seconds is not None]

    def raise_failures(self, what: str = "photographs") -> None:
        """Raise the error of the only item, or a BatchError if some of several items failed; `what` names them."""
        failures = self.failures
        if not failures:
            return
        if len(self.items) == 1:
            raise failures[0][1]
        names = ", ".join(item.name for item, _ in failures[:MAX_NAMES])
        names += " ..." if len(failures) > MAX_NAMES else ""
        raise BatchError(f"{len(failures)} of {len(self.items)} {what} failed ({names}); the others are done")


Task = Callable[[WorkItem[Any]], ItemOutcome[Any, Any]]
"""Loads or processes one item, and saves its record."""

Executor = Callable[[Task, Iterable[WorkItem[Any]]], Generator[tuple[int, ItemOutcome[Any, Any]], None, None]]
"""Calls a task for every item, and yields the item's number (from 0) and its outcome as soon as it is there, in any
order. An error that the task raises ends the run. Closing the generator ends the work.
"""


def in_turn(task: Task, items: Iterable[WorkItem[Any]]) -> Generator[tuple[int, ItemOutcome[Any, Any]], None, None]:
    """The default `Executor`: one item after the other, in this process."""
    yield from enumerate(map(task, items))


def run(
    items: Iterable[WorkItem[Source]],
    work: Callable[[Source], Made],
    codec: Codec[Source, Made, Kept],
    on_item: Callable[[ItemOutcome[Source, Kept]], None] = lambda outcome: None,
    executor: Executor = in_turn,
) -> RunOutcome[Source, Kept]:
    """Process all items that have no record yet; `on_item` is called after each item.

    Args:
        executor: where and in which order they are processed. What is not `in_turn` pickles `work` and `codec`.

    Raises:
        OutputError: a file cannot be written, or the disk is full; earlier records are kept.
    """
    found: dict[int, ItemOutcome[Source, Kept]] = {}
    with closing(executor(partial(_outcome, work, codec), items)) as outcomes:
        for number, outcome in outcomes:
            found[number] = outcome
            _report(on_item, outcome)
    return RunOutcome(tuple(found[number] for number in sorted(found)))


@contextmanager
def claim(folder: Path, settings: Mapping[str, Any]) -> Iterator[None]:
    """Write FOLDER/settings.json, or compare it with `settings`; keep other processes out during the `with` block.

    Partial files of killed runs are removed.

    Raises:
        UsageError: another process works in the folder, or it was made with other settings; the message names them.
        OutputError, InputError: the folder cannot be written, or its settings cannot be read.
    """
    with only_process(folder):
        _compare(folder / SETTINGS_FILE, settings)
        remove_stale(folder)
        try:
            yield
        finally:
            remove_stale(folder)  # a signal can come between the creation of a partial file and its protection


def _compare(path: Path, settings: Mapping[str, Any]) -> None:
    wanted = json.loads(json.dumps(settings))
    if path.exists():
        present = _settings(path)
        changed = sorted(key for key in wanted.keys() | present.keys() if present.get(key) != wanted.get(key))
        if changed:
            raise UsageError(
                f"{path}: this folder was made with other settings ({', '.join(changed)}); choose another output folder"
            )
    else:
        write_json(path, wanted)


def key_of(parts: Iterable[str]) -> str:
    """16 hexadecimal digits of the SHA-256 of texts (an item's content and settings), for the name of its record."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _outcome(
    work: Callable[[Source], Made], codec: Codec[Source, Made, Kept], item: WorkItem[Source]
) -> ItemOutcome[Source, Kept]:
    """Load or process one item. A module-level function, so that an executor can pickle it."""
    begin = time.perf_counter()
    try:
        kept = codec.load(item.record)
        if kept is not None and codec.fits(item, kept):
            return ItemOutcome(item, kept)
        codec.save(item.record, with_smaller_batches(partial(work, item.source)))
        if (kept := codec.load(item.record)) is None:
            raise OutputError(f"{item.record}: cannot be read after it was written; check the disk")
        return ItemOutcome(item, kept, seconds=time.perf_counter() - begin)
    except Exception as error:
        return ItemOutcome(item, error=_failure(item, error))


def _report(on_item: Callable[[ItemOutcome[Source, Kept]], None], outcome: ItemOutcome[Source, Kept]) -> None:
    """Call `on_item`. What it prints may fail, as for a name that the terminal cannot show; the run goes on."""
    try:
        on_item(outcome)
    except Exception as error:
        log.warning("%r: done, but it could not be reported (%s)", outcome.item.name, error)


def _failure(item: WorkItem[Any], error: Exception) -> RetinaXaiError:
    """The error as one line about the item; raises errors that are not caused by an item."""
    if isinstance(error, OutputError | ServerError | ImportError):
        raise error
    if (lost := store_error(error)) is not None:
        raise lost from error
    if isinstance(error, RetinaXaiError):
        return error
    if isinstance(error, OutOfMemoryError):
        return ModelError(f"{item.name}: not enough memory on the GPU for it; close other programs or use the CPU")
    if isinstance(error, MemoryError) or NO_MEMORY in str(error):
        return InputError(f"{item.name}: not enough memory for it; close other programs or scale it")
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        if error.errno in FULL:
            raise OutputError(f"{item.record}: cannot write ({reason}); free some space and run again") from error
        return InputError(f"{item.name}: cannot be read or written ({reason}); check the disk")
    log.debug("%s", item.name, exc_info=error)
    failure = InternalError(f"{item.name}: internal error ({type(error).__name__}: {error})")
    failure.__cause__ = error
    return failure


def _settings(path: Path) -> dict[str, Any]:
    try:
        present = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as settings; choose another output folder") from error
    if not isinstance(present, dict):
        raise InputError(f"{path}: not readable as settings; choose another output folder")
    return present
