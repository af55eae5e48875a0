"""Runs on a cluster: the same results as in this process, also where a worker dies; what ends a run."""

import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from threading import Lock
from time import sleep

import cloudpickle
import psutil
import pytest
from distributed import Client
from helpers.batches import everything
from helpers.clusters import in_this_process, no_main_file

from retina_xai.cluster import tasks
from retina_xai.cluster.connections import own_workers, workers_of
from retina_xai.cluster.executor import PER_THREAD, SPARE, ClusterExecutor
from retina_xai.errors import InputError, OutputError, ServerError, UsageError
from retina_xai.io.files import parse_json, write_json
from retina_xai.runner import Codec, WorkItem, claim, run

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def load(path):
    try:
        return parse_json(path.read_text())
    except (OSError, ValueError):
        return None


CODEC = Codec(load, write_json)


def items_in(folder, count=12):
    return [WorkItem(f"item {number}", number, folder / f"{number}.json") for number in range(count)]


def fifth(number):
    if number % 5 == 4:
        raise InputError(f"item {number}: is a fifth one")
    return {"square": number**2, "third": number / 3}


def dies(mark, always):
    """Work that kills its process at item 3, the first time or always."""

    def work(number):
        if number == 3 and (always or not mark.exists()):
            mark.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return fifth(number)

    return work


def full(number):
    if number == 3:
        raise OSError(28, "No space left on device")
    return fifth(number)


@pytest.fixture(scope="module")
def processes():
    """Two worker processes, as `--workers 2` starts them."""
    with no_main_file(), own_workers(2) as client:
        yield client


@pytest.fixture
def executor(processes):
    return ClusterExecutor(lambda: nullcontext(processes))


@pytest.fixture
def in_threads():
    """The address of a scheduler with two workers in threads of this process."""
    with in_this_process() as cluster:
        yield cluster.scheduler_address


def told(outcome):
    return [(one.item.name, one.result, str(one.error)) for one in outcome.items]


def test_results_and_failures_are_those_of_this_process(tmp_path, executor):
    here, there, seen = tmp_path / "here", tmp_path / "there", []
    expected = run(items_in(here), fifth, CODEC)
    outcome = run(items_in(there), fifth, CODEC, seen.append, executor)
    assert told(outcome) == told(expected)
    assert len(outcome.failures) == 2
    assert sorted(one.item.name for one in seen) == sorted(one.item.name for one in outcome.items)
    assert everything(there) == everything(here)
    (there / "5.json").unlink()
    again = run(items_in(there), fifth, CODEC, executor=executor)
    assert [one.item.source for one in again.items if one.seconds is not None] == [5]
    assert everything(there) == everything(here)


def test_a_full_disk_in_a_worker_ends_the_run(tmp_path, executor):
    with pytest.raises(OutputError, match=r"3\.json: cannot write \(No space left on device\); free some space"):
        run(items_in(tmp_path), full, CODEC, executor=executor)
    assert "3.json" not in {path.name for path in tmp_path.iterdir()}
    assert len(run(items_in(tmp_path), fifth, CODEC, executor=executor).results) == 10


def test_the_items_of_a_worker_that_dies_are_done_by_others(tmp_path, executor, processes):
    expected = run(items_in(tmp_path / "here"), fifth, CODEC)
    outcome = run(items_in(tmp_path / "there"), dies(tmp_path / "died", always=False), CODEC, executor=executor)
    assert (tmp_path / "died").exists()
    assert told(outcome) == told(expected)
    processes.wait_for_workers(2, timeout=60)


def test_an_item_that_kills_every_worker_is_a_failure(tmp_path, executor, processes, monkeypatch):
    # 3 of them take too long for a test; without any, what waits at the same worker is lost with it
    monkeypatch.setattr(processes.cluster.scheduler, "allowed_failures", 0)
    outcome = run(items_in(tmp_path / "out"), dies(tmp_path / "died", always=True), CODEC, executor=executor)
    failures = {item.source: str(error) for item, error in outcome.failures}
    assert failures.keys() >= {3, 4, 9}
    assert failures[3].startswith("item 3: 4 workers died while they processed it; process it alone with more memory")
    assert len(outcome.results) == 12 - len(failures) > 0


def test_few_items_wait_at_the_scheduler(tmp_path, in_threads, monkeypatch):
    taken, spans = 0, []

    def counted():
        nonlocal taken
        for item in items_in(tmp_path, 60):
            taken += 1
            yield item

    def on_item(outcome):
        spans.append(taken - len(spans))

    lines = []
    monkeypatch.setattr("retina_xai.cluster.executor.MAX_BATCH", 2)
    executor = ClusterExecutor(lambda: workers_of(in_threads), lines.append)
    assert len(run(counted(), fifth, CODEC, on_item, executor).items) == 60
    assert max(spans) <= 2 * (2 * PER_THREAD + SPARE + 1) < 60
    assert len(lines) == 1 and lines[0].startswith("2 workers, dashboard http://")


