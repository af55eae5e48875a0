"""What the viewer serves: folders, data sets, earlier results, scores, and the lines where something does not fit."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from helpers.viewer_services import open_at, photographs, settings

from retina_xai.app.batch.localize import LocalizeRun, localize_batch
from retina_xai.app.viewer.earlier_results import find_earlier
from retina_xai.app.viewer.jobs import URGENT
from retina_xai.app.viewer.score_cache import EVERY, ScoreCache
from retina_xai.app.viewer.services import open_services
from retina_xai.app.viewer.session import Session
from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.fundus.quality import Gradability
from retina_xai.io.files import sha256_of
from retina_xai.io.images import read_image, write_png
from retina_xai.localization import localize, predict
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.phantoms.datasets import PhantomSet, write_diaretdb1
from retina_xai.training.phantoms.phantom import make_phantom
from retina_xai.verdict import Verdict


def silent(*_):
    pass


def test_a_folder_is_listed_whole_and_the_data_set_with_its_markings(tmp_path, weights):
    (tmp_path / "plain").mkdir()
    write_diaretdb1(tmp_path / "marked", 2, 1, PhantomSet(height=96, width=120))
    served = open_at(tmp_path, weights, paths=(photographs(tmp_path / "plain"), tmp_path / "marked"))
    names = sorted(item.name for item in served.folder.items)
    marked = [item for item in served.folder.items if served.case(item)]
    assert names[:2] == ["10_left.png", "10_right.png"]
    assert len(names) == 6
    assert sorted(item.name for item in marked) == ["diaretdb1_image001.png", "diaretdb1_image002.png"]
    assert served.case(replace(marked[0], uploaded=True)) is None


def test_evidence_of_localize_is_read_where_all_hashes_match(tmp_path, weights):
    (tmp_path / "plain").mkdir()
    folder = photographs(tmp_path / "plain")
    (folder / "broken.png").unlink()
    classifier, path = load_classifier(weights), folder / "10_right.png"
    localize_batch([path], LocalizeRun(classifier, tmp_path / "done", "saliency"), silent)
    served = open_at(tmp_path, weights, paths=(folder, tmp_path / "done"), method="saliency")
    assert len(served.folder.items) == 3, "pictures among the results are no photographs"
    facts = served.run_facts("saliency")
    _, evidence, places = served.earlier.evidence(sha256_of(path), facts)
    assert places == {}
    expected = localize(read_image(path), classifier, fundus_explainer("saliency")).evidence
    assert np.abs(evidence - expected).max() <= 0.5 / 65535 + 1e-7
    assert served.earlier.evidence(sha256_of(folder / "7_left.png"), facts) is None
    assert served.earlier.evidence(sha256_of(path), served.run_facts("retina")) is None
    other = {**facts, "model": {**facts["model"], "sha256": "0" * 64}}
    assert served.earlier.evidence(sha256_of(path), other) is None
    changed = {**facts, "method": {**facts["method"], "settings": {**facts["method"]["settings"], "seed": 7}}}
    assert served.earlier.evidence(sha256_of(path), changed) is None


@pytest.mark.parametrize(
    ("changes", "error", "line"),
    [
        ({"method": "magic"}, UsageError, "unknown method 'magic'"),
        ({"paths": ("nowhere",)}, InputError, "nowhere: no such file or folder"),
        ({"results": ("nowhere",)}, InputError, "nowhere: no such folder of results"),
        ({"weights": "none.safetensors"}, ModelError, "none.safetensors: no such weights file"),
        ({"imagenet_weights": "w"}, UsageError, "--imagenet-weights without --imagenet-model"),
        ({"imagenet_model": "resnet51"}, ModelError, "unknown network 'resnet51'"),
        ({"readings": "plain/10_left.png"}, InputError, "not usable as a store of readings"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_is(tmp_path, weights, changes, error, line):
    (tmp_path / "plain").mkdir()
    photographs(tmp_path / "plain")
    paths = {"weights", "readings", "imagenet_weights"}
    placed = {
        name: tuple(tmp_path / part for part in value)
        if isinstance(value, tuple)
        else (tmp_path / value if name in paths else value)
        for name, value in changes.items()
    }
    with pytest.raises(error, match=line):
        open_services(settings(tmp_path, weights, **placed))


def test_a_missing_folder_of_results_is_named(tmp_path):
    with pytest.raises(InputError, match="no such folder of results; give one that localize or evaluate wrote"):
        find_earlier([tmp_path / "none"])


def scored(number):
    """Hash and verdict of a photograph."""
    return f"{number:064x}", Verdict(Gradability("good", "as expected"), number / 100, 0.5)


def test_scores_are_kept_over_a_restart_and_a_damaged_book_is_begun_anew(tmp_path):
    path = tmp_path / "scores.json"
    cache = ScoreCache(path)
    for number in range(EVERY + 1):
        cache.put(*scored(number))
    assert ScoreCache(path).get(scored(EVERY - 1)[0]) == scored(EVERY - 1)[1]
    assert ScoreCache(path).get(scored(EVERY)[0]) is None, "not written yet"
    cache.flush()
    assert ScoreCache(path).get(scored(EVERY)[0]) == scored(EVERY)[1]
    path.write_text(path.read_text(encoding="utf-8").replace('"version": "', '"version": "9'), encoding="utf-8")
    assert ScoreCache(path).get(scored(0)[0]) is None, "another version scores anew"
    path.write_text("{", encoding="utf-8")
    assert ScoreCache(path).get(scored(0)[0]) is None


def finish(state):
    for job in [*state.scoring.values()]:
        while not job.ended:
            pass
    state.collect()


def test_scores_of_the_folder_are_shared_and_those_of_uploads_are_not(tmp_path, weights):
    (tmp_path / "plain").mkdir()
    folder = photographs(tmp_path / "plain", {"10_left": 0})
    served = open_at(tmp_path, weights, paths=(folder,))
    first, second = Session(), Session()
    (upload,) = first.upload("mine.png", (folder / "10_left.png").read_bytes() + b"tail")
    first.score(first.items(served).values(), served)
    finish(first)
    assert len(first.scored) == 3
    assert first.scored[upload.key].error == ""
    assert served.scores.get(first.scored[upload.key].sha256) is None
    assert second.items(served).keys() == {item.key for item in served.folder.items}
    (broken,) = (one for one in first.scored.values() if one.error)
    assert broken.error == "broken.png: is empty (0 bytes); copy it again from its source"
    assert str(tmp_path) not in broken.error
    whole = next(item for item in served.folder.items if item.name == "10_left.png")
    assert served.scores.get(first.scored[whole.key].sha256) == first.scored[whole.key].verdict


def test_a_photograph_that_is_open_is_neither_read_nor_hashed_again_to_be_scored(tmp_path, weights, monkeypatch):
    (tmp_path / "plain").mkdir()
    served = open_at(tmp_path, weights, paths=(photographs(tmp_path / "plain", {"10_left": 0, "10_right": 1}),))
    opened, closed = (item for item in served.folder.items if item.name != "broken.png")
    state, read, hashed = Session(), [], []
    items = "retina_xai.app.viewer.items"
    noted = lambda path, *known: read.append(path) or read_image(path, *known)  # noqa: E731
    monkeypatch.setattr(f"{items}.read_image", noted)
    monkeypatch.setattr(f"{items}.sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    photograph = state.pictures.photograph(opened)
    state.score([opened, closed], served)
    finish(state)
    assert (read, hashed) == ([opened.path, closed.path], [closed.path])
    assert state.scored[opened.key].sha256 == photograph.sha256 == sha256_of(opened.path)
    assert state.scored[opened.key].verdict == predict(read_image(opened.path), served.classifier)
    assert state.scored[closed.key].sha256 == sha256_of(closed.path)


def test_a_photograph_is_scored_once_however_often_the_page_is_made(tmp_path, weights):
    (tmp_path / "plain").mkdir()
    served = open_at(tmp_path, weights, paths=(photographs(tmp_path / "plain"),))
    state, items = Session(), served.folder.items
    gate = threading.Event()
    served.worker.submit(lambda _: gate.wait(60))
    state.score(items, served)
    first = dict(state.scoring)
    state.score(items, served)
    assert state.scoring == first
    state.score(items[:1], served, URGENT)
    state.score(items[:1], served, URGENT)
    assert first[items[0].key].state == "cancelled"
    assert state.scoring[items[0].key].urgency == URGENT
    gate.set()
    finish(state)
    state.score(items, served)
    assert (state.scoring, len(state.scored)) == ({}, len(items))


def test_a_folder_of_masks_is_listed_without_its_masks_and_with_markings(tmp_path, weights):
    folder = tmp_path / "masked"
    write_png(folder / "images" / "a.png", make_phantom(1, 96, 120).pixels)
    write_png(folder / "Microaneurysms" / "a_MA.png", np.full((96, 120), 255, np.uint8))
    served = open_at(tmp_path, weights, paths=(folder,))
    (item,) = served.folder.items
    assert item.name == "a.png"
    assert served.case(item).truth(None, (96, 120)).masks["microaneurysms"].all()
