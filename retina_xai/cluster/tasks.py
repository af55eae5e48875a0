"""What a worker of the cluster does: it unpacks the task of a run once, and calls it for one item after the other.

Workers see photographs and output folder under the same paths as the process that started the run, and have the same
versions of Python and of the packages that results depend on. A task computes with one thread, in the folder and with
the memory settings of the process that packed it, so that its results do not depend on the worker.
"""

import os
import pickle  # nosec B403
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any
from uuid import uuid4

import cv2
import torch
from distributed.protocol.pickle import cloudpickle

from retina_xai.errors import ServerError, UsageError
from retina_xai.io.versions import versions
from retina_xai.models.throughput import keep_freed_memory, keeps_freed_memory
from retina_xai.runner import ItemOutcome, Task, WorkItem

SECONDS = 0.5
"""After so long a worker reports what it has done."""


@dataclass(frozen=True)
class PackedTask:
    """A pickled `runner.Task` (with network and weights) and the process that packed it.

    token: names the task. folder: the current folder. keeps_memory: see `models.throughput.keep_freed_memory`.
    """

    token: str
    pickled: bytes
    folder: Path
    versions: Mapping[str, str]
    keeps_memory: bool


_one_at_a_time = Lock()
"""Networks are changed while they are used, so the threads of a worker take turns."""

_unpacked: dict[str, Task] = {}
"""The task of the current run by its token."""


def packed(task: Task) -> PackedTask:
    """The task, ready to be sent to workers.

    Raises:
        UsageError: it cannot be pickled.
    """
    try:
        pickled = cloudpickle.dumps(task)
    except Exception as error:  # the user's own network may raise anything
        raise UsageError(
            f"this job cannot be sent to workers ({type(error).__name__}: {error}); run it without --workers and "
            "--scheduler"
        ) from error
    return PackedTask(uuid4().hex, pickled, Path.cwd(), versions(), keeps_freed_memory())


def process(task: PackedTask, items: Sequence[WorkItem[Any]]) -> tuple[list[ItemOutcome[Any, Any]], float]:
    """The outcomes of the first of the items, in a worker, and the seconds: as many as are begun in `SECONDS`.

    Raises:
        UsageError: the worker has other versions, or lacks a module.
        ServerError: the worker lacks the folder.
        RetinaXaiError: an error that ends the run (see `runner`).
    """
    outcomes: list[ItemOutcome[Any, Any]] = []
    with _one_at_a_time, _in_folder(task.folder):
        call, begin = _task(task), monotonic()
        for item in items:
            outcomes.append(call(item))
            if monotonic() - begin >= SECONDS:
                break
        return outcomes, monotonic() - begin


def forget() -> None:
    """Release the memory of the task."""
    with _one_at_a_time:
        _unpacked.clear()


def _task(task: PackedTask) -> Task:
    if task.token not in _unpacked:
        _unpacked.clear()
        _check_versions(task)
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        # `dask worker` makes the C library return freed memory at once, which takes a fifth of the time.
        keep_freed_memory(larger_batches=task.keeps_memory)
        _unpacked[task.token] = _loaded(task)
    return _unpacked[task.token]


def _loaded(task: PackedTask) -> Task:
    folder = str(task.folder)
    if folder not in sys.path:
        sys.path.append(folder)  # the user's own network may be a module there
    try:
        loaded: Task = pickle.loads(task.pickled)  # nosec B301 (from the client of this scheduler)
    except Exception as error:
        raise UsageError(
            f"a worker on {_here()} cannot load the job ({type(error).__name__}: {error}); workers need the same "
            "packages and devices as this process"
        ) from error
    return loaded


def _check_versions(task: PackedTask) -> None:
    present = versions()
    if other := sorted(name for name, wanted in task.versions.items() if present.get(name) != wanted):
        found = ", ".join(f"{name} {present.get(name)}, expected {task.versions[name]}" for name in other)
        raise UsageError(f"a worker on {_here()} has other versions ({found}); install the same on all machines")


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    if not folder.is_dir():
        raise ServerError(
            f"a worker on {_here()} has no folder {folder}; workers need photographs and results under the same paths "
            "as this process"
        )
    if Path.cwd() == folder:
        yield
        return
    with chdir(folder):
        yield


def _here() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
