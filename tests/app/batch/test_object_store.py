"""Batches from and to an object store: the same files as on a disk, and one line for each of its faults."""

import errno
from io import BytesIO
from pathlib import Path

import pyarrow.parquet
import pytest
from helpers.batches import MANIFEST_FILE, SIZE, commands, everything, graded_in, phantoms_in
from helpers.clusters import in_this_process
from helpers.command_line import one_line
from helpers.object_store import BUCKET, environment, forget_clients, small_store

from retina_xai.errors import InputError, ServerError
from retina_xai.io import leases, stores
from retina_xai.io.files import near, near_folder
from retina_xai.io.images import find_images, read_image, write_png
from retina_xai.io.stores import as_path
from retina_xai.runner import claim
from retina_xai.training.phantoms.phantom import make_phantom


@pytest.fixture(scope="module")
def store():
    with small_store() as made:
        yield made


@pytest.fixture(autouse=True)
def told(store, monkeypatch):
    """The environment names the store, and no client of another one is remembered."""
    for name, value in environment(store).items():
        monkeypatch.setenv(name, value)
    forget_clients()
    yield
    forget_clients()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photographs in folders named by grade."""
    return graded_in(tmp_path, monkeypatch)


def in_the_store(line, folder, out, prefix):
    """A command with places in the store instead of folders."""
    places = {str(folder): f"s3://{BUCKET}/{prefix}/data", str(out): f"s3://{BUCKET}/{prefix}/out"}
    texts = list(map(str, line))
    for path, place in places.items():
        texts = [text.replace(path, place) for text in texts]
    return texts


def manifest(file):
    return pyarrow.parquet.read_table(file).drop_columns(["seconds"]).to_pylist()


@pytest.mark.parametrize("name", ["predict", "explain", "experiment", "evaluate", "evaluate grades"])
def test_a_store_gets_the_same_files(store, folder, weights, call, tmp_path, name):
    if name == "evaluate":
        phantoms_in(folder / "images", ("a", "b"))
        write_png(folder / "EX" / "a.png", make_phantom(0, *SIZE).pixels)
    prefix, out = name.replace(" ", "-"), tmp_path / "out"
    store.upload(folder, f"{prefix}/data")
    line = commands(folder, weights, out)[name]
    there = in_the_store(line, folder, out, prefix)
    code, _, err = call(*line)
    assert call(*there)[0::2] == (code, err) == (0, "")
    if name == "predict":
        made = {path: text.decode() for path, text in store.everything("predict/out").items()}
        scores = {path: text.replace("s3://archive/predict/data", str(folder)) for path, text in made.items()}
        assert scores == {path: text.decode() for path, text in everything(out).items()}
        return
    assert store.everything(f"{prefix}/out") == everything(out)


def test_localize_on_workers_goes_on_where_it_was_stopped(store, folder, weights, call, tmp_path):
    (folder / "0" / "bad.png").write_bytes(b"no photograph")
    store.upload(folder, "workers/data")
    out = tmp_path / "out"
    line = commands(folder, weights, out)["localize"]
    there = in_the_store(line, folder, out, "workers")
    assert call(*line)[0] == 5
    with in_this_process() as cluster:
        first = (*there, "--scheduler", cluster.scheduler_address)
        code, said, err = call(*first)
        assert code == 5 and "1 of 4 photographs failed (bad.png)" in one_line(err)
        assert "s3://archive/workers/data/0/bad.png: is text, not an image" in said
        assert store.everything("workers/out") == everything(out)
        store.files.rm(f"{BUCKET}/workers/out/a.json")
        said = call(*first)[1]
    assert said.count("done before") == 2
    assert store.everything("workers/out") == everything(out)
    name = f"{BUCKET}/workers/out/{MANIFEST_FILE}"
    local, remote = manifest(out / MANIFEST_FILE), manifest(BytesIO(store.files.cat_file(name)))
    for row in (*local, *remote):
        row["error"] = (row["error"] or "").replace("s3://archive/workers/data", str(folder))
    assert remote == local
    assert "another output folder" in one_line(call(*there, "--method", "fgvis")[2])


FAULTS = {
    "no bucket to read": ("s3://nowhere/data", "s3://archive/x", 3, "s3://nowhere/data: no such file or folder"),
    "no bucket to write": ("s3://archive/faults/0/a.png", "s3://nowhere/x", 3, "s3://nowhere/x: cannot write here"),
    "nothing there": ("s3://archive/nothing", "s3://archive/x", 3, "s3://archive/nothing: no such file or folder"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_missing_is_one_line(store, folder, weights, call, name):
    store.upload(folder, "faults")
    read, write, code, said = FAULTS[name]
    found = call("localize", read, "--out", write, "--weights", weights, "--method", "saliency")
    assert found[0] == code
    assert said in one_line(found[2])


def test_an_address_of_another_kind_is_refused(call, folder):
    for place in ("ftp://host/data", "s3://"):
        code, _, err = call("localize", place, "--out", "out")
        assert code == 2
        assert f"{place}: expected a path, or s3://bucket/prefix" in " ".join(err.replace("│", " ").split())
    code, _, err = call("localize", folder, "--out", "out", "--weights", "s3://archive/rdr.safetensors")
    assert code == 4


def test_a_store_that_is_gone_ends_the_run_and_the_next_goes_on(store, folder, weights, call, monkeypatch, tmp_path):
    out = tmp_path / "out"
    line = ("localize", f"{store.upload(folder, 'gone/data')}", "--weights", weights, "--method", "saliency")
    there = (*line, "--ungradable", "--out", "s3://archive/gone/out")
    assert call(*line, "--ungradable", "--out", out)[0] == 0
    from botocore.exceptions import EndpointConnectionError

    put, left = stores.put, [5]

    def put_some(file, path):
        left[0] -= 1
        if not left[0]:
            raise EndpointConnectionError(endpoint_url="http://store")
        put(file, path)

    monkeypatch.setattr(stores, "put", put_some)
    code, said, err = call(*there)
    assert code == 3
    assert "the object store cannot be used (Could not connect to the endpoint URL" in one_line(err)
    assert said.count("candidates") == 1
    assert call(*there)[1].count("done before") == 1
    assert store.everything("gone/out") == everything(out)


def test_without_credentials_the_run_ends_with_one_line(call, weights, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    code, _, err = call("localize", "s3://archive/x", "--out", "out", "--weights", weights)
    assert code == 3
    assert "Unable to locate credentials" in one_line(err)


def test_two_runs_never_share_a_folder_and_a_killed_one_makes_way(store, monkeypatch):
    out = as_path("s3://archive/lease/out")
    with claim(out, {}):
        with pytest.raises(ValueError, match="another run writes into this folder"), claim(out, {}):
            pass
        assert len(store.everything("lease/out")) == 2
    assert list(store.everything("lease/out")) == [as_path("settings.json")]
    (out / ".lease-of-a-killed-run").write_bytes(b"")
    with pytest.raises(ValueError, match="was killed less than 90 seconds ago"), claim(out, {}):
        pass
    monkeypatch.setattr(leases, "EXPIRY", 0.0)
    with claim(out, {}):
        assert len(store.everything("lease/out")) == 2
    assert list(store.everything("lease/out")) == [as_path("settings.json")]


def test_a_lease_is_renewed(store, monkeypatch):
    monkeypatch.setattr(leases, "RENEWAL", 0.05)
    written, write = [], type(as_path("s3://archive/x")).write_bytes
    monkeypatch.setattr(type(as_path("s3://archive/x")), "write_bytes", lambda *given: written.append(write(*given)))
    with leases.only_run(as_path("s3://archive/renewed")):
        deadline = leases.Event()
        while len(written) < 3:
            assert not deadline.wait(0.05)


def test_names_are_never_patterns(store, tmp_path):
    folders = [as_path(f"s3://archive/names/{name}") for name in ("run[1]", "run*", "run?", "runs")]
    for folder in folders:
        (folder / "a.json").write_text("1")
        (folder / "in" / "b.json").write_text("2")
    for folder in folders:
        assert stores.files_in(folder, "*.json") == [folder / "a.json"]
        assert stores.objects_below(folder) == [folder / "a.json", folder / "in" / "b.json"]
    stores.fetch_folder(folders[1], tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").rglob("*")} == {"a.json", "in", "b.json"}
    stores.remove_folder(folders[1])
    assert [stores.files_in(folder, "*.json") != [] for folder in folders] == [True, False, True, True]


def test_no_object_is_copied_to_another_folder(store, tmp_path):
    store.files.pipe_file(f"{BUCKET}/evil/../../outside.png", b"x")
    said = r"the object '\.\./\.\./outside.png' cannot be a file; rename it"
    with pytest.raises(InputError, match=said), near_folder(as_path("s3://archive/evil")):
        raise AssertionError("it was copied")


def test_photographs_of_any_name_are_found_and_read(store, folder):
    names = ["a b#1?.png", "a%20b.png", "x/y/deep.png", "ü.png"]
    photograph = (folder / "0" / "a.png").read_bytes()
    for name in (*names, ".hidden/z.png", "x/.hidden.png", "notes.txt"):
        store.files.pipe_file(f"{BUCKET}/any/{name}", photograph)
    found = find_images(["s3://archive/any/"])
    assert [str(path) for path in found] == [f"s3://archive/any/{name}" for name in names]
    assert [read_image(path).name for path in found] == [Path(name).name for name in names]


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (OSError(errno.EBUSY, "Please reduce your request rate"), True),
        (TimeoutError("timed out"), True),
        (FileNotFoundError("gone"), False),
        (PermissionError("Forbidden"), False),
    ],
)
def test_a_store_that_does_not_answer_ends_the_run_and_one_object_does_not(store, monkeypatch, error, ends):
    def refuse(*_):
        raise error

    place = as_path("s3://archive/one.png")
    monkeypatch.setattr(stores, "fetch", refuse)
    said = "the object store cannot be used" if ends else "cannot be opened"
    with pytest.raises(InputError, match=said) as found, near(place):
        raise AssertionError("it was read")
    assert isinstance(found.value, ServerError) == ends
