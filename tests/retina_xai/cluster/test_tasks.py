"""What a worker does with a packed task: it loads it once, and refuses what would give other results."""

from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
from helpers.clusters import few_threads

from retina_xai.cluster import tasks
from retina_xai.errors import ServerError, UsageError
from retina_xai.io.versions import versions
from retina_xai.models import throughput
from retina_xai.runner import ItemOutcome, WorkItem

ITEM = WorkItem("item", 3, Path("3.json"))


class Weights:
    """Counts how often it is read."""

    read = 0

    def __reduce__(self):
        return reading, ()


def reading():
    Weights.read += 1
    return Weights()


@pytest.fixture(autouse=True)
def one_thread():
    with few_threads():
        yield
    tasks.forget()


def task_of(answer):
    weights = Weights()

    def task(item):
        return ItemOutcome(item, (type(weights).__name__, answer()))

    return tasks.packed(task)


def test_the_weights_are_read_once():
    first, second, before = task_of(lambda: 1), task_of(lambda: 2), Weights.read
    assert [tasks.process(first, [ITEM])[0][0].result for _ in range(3)] == [("Weights", 1)] * 3
    assert Weights.read == before + 1
    assert tasks.process(second, [ITEM])[0][0].result == ("Weights", 2)
    assert Weights.read == before + 2


def test_a_task_computes_in_the_folder_of_its_owner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = task_of(lambda: str(Path.cwd()))
    monkeypatch.chdir("/")
    assert tasks.process(here, [ITEM])[0][0].result[1] == str(tmp_path)
    assert Path.cwd() == Path("/")
    tmp_path.rmdir()
    with pytest.raises(ServerError, match="has no folder .*; workers need photographs and results under the same path"):
        tasks.process(here, [ITEM])


@pytest.mark.parametrize("keeps", [True, False])
def test_a_task_computes_with_the_batches_of_its_owner(monkeypatch, keeps):
    monkeypatch.setitem(throughput._process, "keeps freed memory", keeps)
    kept = task_of(throughput.keeps_freed_memory)
    monkeypatch.setitem(throughput._process, "keeps freed memory", not keeps)
    assert tasks.process(kept, [ITEM])[0][0].result[1] is keeps


def test_a_worker_of_other_versions_is_refused():
    other = replace(task_of(lambda: 1), versions={**versions(), "torch": "1.0"})
    with pytest.raises(UsageError, match=r"has other versions \(torch .*, expected 1\.0\); install the same on all"):
        tasks.process(other, [ITEM])


def test_a_task_that_cannot_be_loaded_says_what_is_missing():
    broken = replace(task_of(lambda: 1), pickled=b"cno_such_module\nThing\n.")
    with pytest.raises(UsageError, match=r"cannot load the job \(ModuleNotFoundError: No module named 'no_such_modul"):
        tasks.process(broken, [ITEM])


def test_a_worker_reports_after_a_while(monkeypatch):
    waiting = task_of(lambda: sleep(0.05))
    assert len(tasks.process(waiting, [ITEM] * 3)[0]) == 3
    monkeypatch.setattr(tasks, "SECONDS", 0.07)
    outcomes, seconds = tasks.process(waiting, [ITEM] * 9)
    assert len(outcomes) == 2
    assert 0.1 <= seconds < 0.5
