"""What commands need before they begin, from their options."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from retina_xai.app.batch.photographs import PhotographReader
    from retina_xai.explainers.explainer import Explainer
    from retina_xai.models.checkpoint import RdrClassifier
    from retina_xai.runner import Executor


KEPT = 2**25
"""Bytes of the largest freed block that is kept: the four games of a photograph need 26 MB for a layer."""


def classifier(weights: Path | None, device: str) -> "RdrClassifier":
    """The classifier of the weights, or of those of the package, on a device.

    The process keeps freed blocks of the size of a game's tensors from now on (see `models.throughput`), but none of
    the size of a large photograph.
    """
    from retina_xai.models.checkpoint import default_weights, load_classifier
    from retina_xai.models.device import device_named
    from retina_xai.models.throughput import keep_freed_memory

    keep_freed_memory(larger_batches=False, largest=KEPT)
    return load_classifier(weights or default_weights(), device_named(device))


def fundus_method(name: str, assignments: list[str] | None) -> "Explainer":
    """The method with its settings for fundus photographs and those of `--set`."""
    from retina_xai.app.cli.options import Given, configured
    from retina_xai.explainers.registry import fundus_explainer

    return configured(fundus_explainer(name), f"method {name}", Given({}, assignments or ()))


def executor(workers: int | None, scheduler: str | None) -> "Executor":
    """Where a batch is computed: in this process where neither option is given.

    Raises:
        UsageError: both options.
    """
    from functools import partial

    from retina_xai.errors import UsageError
    from retina_xai.runner import in_turn

    if workers is None and scheduler is None:
        return in_turn
    if workers is not None and scheduler is not None:
        raise UsageError("--workers with --scheduler: the scheduler has its own workers, leave one of them out")
    from retina_xai.app.cli.console import show_line
    from retina_xai.cluster.connections import own_workers, workers_of
    from retina_xai.cluster.executor import ClusterExecutor

    connect = partial(own_workers, workers) if workers is not None else partial(workers_of, str(scheduler))
    return ClusterExecutor(connect, show_line)


@contextmanager
def data_set(folder: Path, scheduler: str | None) -> "Iterator[Path]":
    """The folder of a data set; a temporary copy of one in an object store, because annotations are many small files.

    Raises:
        UsageError: workers of other machines would not have the copy.
    """
    from retina_xai.errors import UsageError
    from retina_xai.io.files import near_folder
    from retina_xai.io.stores import in_store

    if in_store(folder) and scheduler is not None:
        raise UsageError(
            f"{folder}: workers on other machines need a data set in a shared folder; copy it, or --workers"
        )
    with near_folder(folder) as copy:
        yield copy


def reader(frame: int | None, identified: bool) -> "PhotographReader":
    """How photographs are read and named."""
    from retina_xai.app.batch.photographs import PhotographReader

    return PhotographReader(frame, identified)
