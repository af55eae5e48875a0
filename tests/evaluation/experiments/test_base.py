"""The harness of all experiments: choice of photographs, records that resume, files written."""

import json
import os
import signal
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from helpers.batches import everything
from helpers.tiny_network import photographs, tiny_network

from retina_xai.errors import InputError, OutputError, UsageError
from retina_xai.evaluation.experiments.base import (
    DETAIL,
    Experiment,
    Findings,
    Measurement,
    Subject,
    images_below,
    run_experiment,
)
from retina_xai.evaluation.tables import markdown, number, percent, share_of
from retina_xai.io.files import sha256_of

NAMES = ("ant", "bee", "cow", "dog", "elk")


@dataclass(frozen=True)
class Brightness(Experiment):
    """Mean of each photograph; calls a function before the photograph of a given name."""

    name: ClassVar[str] = "brightness"
    title: ClassVar[str] = "Brightness"
    scale: float = 1.0

    before: ClassVar[object] = None

    def measure(self, subject, case):
        if Brightness.before:
            Brightness.before(case)
        pixels = case.photograph().pixels
        draw = float(np.random.default_rng(case.seed).random())
        return Measurement({"mean": self.scale * float(pixels.mean()), "draw": draw, DETAIL: [1.5]}, {"copy": pixels})

    def summarise(self, subject, records):
        mean = float(np.mean([record["mean"] for record in records]))
        table = pd.DataFrame({"mean": [number(mean, 2)]}, index=pd.Index(["all"], name="what"))
        detail = sum(len(record[DETAIL]) for record in records)
        return Findings({"mean": mean, "detail": detail, "odd": np.nan}, table, "The caption.", {"dot": dot()})


def dot():
    return np.zeros((2, 2, 3), np.uint8)


@pytest.fixture
def subject(tmp_path):
    return Subject((tiny_network(),), photographs(tmp_path / "in", NAMES), limit=4, seed=1)


@pytest.fixture
def hook(monkeypatch):
    """Set what happens before a case is measured."""
    return lambda function: monkeypatch.setattr(Brightness, "before", staticmethod(function))


def test_what_is_written(subject, tmp_path):
    seen = []
    outcome = run_experiment(Brightness(), subject, tmp_path / "out", lambda outcome: seen.append(outcome.item.name))
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["experiment"] == "brightness"
    assert result["settings"] == {"scale": 1.0}
    assert result["networks"][0]["name"] == "tiny"
    assert result["networks"][0]["preprocessing"]["size"] == 32
    assert (result["limit"], result["seed"]) == (4, 1)
    assert result["figures"] == {"mean": outcome.findings.figures["mean"], "detail": 4, "odd": None}
    assert [case["name"] for case in result["cases"]] == seen
    assert set(result["cases"][0]) == {"name", "identity", "mean", "draw"}
    assert (tmp_path / "out" / "table.md").read_text().startswith("# Brightness\n\n| what | mean |\n| --- | ---: |\n")
    assert (tmp_path / "out" / "dot.png").exists()
    assert len(list((tmp_path / "out" / "pictures").glob("*_copy.png"))) == 4
    assert len(outcome.cases.seconds) == 4
    assert str(tmp_path) not in (tmp_path / "out" / "result.json").read_text()


def test_killed_and_run_again_ends_as_an_uninterrupted_run(subject, tmp_path, hook):
    run_experiment(Brightness(), subject, tmp_path / "whole")
    third = subject.photographs()[2].name
    child = os.fork()
    if child == 0:
        Brightness.before = staticmethod(lambda case: os.kill(os.getpid(), signal.SIGKILL) if case.name == third else 0)
        run_experiment(Brightness(), subject, tmp_path / "killed")
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(list((tmp_path / "killed" / "records").iterdir())) == 2
    assert not (tmp_path / "killed" / "result.json").exists()
    measured = []
    hook(lambda case: measured.append(case.name))
    run_experiment(Brightness(), subject, tmp_path / "killed")
    assert measured == [case.name for case in subject.photographs()[2:]]
    assert everything(tmp_path / "killed") == everything(tmp_path / "whole")


