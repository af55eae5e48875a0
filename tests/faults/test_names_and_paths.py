"""Odd names and paths end no batch and control no terminal; what cannot be used is refused in one line."""

import csv
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from helpers.image_files import save
from helpers.viewer_services import open_at

from retina_xai.app.cli.console import show_line
from retina_xai.io.images import find_images, read_image
from retina_xai.io.names import printable, shown_name, shown_path
from retina_xai.training.phantoms.phantom import make_phantom

PHANTOM = make_phantom(1, 192, 240, grade=3).pixels
NOT_UTF8 = os.fsdecode(b"eye\xff\xe9.png")
ODD_NAMES = {
    "not UTF-8": (NOT_UTF8, "eye\\xff\\xe9.png"),
    "ESC": ("red\x1b[31m\x07.png", "red\\x1b[31m\\x07.png"),
    "line feed": ("two\nlines.png", "two\\nlines.png"),
    "right to left": ("eye\u202egnp.png", "eye\\u202egnp.png"),
    "backslash": ("a\\xff.png", "a\\\\xff.png"),
    "Unicode": ("眼底 – œil gauche.png", "眼底 – œil gauche.png"),
}
"""Names on disk, and as shown and written in tables."""


@pytest.fixture
def unprivileged(weights):
    """A folder, with the weights in it, of a user without privileges, who the test is run as."""
    folder = Path(tempfile.mkdtemp())
    shutil.copyfile(weights, folder / "weights")
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for path in folder.rglob("*"):
            if path.is_dir():
                path.chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)


def one_line(err: str, start: str) -> None:
    assert err.startswith(f"error: {start}"), err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.fixture
def eyes(tmp_path):
    """A folder with a photograph under each odd name."""
    folder = tmp_path / "eyes"
    folder.mkdir()
    for name, _ in ODD_NAMES.values():
        save(folder / name, PHANTOM)
    return folder


def test_a_name_that_is_not_utf8_does_not_end_the_batch(call, weights, eyes, tmp_path):
    code, out, err = call("predict", eyes, "--weights", weights, "--out", tmp_path / "table.csv")
    assert (code, err) == (0, "")
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    assert sorted(paths) == sorted(f"{eyes}/{shown}" for _, shown in ODD_NAMES.values())
    for _, shown in ODD_NAMES.values():
        assert f"{shown}: " in out


def test_results_of_odd_names_are_written_and_resumed(call, weights, eyes, tmp_path):
    options = ("--weights", weights, "--method", "saliency", "--ungradable", "--out", tmp_path / "out")
    assert call("localize", eyes, *options)[::2] == (0, "")
    names = {json.loads(path.read_text("utf-8"))["file"]["name"] for path in (tmp_path / "out").glob("*eye*.json")}
    assert names == {"eye\\xff\\xe9.png", "eye\\u202egnp.png"}
    table = (tmp_path / "out" / "lesions.csv").read_text("utf-8")
    assert "eye\\xff\\xe9.png" in table
    code, out, err = call("localize", eyes, *options)
    assert (code, err, out.count("done before")) == (0, "", len(ODD_NAMES))


@pytest.mark.parametrize("kind", ODD_NAMES)
def test_no_control_character_of_a_name_reaches_the_terminal(call, weights, tmp_path, kind):
    name, shown = ODD_NAMES[kind]
    (tmp_path / name).write_bytes(b"no image")
    save(tmp_path / f"good {name}", PHANTOM)
    for arguments in ([tmp_path / name], [tmp_path], [tmp_path / f"gone {name}"]):
        code, out, err = call("predict", *arguments, "--weights", weights, "--out", tmp_path / "table.csv")
        assert code in (3, 5)
        assert err.count("\n") == 1
        assert (out + err).replace("\n", "").isprintable()
        if kind not in ("backslash", "line feed"):  # a message may show a backslash once, and a line feed as a space
            assert shown in err


def test_no_control_character_of_an_output_folder_reaches_the_terminal(capsys):
    show_line("results: /tmp/\x1b]0;title\x07/[bold]\udcff")
    assert capsys.readouterr().out == "results: /tmp/\\x1b]0;title\\x07/[bold]\\xff\n"


def test_names_are_shown_unambiguously():
    assert shown_name("folder/a\udcff.png") != shown_name("folder/a\\xff.png")
    assert shown_path("folder/ü 眼\u3000.png") == "folder/ü 眼\u3000.png"
    assert printable("\ud800\x85\u2028") == "\\ud800\\x85\\u2028"


@pytest.mark.parametrize("length", [256, 300, 5000])
def test_a_path_that_is_too_long_is_one_line(call, weights, tmp_path, length):
    path = tmp_path / ("n" * length)
    code, _, err = call("predict", path, "--weights", weights, "--out", tmp_path / "table.csv")
    assert code == 3
    one_line(err, f"{path}: cannot be opened (File name too long); check path and permissions")
    save(tmp_path / "eye.png", PHANTOM)
    for command_name in ("predict", "localize"):
        code, _, err = call(command_name, tmp_path / "eye.png", "--weights", weights, "--out", path)
        assert code == 3
        one_line(err, str(path))
        assert "(File name too long)" in err


