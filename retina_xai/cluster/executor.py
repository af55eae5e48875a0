"""The `Executor` of `runner.run` that has items processed by the workers of a Dask cluster.

    with claim(folder, settings):
        outcome = run(items, work, codec, on_item, ClusterExecutor(own_workers(2)))

A task of Dask is one item, or a batch of tiny ones. So many tasks are at the scheduler at a time as keep all workers
busy, so that a run over millions of items needs no more memory there than a small one. The task of the run with its
network is sent to each worker once. Where a worker dies, Dask gives its batch to others, `RETRIES` times; then each of
its items alone, as often; then that item is a failure. Where no worker is left, the run says so and waits.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from threading import Event, Thread
from time import monotonic
from typing import Any

from distributed import Client, KilledWorker, as_completed

from retina_xai.cluster.tasks import SECONDS, PackedTask, forget, packed, process
from retina_xai.errors import InputError, ServerError
from retina_xai.runner import ItemOutcome, Task, WorkItem

RETRIES = 3
"""How often an item is given to another worker after its worker died."""

PER_THREAD, SPARE = 2, 8
"""Tasks at the scheduler: so many per thread of the cluster, and so many more."""

MAX_BATCH = 256
"""Items of a batch."""

INTERVAL = 5.0
"""Seconds until the workers are counted again; they come and go."""

NumberedItem = tuple[int, WorkItem[Any]]


def _silent(line: str) -> None:
    pass


@dataclass(frozen=True)
class ClusterExecutor:
    """An `Executor`; `connect` opens a client of the cluster for the run, `announce` takes one line about it.

    Raises:
        ServerError: the scheduler cannot be reached, or is lost.
        UsageError: the work cannot be pickled, or workers differ from this process (see `cluster.tasks`).
    """

    connect: Callable[[], AbstractContextManager[Client]]
    announce: Callable[[str], None] = _silent

    def __call__(
        self, task: Task, items: Iterable[WorkItem[Any]]
    ) -> Generator[tuple[int, ItemOutcome[Any, Any]], None, None]:
        """The outcomes in the order in which they are done."""
        parcel = packed(task)
        with self.connect() as client:
            self.announce(_described(client))
            with _absence_told(client, self.announce):
                yield from _outcomes(client, parcel, items)
            with suppress(Exception):  # what is done is done
                client.run(forget)


@contextmanager
def _absence_told(client: Client, announce: Callable[[str], None]) -> Iterator[None]:
    """Say during the `with` block when no worker is left, and when there are some again. The run waits meanwhile."""
    ended = Event()
    watch = Thread(target=_tell_of_absence, args=(client, announce, ended), daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()


def _tell_of_absence(client: Client, announce: Callable[[str], None], ended: Event) -> None:
    absent = False
    while not ended.wait(INTERVAL):
        try:
            workers = len(client.nthreads())
        except Exception:  # the scheduler is lost, which ends the run
            return
        if absent != (workers == 0):
            absent = not absent
            waiting = f"no worker is there, waiting for one: dask worker {client.scheduler.address} --nthreads 1"
            announce(waiting if absent else _described(client))


def _outcomes(
    client: Client, parcel: PackedTask, items: Iterable[WorkItem[Any]]
) -> Iterator[tuple[int, ItemOutcome[Any, Any]]]:
    batches = _Batches(client, parcel, enumerate(items))
    batches.refill()
    for future, result in batches.done:
        outcomes = batches.outcomes(future.key, future.status, result)
        batches.refill()
        yield from outcomes


class _Batches:
    """The batches of items at the scheduler: `done` yields their futures, `refill` adds more.

    The first batches are of one item. They grow as long as a worker needs less than half of `tasks.SECONDS` for one, so
    that tiny items, such as those with a record, cost little. What a worker did not get to is put into other batches.
    """

    def __init__(self, client: Client, parcel: PackedTask, items: Iterator[NumberedItem]) -> None:
        self._client, self._token, self._items = client, parcel.token, items
        self._job = client.submit(_same, parcel, key=f"task-{parcel.token}", pure=False)
        self._count, self._size, self._capacity = 0, 1, _Capacity(client)
        self._left: deque[NumberedItem] = deque()
        self._suspects: deque[NumberedItem] = deque()
        self._at_scheduler: dict[str, list[NumberedItem]] = {}
        self.done = as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def refill(self) -> None:
        """Submit batches until there are enough, or no items are left."""
        while len(self._at_scheduler) < self._capacity() and (batch := self._next()):
            key, self._count = f"items-{self._token}-{self._count}", self._count + 1
            self._at_scheduler[key] = batch
            items = [item for _, item in batch]
            self.done.add(self._client.submit(process, self._job, items, key=key, pure=False))

    def outcomes(self, key: str, status: str, result: Any) -> list[tuple[int, ItemOutcome[Any, Any]]]:
        """The outcomes of a batch that ended; raises what ends the run."""
        batch = self._at_scheduler.pop(key)
        if status == "finished":
            found, seconds = result
            if len(found) < len(batch):
                self._size = len(found)
            elif len(batch) == self._size and seconds < SECONDS / 2:
                self._size = min(2 * self._size, MAX_BATCH)
            self._left.extend(batch[len(found) :])
            return [(number, outcome) for (number, _), outcome in zip(batch, found, strict=False)]
        error = result[1] if isinstance(result, tuple) else result
        if isinstance(error, KilledWorker) and len(batch) > 1:
            self._suspects.extend(batch)
            return []
        if isinstance(error, KilledWorker):
            return [(number, ItemOutcome(item, error=_deadly(item))) for number, item in batch]
        if status == "cancelled" or isinstance(error, CancelledError):
            raise ServerError(
                "the scheduler of the cluster was lost; what is done is kept, run the same command again to go on"
            )
        raise error

    def _next(self) -> list[NumberedItem]:
        if self._suspects:
            return [self._suspects.popleft()]
        return list(islice(chain(iter(self._popped, None), self._items), self._size))

    def _popped(self) -> NumberedItem | None:
        return self._left.popleft() if self._left else None


def _deadly(item: WorkItem[Any]) -> InputError:
    return InputError(
        f"{item.name}: {RETRIES + 1} workers died while they processed it; process it alone with more memory, or leave "
        "it out"
    )


class _Capacity:
    """How many tasks may be at the scheduler."""

    def __init__(self, client: Client) -> None:
        self._client, self._due, self._count = client, 0.0, SPARE

    def __call__(self) -> int:
        if (now := monotonic()) >= self._due:
            self._due = now + INTERVAL
            self._count = PER_THREAD * sum(self._client.nthreads().values()) + SPARE
        return self._count


def _same(parcel: PackedTask) -> PackedTask:
    return parcel


def _described(client: Client) -> str:
    workers = len(client.nthreads())
    return f"{workers} worker{'' if workers == 1 else 's'}, dashboard {client.dashboard_link}"
