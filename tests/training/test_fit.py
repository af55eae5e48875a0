"""Whole trainings on sixteen small patients: results, refusals, and exact resumption after SIGKILL and SIGTERM."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.models.checkpoint import ModelFacts, load_classifier, save_weights
from retina_xai.training import fit
from retina_xai.training.config import TrainingConfig
from retina_xai.training.fit import SIGTERM_EXIT, train

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Any] = {
    "stages": [{"size": 32, "epochs": 3, "batch": 4}, {"size": 48, "epochs": 3, "batch": 4}],
    "network": {"width": 0.05},
    "hardware": {"accelerator": "cpu", "devices": 1},
}
WARMED: dict[str, Any] = {
    "stages": [
        {"kind": "patches", "size": 32, "source_size": 96, "epochs": 2, "batch": 4, "draws": 12},
        {"size": 48, "epochs": 2, "batch": 4, "drawn": 0.5, "drawn_decay": 0.9},
    ],
    "network": {"width": 0.05},
    "hardware": {"accelerator": "cpu", "devices": 1},
    "preprocessing": {"mean": [0, 0, 0], "std": [12, 9, 5.5], "background": 0.05},
    "augmentation": {"blur": 0.8, "noise": 2},
    "balance": {"referable": 0.45},
}
RESULTS = ("rdr.safetensors", "metrics.json", "log.csv", "split.csv", "left_out.csv")

# A training in a process of its own that sends itself a signal before a step, or in the midst of a checkpoint.
DRIVER = """
import json, os, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from retina_xai.training import fit, module
from retina_xai.training.config import TrainingConfig

data, out, settings, number, step, save = sys.argv[1:7]
counts = {"step": 0, "save": 0}
take_step, save_file, write = module.RdrModule.training_step, torch.save, fit.write_results

def training_step(self, batch, batch_idx):
    counts["step"] += 1
    if counts["step"] == int(step):
        os.kill(os.getpid(), int(number))
    return take_step(self, batch, batch_idx)

def half_save(content, file, *rest):
    counts["save"] += 1
    if counts["save"] == int(save):
        Path(file).write_bytes(b"half a file")
        os.kill(os.getpid(), int(number))
    return save_file(content, file, *rest)

def write_results(*arguments):
    counts["save"] += 1
    if counts["save"] == int(save):
        os.kill(os.getpid(), int(number))
    return write(*arguments)

module.RdrModule.training_step, torch.save, fit.write_results = training_step, half_save, write_results
if __name__ == "__main__":
    folders = [Path(one) for one in data.split(os.pathsep)]
    fit.train(folders, Path(out), TrainingConfig.from_mapping(json.loads(settings)), resume=True, progress=False)
