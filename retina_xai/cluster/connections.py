"""Clients of a Dask cluster: of worker processes on this machine, or of a scheduler that runs already."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
import torch
from distributed import Client, Nanny, Scheduler, SpecCluster, Worker, WorkerPlugin
from distributed.security import Security
from distributed.system import MEMORY_LIMIT

from retina_xai.cluster.executor import RETRIES
from retina_xai.errors import ServerError

LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 20
VISIBLE = "CUDA_VISIBLE_DEVICES"

SETTINGS: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": RETRIES,
    # A task waits at the scheduler, not at a worker, so that no item is blamed for the death of its neighbour's worker.
    "distributed.scheduler.worker-saturation": 1.0,
    # Freed memory is kept (`models.throughput`), which must not pause a worker. One that needs too much is restarted.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.large-graph-warning-threshold": "10GiB",
}
log = logging.getLogger(__name__)


@contextmanager
def own_workers(count: int = 0) -> Iterator[Client]:
    """Start a scheduler and `count` worker processes on this machine for the `with` block; 0: one per GPU, or per core.

    Each worker has one thread, an equal part of the memory, and one of the GPUs where there are some. All listen on the
    loopback interface only, with certificates of their own: nobody else can send them work.
    """
    count = count or len(_gpus()) or len(os.sched_getaffinity(0))
    security = Security.temporary()
    shared = {"host": LOOPBACK, "protocol": "tls://", "security": security}
    per_worker = {**shared, "nthreads": 1, "memory_limit": int(MEMORY_LIMIT / count), "dashboard": False}
    workers = {
        number: {"cls": Nanny, "options": {**per_worker, "silence_logs": logging.CRITICAL, "env": _gpu_of(number)}}
        for number in range(count)
    }
    scheduler = {"cls": Scheduler, "options": {**shared, "dashboard_address": f"{LOOPBACK}:0"}}
    with (
        dask.config.set(SETTINGS),
        SpecCluster(workers, scheduler, security=security, silence_logs=logging.CRITICAL) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.register_plugin(_NoInterrupts())
        yield client


class _NoInterrupts(WorkerPlugin):  # type: ignore[misc]
    """Ctrl-C reaches the workers, too; the process that started them ends them."""

    name = "retina-xai-no-interrupts"

    def setup(self, worker: Worker) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def workers_of(address: str) -> Iterator[Client]:
    """Connect to a scheduler, such as tcp://10.0.0.1:8786, for the `with` block.

    Raises:
        ServerError: no scheduler answers there.
    """
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ServerError(
            f"{address}: no Dask scheduler answers ({error}); start one with `dask scheduler`, or check the address"
        ) from error
    with client:
        if not client.nthreads():
            log.warning("%s has no workers yet; start some with: dask worker %s --nthreads 1", address, address)
        yield client


def _gpus() -> list[str]:
    """What `CUDA_VISIBLE_DEVICES` calls the GPUs of this process."""
    if given := os.environ.get(VISIBLE):
        return given.split(",")
    return [str(number) for number in range(torch.cuda.device_count())]


def _gpu_of(number: int) -> dict[str, str]:
    gpus = _gpus()
    return {VISIBLE: gpus[number % len(gpus)]} if gpus else {}