def test_damaged_records_are_measured_again_and_whole_ones_are_not(subject, tmp_path, hook):
    run_experiment(Brightness(), subject, tmp_path / "out")
    before = everything(tmp_path / "out")
    first = sorted((tmp_path / "out" / "records").iterdir())[0]
    first.write_text(first.read_text()[:20])
    measured = []
    hook(lambda case: measured.append(case.name))
    outcome = run_experiment(Brightness(), subject, tmp_path / "out")
    assert (len(measured), len(outcome.cases.seconds)) == (1, 1)
    assert everything(tmp_path / "out") == before


def test_other_settings_networks_and_seeds_are_refused(subject, tmp_path):
    run_experiment(Brightness(), subject, tmp_path / "out")
    others = {
        "settings": (Brightness(scale=2.0), subject),
        "networks": (Brightness(), Subject((tiny_network(name="other"),), subject.images, 4, 1)),
        "seed": (Brightness(), Subject(subject.networks, subject.images, 4, 2)),
    }
    for changed, (experiment, other) in others.items():
        with pytest.raises(UsageError, match=rf"made with other settings \({changed}\)"):
            run_experiment(experiment, other, tmp_path / "out")


def test_records_of_other_settings_are_not_taken_even_where_the_settings_file_is_lost(subject, tmp_path):
    run_experiment(Brightness(), subject, tmp_path / "out")
    (tmp_path / "out" / "settings.json").unlink()
    with pytest.raises(UsageError, match="holds records of cases that are not among these 4"):
        run_experiment(Brightness(scale=2.0), subject, tmp_path / "out")


def test_a_larger_limit_goes_on_with_what_is_there(subject, tmp_path, hook):
    run_experiment(Brightness(), subject, tmp_path / "out")
    larger = Subject(subject.networks, subject.images, None, 1)
    run_experiment(Brightness(), larger, tmp_path / "whole")
    measured = []
    hook(lambda case: measured.append(case.name))
    run_experiment(Brightness(), larger, tmp_path / "out")
    assert sorted(measured + [case.name for case in subject.photographs()]) == sorted(NAMES)
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_fewer_and_other_photographs_are_refused_and_nothing_is_lost(subject, tmp_path):
    run_experiment(Brightness(), subject, tmp_path / "out")
    before = everything(tmp_path / "out")
    fewer = Subject(subject.networks, subject.images, 3, 1)
    chosen = subject.photographs()[0].path
    others = Subject(subject.networks, tuple(path for path in subject.images if path != chosen), None, 1)
    for other in (fewer, others):
        with pytest.raises(UsageError, match="out: holds records of cases that are not among these [34]; choose"):
            run_experiment(Brightness(), other, tmp_path / "out")
    assert everything(tmp_path / "out") == before


def test_photographs_are_chosen_by_the_seed_and_a_larger_limit_adds(subject):
    choices = [set(Subject(subject.networks, subject.images, limit, 3).chosen(50)) for limit in (5, 20, None)]
    assert [len(choice) for choice in choices] == [5, 20, 50]
    assert choices[0] < choices[1] < choices[2]
    assert set(Subject(subject.networks, subject.images, 5, 4).chosen(50)) != choices[0]
    names = [case.name for case in Subject(subject.networks, subject.images, 99, 0).photographs()]
    assert names == list(NAMES)


