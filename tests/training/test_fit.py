"""Trainings on sixteen small patients: results and errors; interruptions are in `test_resume`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from helpers.trainings import RESULTS, small_training

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.models.checkpoint import ModelFacts, save_weights
from retina_xai.training import fit
from retina_xai.training.config import TrainingConfig
from retina_xai.training.fit import train
from retina_xai.training.phantoms.datasets import PhantomSet, write_eyepacs


def test_resuming_a_finished_run_writes_the_same_again(phantoms: Path, tmp_path: Path) -> None:
    # the state after a kill between the last checkpoint and the log: a row is missing, and there are no results
    train(phantoms, tmp_path, small_training(), resume=True, progress=False)
    files = {name: (tmp_path / name).read_bytes() for name in RESULTS}
    (tmp_path / "log.csv").write_text("")
    (tmp_path / "metrics.json").unlink()
    train(phantoms, tmp_path, small_training(), resume=True, progress=False)
    assert {name: (tmp_path / name).read_bytes() for name in RESULTS} == files


def test_early_stop_ends_a_stage(phantoms: Path, tmp_path: Path) -> None:
    # with a tiny learning rate the network does not change, so no epoch is better than the first
    config = small_training(
        stages=[{"size": 32, "epochs": 9, "batch": 8, "lr": 1e-30}],
        patience=2,
        optimiser={"name": "sgd", "weight_decay": 0, "average": 0},
        augmentation={"rotation": 0, "flips": False, "zoom": 1, "translation": 0, "colour": 0},
    )
    result = train(phantoms, tmp_path / "out", config, progress=False)
    stage = result.metrics["training"]["stages"][0]
    assert stage["epochs"] == stage["best_epoch"] + 2 < 9


def test_resuming_with_other_data_is_refused(phantoms: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "train").mkdir(parents=True)
    for file in (phantoms / "train").iterdir():
        (data / "train" / file.name).write_bytes(file.read_bytes())
    labels = (phantoms / "trainLabels.csv").read_text()
    (data / "trainLabels.csv").write_text(labels)
    train(data, tmp_path / "out", small_training(), progress=False)
    with pytest.raises(UsageError, match="not an empty folder"):
        train(data, tmp_path / "out", small_training(), progress=False)
    first = labels.splitlines()[1]
    (data / "trainLabels.csv").write_text(labels.replace(first, f"{first[:-1]}{(int(first[-1]) + 1) % 5}"))
    with pytest.raises(UsageError, match="photographs, grades or split changed"):
        train(data, tmp_path / "out", small_training(), resume=True, progress=False)


def test_starting_weights_must_fit(phantoms: Path, tmp_path: Path) -> None:
    first = train(phantoms, tmp_path / "first", small_training(), progress=False)
    again = small_training(network={"width": 0.05, "start": first.weights})
    train(phantoms, tmp_path / "again", again, progress=False)
    wider = small_training(network={"width": 0.1, "start": first.weights})
    with pytest.raises(ModelError, match=r"rdr5x5 of width 0.05, the settings say rdr5x5 of width 0.1"):
        train(phantoms, tmp_path / "wider", wider, progress=False)


def test_unreadable_photographs_are_listed_and_counted(phantoms: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "train").mkdir(parents=True)
    for file in (phantoms / "train").iterdir():
        (data / "train" / file.name).write_bytes(file.read_bytes())
    (data / "trainLabels.csv").write_text((phantoms / "trainLabels.csv").read_text())
    (data / "train" / "3_left.jpeg").write_text("no picture")
    result = train(data, tmp_path / "out", small_training(), progress=False)
    assert result.metrics["training"]["left_out"] == 1
    assert "3_left" in (tmp_path / "out" / "left_out.csv").read_text()
    assert "\n3_left," not in (tmp_path / "out" / "split.csv").read_text()


def test_own_labels_of_any_text_are_trained_and_split_by_patient(phantoms: Path, tmp_path: Path) -> None:
    rows = [row.split(",") for row in (phantoms / "trainLabels.csv").read_text().split()[1:]]
    texts = {"0": "none", "1": "none", "2": "NPDR", "3": "NPDR", "4": "PDR"}
    table = tmp_path / "own.csv"
    # both eyes of two consecutive patients have one family number, which counts as one patient
    families = [f"{name}.jpeg,{texts[grade]},family {int(name.split('_')[0]) // 2}" for name, grade in rows]
    table.write_text("\n".join(["photograph,DR,family", *families]) + "\n")
    config = small_training().with_data(
        table=table, image_column="photograph", label_column="DR", patient_column="family", positive="NPDR,PDR"
    )
    result = train(phantoms, tmp_path / "out", config, progress=False)
    facts = result.metrics["training"]
    assert (facts["positive"], facts["patients_by"]) == ("NPDR,PDR", "column family")
    for text in texts.values():
        counted = sum(facts[part]["labels"].get(text, 0) for part in ("training", "validation"))
        assert counted == sum(texts[grade] == text for _, grade in rows)
    parts: dict[str, set[str]] = {}
    for row in (tmp_path / "out" / "split.csv").read_text().splitlines()[1:]:
        _, patient, _, part = row.split(",")
        parts.setdefault(patient, set()).add(part)
    assert len(parts) == 9 and all(len(part) == 1 for part in parts.values())
    assert set.union(*parts.values()) == {"training", "validation"}


def test_a_given_split_is_used(phantoms: Path, tmp_path: Path) -> None:
    names = [row.split(",")[0] for row in (phantoms / "trainLabels.csv").read_text().split()[1:]]
    parts = {name: "validation" if int(name.split("_")[0]) in (3, 5, 16) else "training" for name in names}
    (tmp_path / "split.csv").write_text("\n".join(["image,part", *(f"{name},{part}" for name, part in parts.items())]))
    train(phantoms, tmp_path / "out", small_training(data={"split": tmp_path / "split.csv"}), progress=False)
    rows = [row.split(",") for row in (tmp_path / "out" / "split.csv").read_text().splitlines()[1:]]
    assert {name: part for name, _, _, part in rows} == parts
    mixed = (tmp_path / "split.csv").read_text().replace("\n3_left,validation", "\n3_left,training")
    (tmp_path / "split.csv").write_text(mixed)
    with pytest.raises(InputError, match="patient eyepacs:3 is in training and in validation"):
        train(phantoms, tmp_path / "other", small_training(data={"split": tmp_path / "split.csv"}), progress=False)


class _Prepared(Exception):
    """Ends a training after its data are split and recorded."""


@pytest.fixture
def prepared(phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str]]:
    """Split and left-out photographs, as text, of a training with these settings of its data."""

    def stop(config: TrainingConfig) -> None:
        raise _Prepared

    def of(folder: Path = phantoms, **data: Any) -> tuple[str, str]:
        out = tmp_path / f"out {len(list(tmp_path.iterdir()))}"
        monkeypatch.setattr(fit, "_first_network", stop)
        with pytest.raises(_Prepared):
            train(folder, out, small_training(data=data), progress=False)
        return (out / "split.csv").read_text(), (out / "left_out.csv").read_text()

    return of


def test_fold_and_seed_of_the_split_are_used(prepared: Callable[..., tuple[str, str]]) -> None:
    first = prepared()[0]
    assert prepared()[0] == first
    others = [prepared(split_seed=1)[0], prepared(fold=1)[0], prepared(folds=3)[0]]
    assert len({first, *others}) == 4


def test_ungradable_photographs_are_left_out_on_request(
    tmp_path: Path, prepared: Callable[..., tuple[str, str]]
) -> None:
    data = write_eyepacs(tmp_path / "with black", 6, 0, PhantomSet(height=288, width=352))
    cv2.imwrite(str(data / "train" / "99_left.png"), np.zeros((96, 128, 3), np.uint8))
    (data / "trainLabels.csv").write_text((data / "trainLabels.csv").read_text() + "99_left,0\n")
    split, left_out = prepared(data)
    assert "\n99_left," in split and left_out.count("\n") == 1
    split, left_out = prepared(data, drop_ungradable=True)
    assert "\n99_left," not in split and "\n99_left,ungradable" in left_out.replace('"', "")


def test_the_first_weights_depend_on_the_seed_or_are_those_to_start_from(tmp_path: Path) -> None:
    nets = [fit._first_network(small_training(seed=seed)) for seed in (0, 0, 1)]
    first, same, other = (net.classifier.weight for net in nets)
    assert torch.equal(first, same) and not torch.equal(first, other)
    facts = ModelFacts("rdr5x5", 0.05, Preprocessing(32))
    save_weights(tmp_path / "start.safetensors", nets[2], facts)
    started = fit._first_network(small_training(network={"width": 0.05, "start": tmp_path / "start.safetensors"}))
    assert torch.equal(started.classifier.weight, other)


def test_missing_photographs_are_an_error_unless_allowed(phantoms: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "train").symlink_to(phantoms / "train")
    (data / "trainLabels.csv").write_text((phantoms / "trainLabels.csv").read_text() + "99_left,0\n")
    with pytest.raises(InputError, match="1 of 33 labelled images have no file"):
        train(data, tmp_path / "out", small_training(), progress=False)
