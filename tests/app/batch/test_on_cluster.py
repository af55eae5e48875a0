"""Every batch command on the workers of a cluster writes what it writes in its own process."""

import pytest
from helpers.batches import SIZE, commands, everything, graded_in, phantoms_in
from helpers.clusters import in_this_process
from helpers.command_line import one_line

from retina_xai.io.images import write_png
from retina_xai.training.phantoms.phantom import make_phantom


@pytest.fixture(scope="module")
def address():
    """A scheduler with two workers."""
    with in_this_process() as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photographs in folders named by grade."""
    return graded_in(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["localize", "explain", "experiment", "evaluate"])
def test_a_cluster_writes_the_same_files(folder, weights, call, tmp_path, address, name):
    if name == "evaluate":
        phantoms_in(folder / "images", ("a", "b"))
        write_png(folder / "EX" / "a.png", make_phantom(0, *SIZE).pixels)
    else:
        (folder / "0" / "bad.png").write_bytes(b"no photograph")
    here, there = tmp_path / "here", tmp_path / "there"
    code, _, err = call(*commands(folder, weights, here)[name])
    assert code == (0 if name == "evaluate" else 5), err
    line = (*commands(folder, weights, there)[name], "--scheduler", address)
    code_there, out, err_there = call(*line)
    assert (code_there, err_there) == (code, err)
    assert "2 workers, dashboard http://127.0.0.1:" in out
    assert everything(there) == everything(here)
    if name == "localize":
        assert call(*line)[1].count("done before") == 3
        assert everything(there) == everything(here)


def test_both_options_are_refused(folder, weights, call, tmp_path):
    line = commands(folder, weights, tmp_path / "out")["localize"]
    code, _, err = call(*line, "--scheduler", "tcp://127.0.0.1:9", "--workers", 2)
    assert code == 2
    assert "--workers with --scheduler" in one_line(err)
    assert not (tmp_path / "out").exists()