"""


@dataclass(frozen=True)
class Interruption:
    """A signal before training step `step`, or within save `save` (0: never): six epochs, then the results."""

    number: signal.Signals = signal.SIGKILL
    step: int = 0
    save: int = 0
    workers: int = 0
    settings: str = "staged"


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two eyes of sixteen patients, discs with as many dark dots as the grade says."""
    folder, rng = tmp_path_factory.mktemp("eyepacs"), np.random.default_rng(0)
    (folder / "train").mkdir()
    rows = ["image,level"]
    for number in range(1, 17):
        for side in ("left", "right"):
            level = int(rng.integers(0, 5))
            image = np.zeros((96, 128, 3), np.uint8)
            cv2.circle(image, (64, 48), 44, (40, 90, 160), -1)
            for x, y in rng.integers(30, 70, (4 * level, 2)).tolist():
                cv2.circle(image, (x, y), 3, (20, 20, 60), -1)
            cv2.imwrite(str(folder / "train" / f"{number}_{side}.jpeg"), image)
            rows.append(f"{number}_{side},{level}")
    (folder / "trainLabels.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("driver") / "driver.py"
    path.write_text(DRIVER)
    return path


@pytest.fixture(scope="module")
def uninterrupted(phantoms: Path, driver: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert _run(driver, phantoms, out) == 0
    return out


def _run(driver: Path, data: Path | list[Path], out: Path, interruption: Interruption | None = None) -> int:
    chosen = interruption or Interruption()
    base = {"staged": SETTINGS, "warmed": WARMED}[chosen.settings]
    settings = {**base, "hardware": {**base["hardware"], "workers": chosen.workers}}
    folders = os.pathsep.join(str(folder) for folder in (data if isinstance(data, list) else [data]))
    command = [sys.executable, driver, folders, out, json.dumps(settings), int(chosen.number), chosen.step, chosen.save]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, check=False, timeout=300
    )
    return done.returncode


def _small(**change: Any) -> TrainingConfig:
    one = {**SETTINGS, "stages": [{"size": 32, "epochs": 1, "batch": 8}]}
    return TrainingConfig.from_mapping({**one, **change})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("interruption", "code"),
    [
        (Interruption(signal.SIGKILL, step=3), -signal.SIGKILL),  # in the first epoch: nothing is kept yet
        (Interruption(signal.SIGKILL, step=10, workers=1), -signal.SIGKILL),  # in the second epoch
        (Interruption(signal.SIGKILL, save=5), -signal.SIGKILL),  # while stage 2, epoch 2 is written
        (Interruption(signal.SIGKILL, save=7), -signal.SIGKILL),  # after the last epoch, before the results
        (Interruption(signal.SIGTERM, step=28), SIGTERM_EXIT),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    phantoms: Path, driver: Path, uninterrupted: Path, tmp_path: Path, interruption: Interruption, code: int
) -> None:
    out = tmp_path / "run"
    assert _run(driver, phantoms, out, interruption) == code
    assert not (out / "metrics.json").exists()
    assert _run(driver, phantoms, out, Interruption(workers=interruption.workers)) == 0
    for name in RESULTS:
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes(), name


@pytest.mark.slow
def test_a_warm_up_on_patches_resumes_exactly_and_figures_come_per_set(
    phantoms: Path, driver: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    images = sorted((phantoms / "train").iterdir())
    rows = ["Image name,Retinopathy grade,Risk of macular edema "]
    for number, image in enumerate(images, start=1):
        (data / f"IDRiD_{number:03}.jpeg").write_bytes(image.read_bytes())
        rows.append(f"IDRiD_{number:03},{number % 5},0")
    (data / "grades.csv").write_text("\n".join(rows))
    whole, broken = Interruption(settings="warmed"), tmp_path / "broken"
    assert _run(driver, [phantoms, data], tmp_path / "whole", whole) == 0
    for stop in (Interruption(step=5, settings="warmed"), Interruption(step=8, workers=1, settings="warmed")):
        assert _run(driver, [phantoms, data], broken, stop) == -signal.SIGKILL
    assert _run(driver, [phantoms, data], broken, whole) == 0
    for name in RESULTS:
        assert (broken / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    metrics = json.loads((broken / "metrics.json").read_text())
    assert set(metrics["sources"]) == {"eyepacs", "idrid"}
    assert sum(one["images"] for one in metrics["sources"].values()) == metrics["images"]
    facts = load_classifier(broken / "rdr.safetensors").facts
    assert facts.preprocessing.background == 0.05 and facts.preprocessing.std == (12.0, 9.0, 5.5)


@pytest.mark.slow
def test_a_finished_run_holds_everything(uninterrupted: Path) -> None:
    metrics = json.loads((uninterrupted / "metrics.json").read_text())
    log = (uninterrupted / "log.csv").read_text().splitlines()
    facts = load_classifier(uninterrupted / "rdr.safetensors").facts
    assert len(log) == 1 + 6 and log[0].startswith("stage,size,epoch")
    assert facts.preprocessing.size == 48 and facts.threshold == metrics["threshold"]
    assert facts.training["validation"]["images"] == metrics["images"]
    stage, size, epoch, *_, auroc = max(log[4:], key=lambda row: float(row.split(",")[-1])).split(",")
    assert (stage, size) == ("2", "48") and metrics["training"]["stages"][1]["best_epoch"] == int(epoch)
    assert metrics["auroc"] == pytest.approx(float(auroc))
    low, high = metrics["auroc_interval"]
    assert low <= metrics["auroc"] <= high
    for name in ("roc.png", "calibration.png", "learning_curve.png"):
        assert cv2.imread(str(uninterrupted / name)) is not None
    assert str(uninterrupted) not in json.dumps(metrics) + json.dumps(dict(facts.training))


def test_validation_of_one_class_has_no_auroc_and_no_crash(phantoms: Path, tmp_path: Path) -> None:
    rows = (phantoms / "trainLabels.csv").read_text().split()[1:]
    grades = dict(row.split(",") for row in rows)
    mixed = {name.split("_")[0] for name, grade in grades.items() if int(grade) >= 2}
    parts = [f"{name},{'training' if name.split('_')[0] in mixed else 'validation'}" for name in grades]
    (tmp_path / "split.csv").write_text("\n".join(["image,part", *parts]))
    result = train(phantoms, tmp_path / "out", _small(data={"split": tmp_path / "split.csv"}), progress=False)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["auroc"] is None and metrics["auroc_interval"] == [None, None]
    assert metrics["sensitivity_at_90_specificity"] is None and metrics["threshold"] == 0.5
    assert load_classifier(result.weights).facts.threshold == 0.5


def test_a_loss_that_is_not_finite_keeps_the_last_good_epoch(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retina_xai.training import module

    take = module.RdrModule.training_step

    def explode(self: module.RdrModule, batch: Any, batch_idx: int) -> Any:
        images, levels = batch
        return take(self, (images * (float("nan") if self.current_epoch == 1 else 1.0), levels), batch_idx)

    monkeypatch.setattr(module.RdrModule, "training_step", explode)
    config = _small(stages=[{"size": 32, "epochs": 3, "batch": 8}])
    with pytest.raises(ModelError, match="training loss became nan in stage 1, epoch 2, step 1"):
        train(phantoms, tmp_path / "out", config, progress=False)
    assert len((tmp_path / "out" / "log.csv").read_text().splitlines()) == 2
    monkeypatch.undo()
    train(phantoms, tmp_path / "out", config, resume=True, progress=False)
    assert (tmp_path / "out" / "rdr.safetensors").is_file()


def test_resuming_a_finished_run_writes_the_same_again(phantoms: Path, tmp_path: Path) -> None:
    # the log as an end between the last checkpoint and the log leaves it, and no results yet
    train(phantoms, tmp_path, _small(), resume=True, progress=False)
    files = {name: (tmp_path / name).read_bytes() for name in RESULTS}
    (tmp_path / "log.csv").write_text("")
    (tmp_path / "metrics.json").unlink()
    train(phantoms, tmp_path, _small(), resume=True, progress=False)
    assert {name: (tmp_path / name).read_bytes() for name in RESULTS} == files


def test_early_stop_ends_a_stage(phantoms: Path, tmp_path: Path) -> None:
    # a vanishing learning rate: the network stays as it was drawn, and no epoch is better than the first
    config = _small(
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
    train(data, tmp_path / "out", _small(), progress=False)
    with pytest.raises(UsageError, match="not an empty folder"):
        train(data, tmp_path / "out", _small(), progress=False)
    first = labels.splitlines()[1]
    (data / "trainLabels.csv").write_text(labels.replace(first, f"{first[:-1]}{(int(first[-1]) + 1) % 5}"))
    with pytest.raises(UsageError, match="photographs, grades or split changed"):
        train(data, tmp_path / "out", _small(), resume=True, progress=False)


def test_starting_weights_must_fit(phantoms: Path, tmp_path: Path) -> None:
    first = train(phantoms, tmp_path / "first", _small(), progress=False)
    again = _small(network={"width": 0.05, "start": first.weights})
    train(phantoms, tmp_path / "again", again, progress=False)
    wider = _small(network={"width": 0.1, "start": first.weights})
    with pytest.raises(ModelError, match=r"rdr5x5 of width 0.05, the settings say rdr5x5 of width 0.1"):
        train(phantoms, tmp_path / "wider", wider, progress=False)


def test_unreadable_photographs_are_listed_and_counted(phantoms: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "train").mkdir(parents=True)
    for file in (phantoms / "train").iterdir():
        (data / "train" / file.name).write_bytes(file.read_bytes())
    (data / "trainLabels.csv").write_text((phantoms / "trainLabels.csv").read_text())
    (data / "train" / "3_left.jpeg").write_text("no picture")
    result = train(data, tmp_path / "out", _small(), progress=False)
    assert result.metrics["training"]["left_out"] == 1
    assert "3_left" in (tmp_path / "out" / "left_out.csv").read_text()
    assert "\n3_left," not in (tmp_path / "out" / "split.csv").read_text()


def test_own_labels_of_any_text_are_trained_and_split_by_patient(phantoms: Path, tmp_path: Path) -> None:
    rows = [row.split(",") for row in (phantoms / "trainLabels.csv").read_text().split()[1:]]
    texts = {"0": "none", "1": "none", "2": "NPDR", "3": "NPDR", "4": "PDR"}
    table = tmp_path / "own.csv"
    # both eyes of two neighbours belong to one family, which counts as one patient
    families = [f"{name}.jpeg,{texts[grade]},family {int(name.split('_')[0]) // 2}" for name, grade in rows]
    table.write_text("\n".join(["photograph,DR,family", *families]) + "\n")
    config = _small().with_data(
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
    train(phantoms, tmp_path / "out", _small(data={"split": tmp_path / "split.csv"}), progress=False)
    rows = [row.split(",") for row in (tmp_path / "out" / "split.csv").read_text().splitlines()[1:]]
    assert {name: part for name, _, _, part in rows} == parts
    mixed = (tmp_path / "split.csv").read_text().replace("\n3_left,validation", "\n3_left,training")
    (tmp_path / "split.csv").write_text(mixed)
    with pytest.raises(InputError, match="patient eyepacs:3 is in training and in validation"):
        train(phantoms, tmp_path / "other", _small(data={"split": tmp_path / "split.csv"}), progress=False)


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
            train(folder, out, _small(data=data), progress=False)
        return (out / "split.csv").read_text(), (out / "left_out.csv").read_text()

    return of


def test_fold_and_seed_of_the_split_are_used(prepared: Callable[..., tuple[str, str]]) -> None:
    first = prepared()[0]
    assert prepared()[0] == first
    others = [prepared(split_seed=1)[0], prepared(fold=1)[0], prepared(folds=3)[0]]
    assert len({first, *others}) == 4


def test_ungradable_photographs_are_left_out_on_request(
    phantoms: Path, tmp_path: Path, prepared: Callable[..., tuple[str, str]]
) -> None:
    data = tmp_path / "with black"
    (data / "train").mkdir(parents=True)
    for file in (phantoms / "train").iterdir():
        (data / "train" / file.name).symlink_to(file)
    cv2.imwrite(str(data / "train" / "99_left.png"), np.zeros((96, 128, 3), np.uint8))
    (data / "trainLabels.csv").write_text((phantoms / "trainLabels.csv").read_text() + "99_left,0\n")
    split, left_out = prepared(data)
    assert "\n99_left," in split and left_out.count("\n") == 1
    split, left_out = prepared(data, drop_ungradable=True)
    assert "\n99_left," not in split and "\n99_left,ungradable" in left_out.replace('"', "")


def test_the_first_weights_depend_on_the_seed_or_are_those_to_start_from(tmp_path: Path) -> None:
    nets = [fit._first_network(_small(seed=seed)) for seed in (0, 0, 1)]
    first, same, other = (net.classifier.weight for net in nets)
    assert torch.equal(first, same) and not torch.equal(first, other)
    facts = ModelFacts("rdr5x5", 0.05, Preprocessing(32))
    save_weights(tmp_path / "start.safetensors", nets[2], facts)
    started = fit._first_network(_small(network={"width": 0.05, "start": tmp_path / "start.safetensors"}))
    assert torch.equal(started.classifier.weight, other)


def test_missing_photographs_are_an_error_unless_allowed(phantoms: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "train").symlink_to(phantoms / "train")
    (data / "trainLabels.csv").write_text((phantoms / "trainLabels.csv").read_text() + "99_left,0\n")
    with pytest.raises(InputError, match="1 of 33 labelled images have no file"):
        train(data, tmp_path / "out", _small(), progress=False)
