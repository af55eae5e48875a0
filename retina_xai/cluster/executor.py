"""The `Executor` of `runner.run` that has items processed by the workers of a Dask cluster.

    with claim(folder, settings):
        outcome = run(items, work, codec, on_item, ClusterExecutor(own_workers(2)))

Each item is one task of Dask. So many tasks are at the scheduler at a time as keep all workers busy, so that a run over
millions of items needs no more memory there than a small one. The task of the run with its network is sent to each
worker once. Where a worker dies, Dask gives its items to others, `RETRIES` times; then they are failures.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Any

from distributed import Client, KilledWorker, as_completed

from retina_xai.cluster.tasks import PackedTask, forget, packed, process
from retina_xai.errors import InputError, ServerError
from retina_xai.runner import ItemOutcome, Task, WorkItem

RETRIES = 3
"""How often an item is given to another worker after its worker died."""

PER_THREAD, SPARE = 2, 8
"""Tasks at the scheduler: so many per thread of the cluster, and so many more."""

INTERVAL = 5.0
"""Seconds until the number of workers is asked for again; workers come and go."""


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
            yield from _outcomes(client, parcel, items)
            with suppress(Exception):  # what is done is done
                client.run(forget)


def _outcomes(
    client: Client, parcel: PackedTask, items: Iterable[WorkItem[Any]]
) -> Iterator[tuple[int, ItemOutcome[Any, Any]]]:
    job = client.submit(_same, parcel, key=f"task-{parcel.token}", pure=False)
    capacity, waiting = _Capacity(client), enumerate(items)
    under_way: dict[str, tuple[int, WorkItem[Any]]] = {}
    done = as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def refill() -> None:
        for number, item in islice(waiting, max(0, capacity() - len(under_way))):
            future = client.submit(process, job, item, key=f"item-{parcel.token}-{number}", pure=False)
            under_way[future.key] = number, item
            done.add(future)

    refill()
    for future, result in done:
        number, item = under_way.pop(future.key)
        refill()
        yield number, _outcome_of(item, future.status, result)


def _outcome_of(item: WorkItem[Any], status: str, result: Any) -> ItemOutcome[Any, Any]:
    """The outcome of an item; raises what ends the run."""
    if status == "finished":
        outcome: ItemOutcome[Any, Any] = result
        return outcome
    error = result[1] if isinstance(result, tuple) else result
    if isinstance(error, KilledWorker):
        return ItemOutcome(
            item,
            error=InputError(
                f"{item.name}: {RETRIES + 1} workers died while they processed it; process it alone with more memory, "
                "or leave it out"
            ),
        )
    if status == "cancelled" or isinstance(error, CancelledError):
        raise ServerError(
            "the scheduler of the cluster was lost; what is done is kept, run the same command again to go on"
        )
    raise error


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
