"""The viewer under attack by pages of other sites: it answers only its own pages and connects to nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.raw_requests import ROUTES
from helpers.viewer_process import REPOSITORY, start
from streamlit import config
from streamlit.testing.v1 import AppTest

from retina_xai.app.viewer import uploads
from retina_xai.app.viewer.server import OPTIONS

LOOPBACK_ONLY = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
"""Runs a command in a network namespace that holds nothing but the loopback."""


def namespaces_permitted():
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run([*LOOPBACK_ONLY, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def attacked(tmp_path_factory, weights):
    """What `helpers.viewer_attacks` found, in a network namespace where this is permitted."""
    folder = tmp_path_factory.mktemp("attacked")
    command = [sys.executable, "-m", "helpers.viewer_attacks", str(folder), str(weights)]
    prefix = LOOPBACK_ONLY if namespaces_permitted() else []
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    done = subprocess.run(
        [*prefix, *command], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {
        **json.loads((folder / "attacked.json").read_bytes()),
        "log": (folder / "log.txt").read_text(encoding="utf-8"),
    }


def test_a_foreign_host_or_origin_is_refused_on_every_route_and_the_websocket(attacked):
    assert len(attacked["attacks"]) > 3 * len(ROUTES) + 20
    assert {name: status for name, status in attacked["attacks"].items() if status not in (400, 403)} == {}
    assert "Traceback" not in attacked["log"]


def test_the_pages_of_the_viewer_are_answered_under_each_of_its_names(attacked):
    assert {name: status for name, status in attacked["own"].items() if status not in (101, 200)} == {}
    assert len(attacked["own"]) == 9


def test_no_attack_makes_the_viewer_look_up_or_connect_to_anything(attacked):
    assert attacked["connections"] == []


def test_the_same_holds_where_there_is_no_network_but_the_loopback(attacked):
    if not namespaces_permitted():
        pytest.skip("network namespaces are not permitted here: the viewer ran with the network of this machine")
    assert attacked["connections"] == []
    assert attacked["own"]["127.0.0.1 page"] == 200


def test_the_viewer_listens_on_the_loopback_alone(attacked):
    (address,) = attacked["listening"]
    assert address.partition(":")[0] == "0100007F"


def test_an_error_of_a_page_shows_neither_its_text_nor_a_traceback(monkeypatch):
    def broken():
        raise RuntimeError("/home/ada/10_left.png")

    before = config.get_option("client.showErrorDetails")
    config.set_option("client.showErrorDetails", OPTIONS["client.showErrorDetails"])
    try:
        (shown,) = AppTest.from_function(broken).run().exception
    finally:
        config.set_option("client.showErrorDetails", before)
    assert "ada" not in shown.message
    assert list(shown.stack_trace) == []


def test_nothing_is_cached_for_all_sessions():
    sources = list((REPOSITORY / "app" / "viewer").rglob("*.py"))
    assert len(sources) > 30
    assert [path.name for path in sources if "st.cache_" in path.read_text(encoding="utf-8")] == []


UPLOADING = """
from retina_xai.app.viewer.uploads import upload_folder
folder = upload_folder()
(folder / "upload").write_bytes(b"x")
print(folder, flush=True)
input()
"""


@pytest.fixture
def uploading(tmp_path):
    """Starts processes that keep an upload below `tmp_path`: (process, folder)."""
    started = []

    def begin():
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, "-c", UPLOADING], env=environment, **pipes)
        started.append(process)
        return process, Path(process.stdout.readline().strip())

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_uploads_of_a_killed_viewer_are_removed_at_the_next_start_and_those_of_a_living_one_stay(
    tmp_path, weights, uploading
):
    (killed, left), (_, kept) = uploading(), uploading()
    assert [folder.stat().st_mode & 0o777 for folder in (left, kept)] == [0o700, 0o700]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (left / "upload").exists()
    viewer = start(tmp_path, weights, TMPDIR=str(tmp_path))
    viewer.stop()
    assert not left.exists()
    assert (kept / "upload").exists()
    assert [path for path in tmp_path.glob(f"{uploads.PREFIX}*") if path != kept] == []


def test_a_link_that_looks_like_uploads_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    (tmp_path / f"{uploads.PREFIX}x").symlink_to(tmp_path / "mine")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    uploads.remove_stale_uploads()
    assert (tmp_path / "mine" / "file").exists()


def test_uploads_are_removed_when_their_process_ends(uploading):
    process, folder = uploading()
    process.communicate("\n")
    assert process.returncode == 0
    assert not folder.exists()