def test_tiny_items_are_sent_in_batches_and_slow_ones_are_not(tmp_path, in_threads, monkeypatch):
    sizes, kept = [], Client.submit

    def submit(self, function, *arguments, **options):
        if function is tasks.process:
            sizes.append(len(arguments[1]))
        return kept(self, function, *arguments, **options)

    def work(number):
        sleep(0.03 if number >= 200 else 0)
        return fifth(number)

    monkeypatch.setattr(tasks, "SECONDS", 0.05)
    monkeypatch.setattr("retina_xai.cluster.executor.SECONDS", 0.05)
    monkeypatch.setattr(Client, "submit", submit)
    executor = ClusterExecutor(lambda: workers_of(in_threads))
    outcome = run(items_in(tmp_path, 240), work, CODEC, executor=executor)
    assert [one.item.source for one in outcome.items] == list(range(240))
    assert sizes[0] == 1 and max(sizes) >= 4 and sizes[-1] <= 2
    assert len(everything(tmp_path)) == 240 * 4 // 5


def test_a_scheduler_that_is_lost_ends_the_run(tmp_path):
    with in_this_process() as cluster:
        executor = ClusterExecutor(lambda: workers_of(cluster.scheduler_address))
        with pytest.raises(ServerError, match="the scheduler of the cluster was lost; what is done is kept"):
            run(items_in(tmp_path, 60), fifth, CODEC, lambda outcome: cluster.close(), executor)


def test_a_run_without_workers_says_so_and_goes_on_when_one_comes(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr("retina_xai.cluster.executor.INTERVAL", 0.05)
    with in_this_process(0) as cluster:

        def announce(line):
            lines.append(line)
            if line.startswith("no worker is there"):
                cluster.scale(1)

        executor = ClusterExecutor(lambda: workers_of(cluster.scheduler_address), announce)
        outcome = run(items_in(tmp_path), fifth, CODEC, lambda one: sleep(0.02), executor)
    assert len(outcome.results) == 10
    assert lines[0].startswith("0 workers, dashboard ")
    address = cluster.scheduler_address
    assert lines[1] == f"no worker is there, waiting for one: dask worker {address} --nthreads 1"
    assert [line.partition(",")[0] for line in lines[2:]] in ([], ["1 worker"])


def test_no_scheduler_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("retina_xai.cluster.connections.CONNECT_SECONDS", 0.5)
    executor = ClusterExecutor(lambda: workers_of("tcp://127.0.0.1:9"))
    with pytest.raises(ServerError, match=r"^tcp://127.0.0.1:9: no Dask scheduler answers"):
        run(items_in(tmp_path), fifth, CODEC, executor=executor)


def test_work_that_cannot_be_sent_is_refused(tmp_path):
    executor, lock = ClusterExecutor(lambda: nullcontext(None)), Lock()
    with pytest.raises(UsageError, match="cannot be sent to workers .TypeError: .*; run it without --workers"):
        run(items_in(tmp_path), lambda number: lock, CODEC, executor=executor)


KILLED = """
import sys
from functools import partial
from pathlib import Path
from time import sleep
from retina_xai.cluster.connections import own_workers
from retina_xai.cluster.executor import ClusterExecutor
from retina_xai.io.files import write_json
from retina_xai.runner import Codec, WorkItem, claim, run

def work(number):
    sleep(0.2)
    return {"square": number**2}

folder = Path(sys.argv[1])
items = [WorkItem(f"item {number}", number, folder / f"{number}.json") for number in range(100)]
with claim(folder, {"a": 1}):
    codec = Codec(lambda path: {} if path.exists() else None, write_json)
    run(items, work, codec, executor=ClusterExecutor(partial(own_workers, 1)))
"""


def test_a_killed_run_leaves_no_workers_and_can_be_resumed(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run_of = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], env=environment)
    while len(list(tmp_path.glob("[0-9]*.json"))) < 3:
        assert run_of.poll() is None
        sleep(0.02)
    children = psutil.Process(run_of.pid).children(recursive=True)
    run_of.kill()
    run_of.wait()
    assert psutil.wait_procs(children, timeout=20)[1] == [], "workers end with the process that started them"
    done = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("[0-9]*.json")}
    with claim(tmp_path, {"a": 1}):
        outcome = run(items_in(tmp_path, 100), lambda number: {"square": number**2}, CODEC)
    assert [result["square"] for _, result in outcome.results] == [number**2 for number in range(100)]
    assert sum(one.seconds is None for one in outcome.items) == len(done)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in done} == done
    assert not list(tmp_path.glob(".partial-*"))
