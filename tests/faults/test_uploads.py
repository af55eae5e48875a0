"""Uploads and paths: nothing that is sent leaves its folder, is executed, or is seen by another session."""

import csv
import gc
import hashlib
import io
from dataclasses import replace

import pytest
from helpers.page_session import PageSession
from helpers.readings import READING
from helpers.viewer_process import start

from retina_xai.app.readings.export import export_bytes
from retina_xai.app.viewer.items import items_of, uploads_of
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.server import MAX_UPLOAD_SIZE
from retina_xai.app.viewer.session import Session
from retina_xai.app.viewer.uploads import PREFIX
from retina_xai.errors import OutputError
from retina_xai.io.images import write_png
from retina_xai.training.phantoms.phantom import make_phantom

PROGRAM = b"MZ\x90\0" + bytes(range(256)) * 8
SCRIPT = "<script>alert(1)</script>"
FORMULAS = ("=cmd()|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1")


@pytest.fixture(scope="module")
def viewer(tmp_path_factory, weights):
    folder = tmp_path_factory.mktemp("uploads")
    running = start(folder, weights, TMPDIR=str(folder))
    yield running
    running.stop()


@pytest.fixture
def session(viewer):
    with PageSession(viewer) as opened:
        yield opened


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """Two phantoms as PNG."""
    folder = tmp_path_factory.mktemp("phantoms")
    for seed in (1, 2):
        write_png(folder / f"{seed}.png", make_phantom(seed, 200, 240, grade=3).pixels)
    return [(folder / f"{seed}.png").read_bytes() for seed in (1, 2)]


def kept(viewer):
    """Files below the temporary folder of the viewer."""
    return [path for path in viewer.folder.glob(f"{PREFIX}*/**/*") if path.is_file()]


def test_an_exe_that_is_sent_directly_is_a_line_of_the_worklist_and_no_program(viewer, session):
    assert session.put("calc.exe", PROGRAM) == 204
    assert session.shows("calc.exe: has an unknown format; expected JPEG, PNG, TIFF, BMP or DICOM")
    (path,) = [path for path in kept(viewer) if path.read_bytes() == PROGRAM]
    assert path.name == hashlib.sha256(PROGRAM).hexdigest()
    assert path.stat().st_mode & 0o111 == 0
    assert path.parents[1].stat().st_mode & 0o777 == 0o700


def test_a_name_that_leads_elsewhere_is_only_shown(viewer, session, phantom):
    assert session.put("../../x.png", phantom[0]) == 204
    assert session.shows("x.png", "1 photographs")
    assert b"../x" not in session.shown
    assert not list(viewer.folder.parent.rglob("x.png"))


def test_an_upload_that_is_too_large_is_refused(session):
    assert session.put("large.png", bytes(MAX_UPLOAD_SIZE * 2**20 + 1)) == 413


def test_an_upload_without_the_token_of_the_page_is_refused(session):
    assert session.put("a.png", b"x", token=False) == 403


def test_an_upload_to_no_session_is_refused(session):
    session.name = "00000000-0000-0000-0000-000000000000"
    assert session.put("a.png", b"x") == 400


def test_two_sessions_never_see_images_or_results_of_each_other(viewer, session, phantom):
    with PageSession(viewer) as other:
        assert session.put("only-mine.png", phantom[0]) == 204
        assert other.put("only-hers.png", phantom[1]) == 204
        assert session.shows("only-mine.png", "1 photographs")
        assert other.shows("only-hers.png", "1 photographs")
        assert b"only-hers" not in session.shown
        assert b"only-mine" not in other.shown


def test_uploads_go_with_their_session(phantom):
    state = Session()
    path = state.upload("a.png", phantom[0])[0].path
    assert path.exists()
    del state
    gc.collect()
    assert not path.parent.exists()


def test_two_uploads_of_one_name_and_different_content_are_two(session, phantom):
    for content in phantom:
        assert session.put("a.png", content) == 204
    assert session.shows("2 photographs")


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "a\0b.png", "x" * 3000, ".."])
def test_the_name_of_an_upload_is_shown_and_is_no_path(tmp_path, name):
    (taken,) = uploads_of(name, b"content", tmp_path)
    assert taken.path == tmp_path / hashlib.sha256(b"content").hexdigest()
    assert taken.path.read_bytes() == b"content"
    assert "/" not in taken.name
    assert "\\" not in taken.name
    assert [path.name for path in tmp_path.iterdir()] == [taken.path.name]


def test_an_upload_that_does_not_fit_on_the_disk_is_one_line_with_its_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"^eye.png: cannot write here .*; choose"):
        uploads_of("eye.png", b"content", tmp_path / "file")


def test_links_that_lead_out_of_the_folder_are_left_out(tmp_path):
    home, secret = tmp_path / "home", tmp_path / "secret.png"
    home.mkdir()
    secret.touch()
    inside, out = home / "inside.png", home / "out.png"
    inside.touch()
    out.symlink_to(secret)
    folder = items_of([inside, out], [home])
    assert [one.name for one in folder.items] == ["inside.png"]
    assert folder.left_out == 1
    assert [one.path for one in items_of([out], [out]).items] == [out], "a link that was named outright is wanted"


def test_a_script_in_a_name_or_comment_is_shown_as_text():
    assert plain(SCRIPT) == r"\<script\>alert\(1\)\<\/script\>"
    assert plain(f"[{SCRIPT}](javascript:x)").count("\\") > 8


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_in_a_name_or_comment_is_neutralised_in_the_csv(formula):
    reading = replace(READING, reader=f"{formula}r", comment=formula, image=replace(READING.image, name=f"{formula}n"))
    (row, *_) = csv.DictReader(io.StringIO(export_bytes([reading], "csv").decode(), newline=""))
    for column in ("reader", "comment", "file"):
        assert row[column].startswith("'"), column