def test_a_photograph_that_cannot_be_read_is_left_out_named_and_tried_again(subject, tmp_path):
    run_experiment(Brightness(), subject, tmp_path / "whole")
    odd = subject.photographs()[1]
    pixels = odd.path.read_bytes()
    said = []
    odd.path.write_bytes(b"no image")
    outcome = run_experiment(Brightness(), subject, tmp_path / "out", said.append)
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [one.item.name for one in said if "is text, not an image" in str(one.error)] == [odd.name]
    assert result["failed"] == [odd.name]
    assert [item.name for item, _ in outcome.cases.failures] == [odd.name]
    assert odd.name not in {case["name"] for case in result["cases"]}
    assert len(result["cases"]) == 3
    odd.path.write_bytes(pixels)
    outcome = run_experiment(Brightness(), subject, tmp_path / "out")
    assert (len(outcome.cases.seconds), outcome.cases.failures) == (1, [])
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_a_full_disk_ends_the_run_and_blames_no_photograph(subject, tmp_path, monkeypatch):
    written = []

    def full(handle):
        written.append(handle)
        if len(written) == 4:  # after the settings, the first picture and its record
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OutputError, match="_copy.png: cannot write .No space left on device.; free some space"):
            run_experiment(Brightness(), subject, tmp_path / "out")
    assert len(written) == 4
    assert len(run_experiment(Brightness(), subject, tmp_path / "out").cases.seconds) == 3


def test_each_photograph_is_hashed_once(subject, tmp_path, monkeypatch):
    hashed = []
    for module in ("evaluation.experiments.base", "io.images"):
        monkeypatch.setattr(f"retina_xai.{module}.sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    cases = Brightness().cases(subject)
    run_experiment(Brightness(), subject, tmp_path / "out", cases=cases)
    assert sorted(hashed) == sorted(case.path for case in cases)
    assert len({case.identity for case in cases}) == 4


def test_an_image_of_other_content_under_the_same_name_is_another_case(subject, tmp_path):
    run_experiment(Brightness(), subject, tmp_path / "out")
    photographs(tmp_path / "in", NAMES, seed=5)
    with pytest.raises(UsageError, match="holds records of cases that are not among these 4"):
        run_experiment(Brightness(), subject, tmp_path / "out")


def test_where_no_photograph_can_be_read_the_first_one_is_named(subject, tmp_path):
    for path in subject.images:
        path.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"\.png: is text, not an image"):
        run_experiment(Brightness(), subject, tmp_path / "out")


def test_photographs_of_one_name_keep_their_own_pictures(subject, tmp_path):
    others = photographs(tmp_path / "more", NAMES[:1], seed=9)
    run_experiment(Brightness(), Subject(subject.networks, (subject.images[0], *others)), tmp_path / "out")
    pictures = [path.read_bytes() for path in (tmp_path / "out" / "pictures").iterdir()]
    assert len(set(pictures)) == len(pictures) == 2


def test_what_does_not_fit_the_experiment_leaves_no_folder(subject, tmp_path):
    two = Subject((tiny_network(), tiny_network(name="other")), subject.images)
    with pytest.raises(UsageError, match="2 networks: this experiment takes one --model"):
        run_experiment(Brightness(), two, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="seed -1: give 0 or more"):
        Subject(subject.networks, subject.images, seed=-1)
    with pytest.raises(UsageError, match="two networks of one name"):
        Subject(subject.networks * 2, subject.images)


def test_nothing_to_run_on_is_said(subject, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no image found"):
        images_below(tmp_path / "empty")
    with pytest.raises(InputError, match="no photographs: give a folder that holds some with --images"):
        run_experiment(Brightness(), Subject(subject.networks, images_below(None)), tmp_path / "out")
    with pytest.raises(UsageError, match="limit 0: give at least 1"):
        Subject(subject.networks, limit=0)
    with pytest.raises(UsageError, match="experiment brightness needs a network: give --model"):
        run_experiment(Brightness(), Subject((), subject.images), tmp_path / "out")


def test_tables_and_shares_as_text():
    frame = pd.DataFrame({"a|b": ["1\n2"]}, index=pd.Index(["x"], name="k"))
    assert markdown(frame) == "| k | a\\|b |\n| --- | ---: |\n| x | 1 2 |"
    assert percent(0.5, 0.25, 0.75) == "50.0 % (25.0-75.0)"
    assert (percent(1.0), percent(float("nan")), number(float("nan"))) == ("100.0 %", "NaN", "NaN")
    shares = share_of(3, 4)
    assert shares[""] == 0.75
    assert shares["low"] < 0.75 < shares["high"]
