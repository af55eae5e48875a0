"""Exact resuming of trainings after SIGKILL and SIGTERM."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytest
from helpers.trainings import RESULTS, STAGED

from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.fit import SIGTERM_EXIT

ROOT = Path(__file__).resolve().parents[2]
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

# A training in its own process that sends itself a signal before a step, or while it writes a checkpoint.
DRIVER = """
import json, os, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from retina_xai.io.files import replacing
from retina_xai.training import fit, module, state
from retina_xai.training.config import TrainingConfig

data, out, settings, number, step, save = sys.argv[1:7]
counts = {"step": 0, "save": 0}
take_step, save_file, write = module.RdrModule.training_step, state.write_bytes, fit.write_results

def training_step(self, batch, batch_idx):
    counts["step"] += 1
    if counts["step"] == int(step):
        os.kill(os.getpid(), int(number))
    return take_step(self, batch, batch_idx)

def half_save(path, content):
    counts["save"] += 1
    if counts["save"] == int(save):
        with replacing(path) as partial:
            partial.write_bytes(b"half a file")
            os.kill(os.getpid(), int(number))
    return save_file(path, content)

def write_results(*arguments):
    counts["save"] += 1
    if counts["save"] == int(save):
        os.kill(os.getpid(), int(number))
    return write(*arguments)

module.RdrModule.training_step, state.write_bytes, fit.write_results = training_step, half_save, write_results
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
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("driver") / "driver.py"
    path.write_text(DRIVER)
    return path


@pytest.fixture(scope="module")
def uninterrupted(graded: Path, driver: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert _run(driver, graded, out) == 0
    return out


def _run(driver: Path, data: Path | list[Path], out: Path, interruption: Interruption | None = None) -> int:
    chosen = interruption or Interruption()
    base = {"staged": STAGED, "warmed": WARMED}[chosen.settings]
    settings = {**base, "hardware": {**base["hardware"], "workers": chosen.workers}}
    folders = os.pathsep.join(str(folder) for folder in (data if isinstance(data, list) else [data]))
    command = [sys.executable, driver, folders, out, json.dumps(settings), int(chosen.number), chosen.step, chosen.save]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, check=False, timeout=300
    )
    return done.returncode


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
    graded: Path, driver: Path, uninterrupted: Path, tmp_path: Path, interruption: Interruption, code: int
) -> None:
    out = tmp_path / "run"
    assert _run(driver, graded, out, interruption) == code
    assert not (out / "metrics.json").exists()
    assert _run(driver, graded, out, Interruption(workers=interruption.workers)) == 0
    for name in RESULTS:
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes(), name


@pytest.mark.slow
def test_a_stage_of_patches_resumes_exactly_and_metrics_are_per_data_set(
    graded: Path, driver: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    images = sorted((graded / "train").iterdir())
    rows = ["Image name,Retinopathy grade,Risk of macular edema "]
    for number, image in enumerate(images, start=1):
        (data / f"IDRiD_{number:03}.jpeg").write_bytes(image.read_bytes())
        rows.append(f"IDRiD_{number:03},{number % 5},0")
    (data / "grades.csv").write_text("\n".join(rows))
    whole, broken = Interruption(settings="warmed"), tmp_path / "broken"
    assert _run(driver, [graded, data], tmp_path / "whole", whole) == 0
    for stop in (Interruption(step=5, settings="warmed"), Interruption(step=8, workers=1, settings="warmed")):
        assert _run(driver, [graded, data], broken, stop) == -signal.SIGKILL
    assert _run(driver, [graded, data], broken, whole) == 0
    for name in RESULTS:
        assert (broken / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    metrics = json.loads((broken / "metrics.json").read_text())
    assert set(metrics["sources"]) == {"eyepacs", "idrid"}
    assert sum(one["images"] for one in metrics["sources"].values()) == metrics["images"]
    facts = load_classifier(broken / "rdr.safetensors").facts
    assert facts.preprocessing.background == 0.05 and facts.preprocessing.std == (12.0, 9.0, 5.5)


@pytest.mark.slow
def test_a_finished_run_has_all_files(uninterrupted: Path) -> None:
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
