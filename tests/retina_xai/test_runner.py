"""The runner: resumed runs equal uninterrupted ones, failures name their item, a full disk ends the run."""

import json
import os
import signal
import subprocess
import sys

import pytest
from helpers.batches import everything
from torch import OutOfMemoryError

from retina_xai.errors import BatchError, InputError, ModelError, OutputError, UsageError
from retina_xai.io.files import write_json
from retina_xai.runner import Codec, WorkItem, claim, key_of, run


def load(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


CODEC = Codec(load, write_json)


def items_in(folder, count=5):
    return [WorkItem(f"item {number}", number, folder / f"{number}.json") for number in range(count)]


def squared(number):
    return {"square": number**2, "third": number / 3, "undefined": float("nan")}


def raising(error, at=(2,)):
    def work(number):
        if number in at:
            raise error
        return squared(number)

    return work


def test_results_are_in_order_and_equal_the_records(tmp_path):
    seen = []
    outcome = run(items_in(tmp_path), squared, CODEC, seen.append)
    assert [item.name for item, _ in outcome.results] == [f"item {number}" for number in range(5)]
    assert outcome.results[3][1] == {"square": 9, "third": 1.0, "undefined": None}
    assert tuple(seen) == outcome.items
    assert len(outcome.seconds) == 5
    assert outcome.failures == []
    outcome.raise_failures()


def test_a_second_run_computes_nothing_and_returns_the_same(tmp_path):
    first, before = run(items_in(tmp_path), squared, CODEC), everything(tmp_path)
    second = run(items_in(tmp_path), raising(AssertionError(), range(5)), CODEC)
    assert (second.results, second.seconds) == (first.results, [])
    assert everything(tmp_path) == before


def test_items_with_damaged_or_outdated_records_are_processed_again(tmp_path):
    whole = run(items_in(tmp_path), squared, CODEC).results
    (tmp_path / "1.json").write_text('{"squ')
    write_json(tmp_path / "3.json", {"square": 16})
    fits = Codec(load, write_json, lambda item, kept: kept["square"] == item.source**2)
    outcome = run(items_in(tmp_path), squared, fits)
    assert [one.item.source for one in outcome.items if one.seconds is not None] == [1, 3]
    assert outcome.results == whole


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("a.png: is empty"), "a.png: is empty"),
        (ModelError("the model returned NaN"), "the model returned NaN"),
        (MemoryError(), "item 2: not enough memory for it; close other programs or scale it"),
        (OutOfMemoryError(), "item 2: not enough memory on the GPU for it; close other programs or use the CPU"),
        (PermissionError(13, "Permission denied"), "item 2: cannot be read or written (Permission denied); check the"),
        (ZeroDivisionError("oh"), "item 2: internal error (ZeroDivisionError: oh)"),
    ],
)
def test_a_failed_item_does_not_stop_the_others(tmp_path, error, line):
    outcome = run(items_in(tmp_path), raising(error), CODEC)
    ((item, failure),) = outcome.failures
    assert item.source == 2
    assert str(failure).startswith(line)
    assert [item.source for item, _ in outcome.results] == [0, 1, 3, 4]
    with pytest.raises(BatchError, match=r"^1 of 5 photographs failed \(item 2\); the others are done$"):
        outcome.raise_failures()
    assert [one.item.source for one in run(items_in(tmp_path), squared, CODEC).items if one.seconds] == [2]


def test_the_error_of_a_single_item_is_raised_and_a_long_list_of_names_is_shortened(tmp_path):
    with pytest.raises(ModelError, match="no network"):
        run(items_in(tmp_path, 1), raising(ModelError("no network"), [0]), CODEC).raise_failures()
    many = run(items_in(tmp_path, 8), raising(InputError("bad"), range(2, 8)), CODEC)
    with pytest.raises(
        BatchError, match=r"6 of 8 photographs failed \(item 2, item 3, item 4, item 5, item 6 \.\.\.\)"
    ):
        many.raise_failures()


