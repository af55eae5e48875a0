"""Many photographs localized into one folder: real photographs end to end, resume, failures, work done once."""

import csv
import json

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from retina_xai.app.batch.localize import LocalizeRun, localize_batch
from retina_xai.app.batch.manifest import MANIFEST_FILE
from retina_xai.errors import BatchError, InputError, UsageError
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.io.files import sha256_of
from retina_xai.io.images import write_png
from retina_xai.localization import MAX_EFFECTS
from retina_xai.models.checkpoint import default_weights, load_classifier
from retina_xai.training.phantoms.phantom import make_phantom


@pytest.fixture
def said():
    """The lines of a run, and the function that takes them."""
    lines = []
    return lines, lambda name, line: lines.append(f"{name}: {line}")


@pytest.fixture
def classifier(weights):
    return load_classifier(weights)


@pytest.fixture
def eyes(tmp_path):
    """Two phantoms."""
    for seed in (1, 2):
        write_png(tmp_path / "in" / f"eye{seed}.png", make_phantom(seed, 288, 352, grade=3).pixels)
    return sorted((tmp_path / "in").iterdir())


def everything(folder):
    """All files but the manifest, which says how long this run took."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != MANIFEST_FILE}


@pytest.mark.slow
def test_two_real_photographs_from_end_to_end(real_data, tmp_path, said):
    lines, on_done = said
    healthy = real_data / "eyepacs" / "train" / "1000_left.jpeg"
    lesions = real_data / "diaretdb1" / "ddb1_v02_01" / "images" / "diaretdb1_image001.png"
    localize_batch([healthy, lesions], LocalizeRun(load_classifier(default_weights()), tmp_path), on_done)
    records = [json.loads((tmp_path / f"{path.stem}.json").read_text()) for path in (healthy, lesions)]
    assert [record["file"]["sha256"] for record in records] == [sha256_of(healthy), sha256_of(lesions)]
    assert [record["gradability"]["verdict"] for record in records] == ["good", "good"]
    assert [record["prediction"]["decision"] for record in records] == ["not sure", "refer"]
    # A forward pass differs by rounding alone on another processor, a game of 80 steps by more.
    scores = [record["prediction"]["rdr_score"] for record in records]
    assert scores == pytest.approx([0.312430, 0.904219], abs=1e-4)
    assert records[0]["explanation"]["score_after"] == pytest.approx(0.0922, abs=1e-3)
    assert records[0]["explanation"]["iterations"] == 4
    assert len(records[0]["lesions"]) == pytest.approx(2, abs=1)
    assert len(records[1]["lesions"]) == pytest.approx(13, abs=4)
    assert lines[0] == f"1000_left.jpeg: not sure (0.312), {len(records[0]['lesions'])} candidates"
    for path, record, strongest in zip((healthy, lesions), records, (0.21, 0.70), strict=True):
        evidence = np.asarray(Image.open(tmp_path / f"{path.stem}_evidence.png")) / 65535
        assert evidence.shape == (record["file"]["height"], record["file"]["width"])
        assert evidence.max() == pytest.approx(strongest, abs=0.03)
        threshold = record["binarisation"]["fraction_of_maximum"] * evidence.max()
        assert record["binarisation"]["fraction_of_maximum"] == 0.08
        assert all(lesion["score"] >= threshold for lesion in record["lesions"])
        assert sum(lesion["area"] for lesion in record["lesions"]) == pytest.approx(
            (evidence >= threshold).sum(), abs=3
        )


def test_an_interrupted_run_resumes_and_equals_an_uninterrupted_one(eyes, classifier, tmp_path, said):
    lines, on_done = said

    def interrupting(name, line):
        raise KeyboardInterrupt

    whole, stopped = (LocalizeRun(classifier, tmp_path / name, "saliency") for name in ("whole", "stopped"))
    localize_batch(eyes, whole, on_done)
    with pytest.raises(KeyboardInterrupt):
        localize_batch(eyes, stopped, interrupting)
    (stopped.out / ".partial-killed.png").touch()
    localize_batch(eyes, stopped, on_done)
    assert lines[2] == "eye1.png: done before"
    assert lines[3] == lines[1]
    assert everything(stopped.out) == everything(whole.out)


@pytest.mark.parametrize(
    ("place", "value", "changed"),
    [
        (("method", "settings", "method"), "other", "method"),
        (("method", "settings", "fraction"), 0.07, "method"),
        (("method", "settings", "iterations"), 500, "method"),
        (("method", "settings", "seed"), 1, "method"),
        (("model", "sha256"), "0" * 64, "model"),
        (("model", "threshold"), 0.9, "model"),
        (("model", "preprocessing", "background"), 0.1, "model"),
        (("ungradable",), True, "ungradable"),
        (("versions", "retina-xai"), "0.0.9", "versions"),
    ],
)
def test_each_setting_of_the_folder_is_compared_on_resume(eyes, classifier, tmp_path, said, place, value, changed):
    localize_batch([], LocalizeRun(classifier, tmp_path / "out"), said[1])
    path = tmp_path / "out" / "settings.json"
    settings = entry = json.loads(path.read_text())
    for key in place[:-1]:
        entry = entry[key]
    assert entry[place[-1]] != value
    entry[place[-1]] = value
    path.write_text(json.dumps(settings))
    with pytest.raises(UsageError, match=rf"made with other settings \({changed}\)"):
        localize_batch(eyes, LocalizeRun(classifier, tmp_path / "out"), said[1])
    tables = {"lesions.csv", "artefacts.csv", MANIFEST_FILE}
    assert {entry.name for entry in path.parent.iterdir()} == {"settings.json", *tables}


def test_a_record_of_another_photograph_is_no_result_of_this_one(eyes, classifier, tmp_path, said):
    run = LocalizeRun(classifier, tmp_path / "out", "saliency")
    localize_batch(eyes, run, said[1])
    before = everything(run.out)
    write_png(eyes[1], make_phantom(7, 288, 352).pixels)
    with pytest.raises(BatchError, match=r"1 of 2 photographs failed \(eye2\.png\)"):
        localize_batch(eyes, run, said[1])
    with pytest.raises(InputError, match=r"eye2\.json is the result of another photograph; choose another output fold"):
        localize_batch(eyes[1:], run, said[1])
    assert everything(run.out) == before


def test_an_unexpected_error_is_named_and_the_others_are_done(eyes, classifier, tmp_path, said, monkeypatch):
    lines, on_done = said
    run = LocalizeRun(classifier, tmp_path / "out", "saliency")

    def broken(preprocessing, pixels):
        if not (run.out / "eye1.json").exists():
            return original(preprocessing, pixels)
        raise IndexError("index 9 is out of bounds")

    original = Preprocessing.to_tensor
    monkeypatch.setattr(Preprocessing, "to_tensor", broken)
    with pytest.raises(BatchError, match=r"1 of 2 photographs failed \(eye2\.png\); the others are done"):
        localize_batch(eyes, run, on_done)
    assert lines[1] == "eye2.png: failed: eye2.png: internal error (IndexError: index 9 is out of bounds)"
    found = json.loads((run.out / "eye1.json").read_text())["lesions"]
    assert (run.out / "lesions.csv").read_text().count("eye1.png,eye1,") == len(found) > 0


def test_each_photograph_is_hashed_and_made_ready_for_the_network_once(eyes, classifier, tmp_path, said, monkeypatch):
    hashed, prepared = [], []
    for module in ("app.batch.photographs", "io.images"):
        monkeypatch.setattr(f"retina_xai.{module}.sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    original = Preprocessing.to_tensor
    monkeypatch.setattr(Preprocessing, "to_tensor", lambda *given: prepared.append(1) or original(*given))
    localize_batch(eyes, LocalizeRun(classifier, tmp_path / "out", "saliency"), said[1])
    assert hashed == eyes
    assert len(prepared) == 2


def test_the_effect_of_each_candidate_is_in_record_and_table(eyes, classifier, tmp_path, said):
    localize_batch(eyes, LocalizeRun(classifier, tmp_path / "out", "saliency"), said[1])
    lesions = json.loads((tmp_path / "out" / "eye1.json").read_text())["lesions"]
    effects = [one["effect"] for one in lesions[:MAX_EFFECTS]]
    assert len(set(effects)) > 1
    assert lesions[effects.index(max(effects))]["effect_rank"] == 1
    with (tmp_path / "out" / "lesions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["file"] == "eye1.png"]
    assert [float(row["effect"]) for row in rows[:MAX_EFFECTS]] == effects
    assert all((row["effect"], row["effect_rank"]) == ("", "") for row in rows[MAX_EFFECTS:])


def test_the_manifest_says_what_became_of_each_photograph(eyes, classifier, tmp_path, said):
    bad = tmp_path / "in" / "bad.png"
    bad.write_bytes(b"no photograph")
    found = []
    for out in ("one", "two", "one"):
        with pytest.raises(BatchError):
            localize_batch([bad, *eyes], LocalizeRun(classifier, tmp_path / out, "saliency"), said[1])
        found.append(pyarrow.parquet.read_table(tmp_path / out / MANIFEST_FILE))
    first, again = found[0].to_pylist(), found[2].to_pylist()
    assert [row["file"] for row in first] == ["bad.png", "eye1.png", "eye2.png"]
    assert [row["status"] for row in first] == ["failed", "done", "done"]
    assert "bad.png" in first[0]["error"] and first[0]["key"] is None
    for row, eye in zip(first[1:], eyes, strict=True):
        record = json.loads((tmp_path / "one" / row["result"]).read_text())
        assert row["sha256"] == sha256_of(eye) == record["file"]["sha256"]
        assert (row["decision"], row["score"]) == tuple(record["prediction"][key] for key in ("decision", "rdr_score"))
        assert row["candidates"] == len(record["lesions"])
        assert row["seconds"] > 0 and row["error"] is None
    assert len({row["key"] for row in first}) == 3
    assert found[1].drop_columns("seconds") == found[0].drop_columns("seconds") == found[2].drop_columns("seconds")
    assert again == first, "the durations are kept"
