"""Trainings: what may not end them, what must end them with one line, and what may not change their result."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from helpers.trainings import RESULTS, small_training

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.io import images
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training import module
from retina_xai.training.data.loading import Prepared
from retina_xai.training.fit import train


def test_validation_of_one_class_has_no_auroc(graded: Path, tmp_path: Path) -> None:
    rows = (graded / "trainLabels.csv").read_text().split()[1:]
    grades = dict(row.split(",") for row in rows)
    mixed = {name.split("_")[0] for name, grade in grades.items() if int(grade) >= 2}
    parts = [f"{name},{'training' if name.split('_')[0] in mixed else 'validation'}" for name in grades]
    (tmp_path / "split.csv").write_text("\n".join(["image,part", *parts]))
    result = train(graded, tmp_path / "out", small_training(data={"split": tmp_path / "split.csv"}), progress=False)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["auroc"] is None and metrics["auroc_interval"] == [None, None]
    assert metrics["sensitivity_at_90_specificity"] is None and metrics["threshold"] == 0.5
    assert load_classifier(result.weights).facts.threshold == 0.5


def test_a_loss_that_is_not_finite_keeps_the_last_good_epoch(
    graded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = module.RdrModule.training_step

    def explode(self: module.RdrModule, batch: Any, batch_idx: int) -> Any:
        images, levels = batch
        return take(self, (images * (float("nan") if self.current_epoch == 1 else 1.0), levels), batch_idx)

    monkeypatch.setattr(module.RdrModule, "training_step", explode)
    config = small_training(stages=[{"size": 32, "epochs": 3, "batch": 8}])
    with pytest.raises(ModelError, match="training loss became nan in stage 1, epoch 2, step 1"):
        train(graded, tmp_path / "out", config, progress=False)
    assert len((tmp_path / "out" / "log.csv").read_text().splitlines()) == 2
    monkeypatch.undo()
    train(graded, tmp_path / "out", config, resume=True, progress=False)
    assert (tmp_path / "out" / "rdr.safetensors").is_file()


def test_an_unexpected_error_of_one_photograph_leaves_it_out_with_its_name(
    graded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = images.Photograph

    def broken(pixels: Any, name: str, *rest: Any) -> images.Photograph:
        if name == "3_left.jpeg":
            raise ZeroDivisionError("oh")
        return kept(pixels, name, *rest)

    monkeypatch.setattr(images, "Photograph", broken)
    result = train(graded, tmp_path / "out", small_training(), progress=False)
    left_out = pd.read_csv(tmp_path / "out" / "left_out.csv")
    reason = "3_left.jpeg: internal error (ZeroDivisionError: oh)"
    assert left_out.to_dict("records") == [{"image": "3_left", "reason": reason}]
    assert result.metrics["training"]["left_out"] == 1


@pytest.mark.slow
def test_the_number_of_workers_does_not_change_the_result(graded: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        config = small_training(hardware={"accelerator": "cpu", "devices": 1, "workers": workers})
        train(graded, tmp_path / str(workers), config, progress=False)
    for name in RESULTS:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


@pytest.mark.slow
def test_a_killed_worker_ends_the_training_with_one_line_and_it_resumes(
    graded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_training(hardware={"accelerator": "cpu", "devices": 1, "workers": 1})
    with monkeypatch.context() as patched:
        patched.setattr(Prepared, "__getitem__", lambda self, index: os._exit(9))
        with pytest.raises(InputError, match=r"^stage 1: a process of the data loader was killed; .* --resume$"):
            train(graded, tmp_path / "out", config, progress=False)
    train(graded, tmp_path / "out", config, resume=True, progress=False)
    assert (tmp_path / "out" / "metrics.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't"), MemoryError()]
)
def test_too_little_memory_names_the_setting_to_lower(
    graded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: Any) -> None:
        raise error

    monkeypatch.setattr(module.RdrModule, "training_step", full)
    with pytest.raises(UsageError, match=r"^stage 1: not enough memory for its batches; lower stages\.0\.batch"):
        train(graded, tmp_path / "out", small_training(), progress=False)