def test_an_unexpected_error_keeps_its_cause_for_the_log(tmp_path, caplog):
    with caplog.at_level("DEBUG", "retina_xai.runner"):
        ((_, failure),) = run(items_in(tmp_path), raising(KeyError("k")), CODEC).failures
    assert failure.exit_code == 1
    assert isinstance(failure.__cause__, KeyError)
    assert "Traceback" in caplog.text
    assert "item 2" in caplog.text


@pytest.mark.parametrize(
    ("error", "raised", "line"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, None),
        (ModuleNotFoundError("No module named 'captum'"), ModuleNotFoundError, "No module named 'captum'"),
        (OutputError("out/2.png: cannot write"), OutputError, "out/2.png: cannot write"),
        (
            OSError(28, "No space left on device"),
            OutputError,
            "2.json: cannot write .No space left on device.; free so",
        ),
    ],
)
def test_an_interrupt_and_a_full_disk_end_the_run_and_earlier_records_are_kept(tmp_path, error, raised, line):
    seen = []
    with pytest.raises(raised, match=line):
        run(items_in(tmp_path), raising(error), CODEC, seen.append)
    assert [one.item.source for one in seen] == [0, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.json", "1.json"]


def test_a_full_disk_while_writing_a_record_ends_the_run(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OutputError, match=r"0\.json: cannot write \(No space left on device\); free some space"):
            run(items_in(tmp_path), squared, CODEC)
    assert list(tmp_path.iterdir()) == []
    assert len(run(items_in(tmp_path), squared, CODEC).seconds) == 5


def test_claim_saves_the_settings_and_refuses_others(tmp_path):
    with claim(tmp_path, {"a": 1, "b": (1, 2)}):
        pass
    with claim(tmp_path, {"a": 1, "b": [1, 2]}):
        pass
    other = claim(tmp_path, {"a": 2, "b": [1, 2], "c": 3})
    with pytest.raises(UsageError, match=r"made with other settings \(a, c\); choose another output folder"), other:
        pass
    for text in ("[", "[1]"):
        (tmp_path / "settings.json").write_text(text)
        with pytest.raises(InputError, match="not readable as settings"), claim(tmp_path, {"a": 1}):
            pass


def test_keys_depend_on_every_part():
    assert key_of(["a", "b"]) == "7e18f737311b2dc3"
    assert len({key_of(parts) for parts in (["a", "b"], ["a", "c"], ["b", "a"], ["a"], ["ab"])}) == 5
    assert len(key_of(["name \udcff of a file"])) == 16


KILLED = """
import os, signal, sys
from pathlib import Path
from retina_xai.io.files import replacing, write_json
from retina_xai.runner import Codec, claim, run
from test_runner_parts import items_in, load, squared

def save(path, made):
    if path.name != "3.json":
        return write_json(path, made)
    with replacing(path) as partial:
        partial.write_text('{"square"')
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
with claim(folder, {"a": 1}):
    run(items_in(folder / "records"), squared, Codec(load, save))
"""


def test_killed_in_the_middle_of_a_record_and_resumed_equals_an_uninterrupted_run(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with claim(whole, {"a": 1}):
        expected = run(items_in(whole / "records"), squared, CODEC)
    (tmp_path / "test_runner_parts.py").symlink_to(__file__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-c", KILLED, killed], env=environment, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    names = sorted(path.name for path in (killed / "records").iterdir())
    assert names[1:] == ["0.json", "1.json", "2.json"]
    assert names[0].startswith(".partial-"), "the half-written record, under no name that is read"
    with claim(killed, {"a": 1}):
        outcome = run(items_in(killed / "records"), squared, CODEC)
    assert [one.item.source for one in outcome.items if one.seconds is not None] == [3, 4]
    assert [result for _, result in outcome.results] == [result for _, result in expected.results]
    assert everything(killed) == everything(whole)
