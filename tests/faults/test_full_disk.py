"""A full disk is one line, leaves nothing half-written under a final name, and the run goes on when there is space."""

import errno
import os
import resource
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from helpers.batches import commands, everything, graded_in
from helpers.command_line import one_line
from helpers.trainings import RESULTS, small_training

from retina_xai.errors import OutputError
from retina_xai.io import files
from retina_xai.models.checkpoint import load_classifier, save_weights
from retina_xai.training.data import cache as photographs_cache
from retina_xai.training.fit import train
from retina_xai.training.state import AtomicCheckpoints


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return graded_in(tmp_path, monkeypatch)


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a file system of so many kilobytes."""
    mounted = []

    def mount(kilobytes):
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        line = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
        if subprocess.run(line, capture_output=True, check=False).returncode:
            pytest.skip("a small file system cannot be mounted here; needs root")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def files_of_at_most(count):
    """No file can become longer than so many bytes, as on a full disk, but with another error number."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@contextmanager
def full_after(count):
    """The disk is full from the given write on."""
    kept, writes = os.fsync, 0

    def fsync(handle):
        nonlocal writes
        writes += 1
        if writes > count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        kept(handle)

    os.fsync = fsync
    try:
        yield
    finally:
        os.fsync = kept


def left_over(folder):
    return [path.name for path in folder.rglob(".*")]


@pytest.mark.parametrize(
    ("name", "writes"),
    [
        *(("localize", writes) for writes in (0, 1, 3, 9)),
        *((name, 1) for name in ("predict", "explain", "experiment")),
        pytest.param("evaluate grades", 4, marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_ends_a_batch_with_one_line_and_it_resumes(folder, weights, call, tmp_path, name, writes):
    arguments = commands(folder, weights, tmp_path / "out")[name]
    with full_after(writes):
        code, out, err = call(*arguments)
    assert code == 3
    assert "cannot write (No space left on device); free some space and run again" in one_line(err)
    assert "failed" not in out, "no photograph is blamed"
    assert not left_over(tmp_path)
    assert call(*arguments)[::2] == (0, "")
    whole = commands(folder, weights, tmp_path / "whole")[name]
    assert call(*whole)[0] == 0
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


@pytest.mark.parametrize("name", ["localize", "predict", "explain"])
def test_a_small_disk_ends_a_batch_with_one_line_and_it_resumes(folder, weights, call, small_disk, name):
    disk = small_disk(256)
    arguments = commands(folder, weights, disk / "out")[name]
    (disk / "fill").write_bytes(b"x" * (256 - 12) * 1024)
    code, out, err = call(*arguments)
    assert code == 3
    assert "(No space left on device); free some space and run again" in one_line(err)
    assert "failed" not in out
    assert not left_over(disk)
    (disk / "fill").unlink()
    assert call(*arguments)[::2] == (0, "")


def save_checkpoint(path):
    AtomicCheckpoints().save_checkpoint({"callbacks": torch.zeros(100_000)}, path)


def save_prepared(path):
    photographs_cache._save(path, np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8))


FULL = "cannot write (No space left on device); free some space and run again"
WRITERS = {
    "checkpoint": lambda path, net: save_checkpoint(path),
    "weights": lambda path, net: save_weights(path, net.model, net.facts),
    "prepared photograph": lambda path, net: save_prepared(path),
    "table": lambda path, net: files.write_csv(path, ["a"], [("x" * 100,)] * 5000),
    "record": lambda path, net: files.write_json(path, list(range(100_000))),
}


@pytest.mark.parametrize("what", WRITERS)
def test_every_kind_of_file_says_that_the_disk_is_full(small_disk, weights, what):
    disk, net = small_disk(32), load_classifier(weights)
    with pytest.raises(OutputError) as caught:
        WRITERS[what](disk / "file", net)
    assert str(caught.value) == f"{disk / 'file'}: {FULL}"
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize("what", WRITERS)
def test_every_kind_of_file_says_that_it_cannot_be_written(tmp_path, weights, what):
    net = load_classifier(weights)
    with files_of_at_most(8192), pytest.raises(OutputError) as caught:
        WRITERS[what](tmp_path / "file", net)
    assert str(caught.value) == f"{tmp_path / 'file'}: cannot write (File too large); choose another place"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def finished_training(graded, tmp_path_factory):
    """The folder of a training, and how many files it wrote: photographs, state, and at the end four results."""
    out, kept, writes = tmp_path_factory.mktemp("finished") / "out", os.fsync, []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.fsync", lambda handle: writes.append(kept(handle)))
        train(graded, out, small_training(), progress=False)
    return out, len(writes)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [1, 5, 7, 20])
def test_a_training_on_a_full_disk_is_one_line_and_resumes_exactly(graded, tmp_path, finished_training, missing):
    """The disk is full for the last `missing` files: a result, the weights, the checkpoint, a photograph."""
    out, (whole, writes) = tmp_path / "out", finished_training
    with full_after(writes - missing), pytest.raises(OutputError) as caught:
        train(graded, out, small_training(), progress=False)
    assert str(caught.value).endswith(FULL)
    assert not left_over(out)
    assert not (out / "metrics.json").exists()
    train(graded, out, small_training(), resume=True, progress=False)
    for name in RESULTS:
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