def test_a_folder_without_search_permission_is_one_line(call, unprivileged):
    weights, closed = unprivileged / "weights", unprivileged / "closed"
    closed.mkdir()
    save(closed / "eye.png", PHANTOM)
    closed.chmod(0o000)
    code, _, err = call("predict", closed / "eye.png", "--weights", weights, "--out", unprivileged / "table.csv")
    assert code == 3
    one_line(err, f"{closed / 'eye.png'}: cannot be opened (Permission denied); check path and permissions")
    for place in (closed, unprivileged):
        code, _, err = call("predict", place, "--weights", weights, "--out", unprivileged / "table.csv")
        assert code == 3
        one_line(err, f"{closed}: cannot list this folder (Permission denied); check its permissions")


def test_files_in_a_folder_that_can_be_listed_but_not_searched_fail_one_by_one(call, unprivileged):
    weights, listed = unprivileged / "weights", unprivileged / "listed"
    listed.mkdir()
    save(listed / "eye.png", PHANTOM)
    save(unprivileged / "good.png", PHANTOM)
    listed.chmod(0o400)
    code, out, err = call("predict", unprivileged, "--weights", weights, "--out", unprivileged / "table.csv")
    assert (code, err) == (5, "error: 1 of 2 photographs failed (eye.png); the others are done\n")
    assert f"eye.png: failed: {listed / 'eye.png'}: cannot be opened (Permission denied)" in out


@pytest.mark.parametrize("command_name", ["predict", "localize"])
def test_an_output_folder_without_search_permission_is_one_line(call, unprivileged, command_name):
    save(unprivileged / "eye.png", PHANTOM)
    weights, closed = unprivileged / "weights", unprivileged / "closed"
    closed.mkdir()
    closed.chmod(0o000)
    code, _, err = call(command_name, unprivileged / "eye.png", "--weights", weights, "--out", closed / "out")
    assert code == 3
    one_line(err, str(closed / "out"))
    assert "(Permission denied)" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "", "--out", "table.csv"),
        ("predict", "eye.png", "--out", ""),
        ("localize", "eye.png", "", "--out", "out"),
        ("localize", "eye.png", "--out="),
        ("check-data", ""),
        ("evaluate", "diaretdb1", "--data", "", "--out", "out"),
        ("train", "--data", "", "--out", "out"),
        ("view", ""),
    ],
)
def test_an_empty_path_is_a_usage_error_and_not_the_current_folder(call, tmp_path, monkeypatch, arguments):
    save(tmp_path / "eye.png", PHANTOM)
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*arguments)
    assert code == 2
    assert "a path is empty; name a file or folder" in " ".join(err.replace("│", " ").split())
    assert [path.name for path in tmp_path.iterdir()] == ["eye.png"]


def test_hidden_folders_are_not_entered(tmp_path):
    for place in ("", ".cache", "a/.git/objects", "a"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        save(tmp_path / place / "eye.png", PHANTOM)
    save(tmp_path / ".hidden.png", PHANTOM)
    assert find_images([tmp_path]) == [tmp_path / "a" / "eye.png", tmp_path / "eye.png"]
    assert find_images([tmp_path / ".cache"]) == [tmp_path / ".cache" / "eye.png"], "given by name"


def test_loops_of_links_end(call, weights, tmp_path):
    folder = tmp_path / "eyes"
    folder.mkdir()
    save(folder / "eye.png", PHANTOM)
    (folder / "again").symlink_to(folder)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    assert find_images([folder]) == [folder / "eye.png", folder / "loop.png"]
    code, out, err = call("predict", folder, "--weights", weights, "--out", tmp_path / "table.csv")
    assert (code, err) == (5, "error: 1 of 2 photographs failed (loop.png); the others are done\n")
    assert "loop.png: cannot be opened (Too many levels of symbolic links); check path and permissions" in out
    code, _, err = call("predict", folder / "loop.png", "--weights", weights, "--out", tmp_path / "table.csv")
    assert code == 3
    one_line(err, f"{folder / 'loop.png'}: cannot be opened (Too many levels of symbolic links)")


def test_names_with_spaces_unicode_and_many_characters_are_read(tmp_path):
    for name in ("two words.png", "眼底 – œil.png", "x" * 240 + ".png"):
        assert read_image(save(tmp_path / name, PHANTOM)).name == name


def test_the_worklist_of_the_viewer_shows_every_name(tmp_path, weights):
    """A lone surrogate in a name cannot be sent to a browser."""
    (tmp_path / "eyes").mkdir()
    for name, _ in ODD_NAMES.values():
        save(tmp_path / "eyes" / name, PHANTOM)
    items = open_at(tmp_path, weights, paths=(tmp_path / "eyes",)).folder.items
    assert sorted(item.name for item in items) == sorted(shown for _, shown in ODD_NAMES.values())
    assert all(item.name.encode() for item in items)
