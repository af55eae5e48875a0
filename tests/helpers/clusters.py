"""Dask clusters for tests: workers in threads of this process, which start at once."""

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch
from distributed import LocalCluster


@contextmanager
def few_threads() -> Iterator[None]:
    """A worker of this process computes with one thread; restored at the end."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@contextmanager
def no_main_file() -> Iterator[None]:
    """Processes that are spawned import no main file. The tests of pages leave the one of a page behind."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def in_this_process(workers: int = 2) -> Iterator[LocalCluster]:
    """A cluster whose workers are threads of this process."""
    place = {"host": "127.0.0.1", "protocol": "tcp", "dashboard_address": "127.0.0.1:0"}
    with few_threads(), LocalCluster(n_workers=workers, threads_per_worker=1, processes=False, **place) as cluster:
        yield cluster
