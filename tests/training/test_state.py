"""Files of a run: the best epoch, early stopping, errors, and atomic checkpoints that execute no code."""

import math
import pickle
from pathlib import Path

import pytest
import torch

from retina_xai.errors import InputError, UsageError
from retina_xai.training.config import TrainingConfig
from retina_xai.training.module import EpochScore
from retina_xai.training.state import AtomicCheckpoints, BestCheckpoint, RunFolder, read_state

SETTINGS = {"stages": [{"size": 32, "epochs": 6}], "patience": 2}
CONFIG = TrainingConfig.from_mapping(SETTINGS)


def _checkpoint(aurocs: list[float], config: TrainingConfig = CONFIG) -> BestCheckpoint:
    checkpoint = BestCheckpoint(RunFolder(Path("unused")), config, 0)
    for epoch, value in enumerate(aurocs):
        checkpoint.update(EpochScore(1.0, 1.0 - epoch / 10, value), {"w": torch.tensor([float(epoch)])})
    return checkpoint


def test_the_best_epoch_is_the_first_of_the_highest_auroc() -> None:
    checkpoint = _checkpoint([0.6, 0.8, 0.8, 0.7])
    assert checkpoint.best_epoch == 1 and checkpoint.best["w"].item() == 1.0


def test_the_kept_weights_are_a_copy() -> None:
    weights = {"w": torch.zeros(1)}
    checkpoint = _checkpoint([])
    checkpoint.update(EpochScore(1.0, 1.0, 0.5), weights)
    weights["w"].fill_(7)
    assert checkpoint.best["w"].item() == 0


def test_without_auroc_the_lowest_loss_wins() -> None:
    assert _checkpoint([math.nan] * 3).best_epoch == 2


@pytest.mark.parametrize(
    ("aurocs", "finished"),
    [([0.5, 0.6], False), ([0.6, 0.5], False), ([0.6, 0.5, 0.6], True), ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], True)],
)
def test_a_stage_ends_by_patience_or_by_epochs(aurocs: list[float], finished: bool) -> None:
    assert _checkpoint(aurocs).finished is finished


def test_the_state_survives_a_file(tmp_path: Path) -> None:
    checkpoint, path = _checkpoint([0.6, math.nan, 0.7]), tmp_path / "a.ckpt"
    AtomicCheckpoints().save_checkpoint({"callbacks": {"k": checkpoint.state_dict()}}, path)
    state = read_state(path)
    assert state is not None
    other = _checkpoint([])
    other.load_state_dict(state["callbacks"]["k"])
    assert repr(other.scores) == repr(checkpoint.scores) and other.best_epoch == 2
    assert torch.equal(other.best["w"], checkpoint.best["w"])


def test_a_missing_row_of_the_log_is_restored_from_the_checkpoint(tmp_path: Path) -> None:
    config = TrainingConfig.from_mapping({"stages": [{"size": size, "epochs": 2} for size in (32, 48, 64)]})
    log = tmp_path / "log.csv"
    checkpoints = [BestCheckpoint(RunFolder(tmp_path), config, stage) for stage in range(3)]
    for checkpoint in checkpoints:
        for epoch in range(2):
            checkpoint.update(EpochScore(1.0, 0.5, 0.25 * epoch), {})
        checkpoint.write_log()
    whole = log.read_text()
    assert whole.splitlines()[3:5] == ["2,48,1,1.0,0.5,0.0", "2,48,2,1.0,0.5,0.25"] and len(whole.splitlines()) == 7
    log.write_text(whole.replace("2,48,2,1.0,0.5,0.25\n", ""))
    checkpoints[1].write_log()
    assert log.read_text() == whole


def test_a_failed_save_keeps_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.ckpt"
    AtomicCheckpoints().save_checkpoint({"callbacks": {}, "n": 1}, path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        AtomicCheckpoints().save_checkpoint({"callbacks": {}, "n": 2}, path)
    monkeypatch.undo()
    assert (read_state(path) or {})["n"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.ckpt"]


class _Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("content", [pickle.dumps({"callbacks": _Payload()}), b"", b"PK\x03\x04 cut"])
def test_a_foreign_checkpoint_executes_nothing_and_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "stage-1.ckpt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"stage-1.ckpt: damaged, or not a training checkpoint"):
        read_state(path)


def test_a_payload_in_torch_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stage-1.ckpt"
    torch.save({"callbacks": _Payload()}, path)
    with pytest.raises(InputError, match="damaged, or not a training checkpoint"):
        read_state(path)
    torch.save([1, 2], path)
    with pytest.raises(InputError, match="not a training checkpoint"):
        read_state(path)
    assert read_state(tmp_path / "none.ckpt") is None


def test_a_used_folder_is_refused_without_resume(tmp_path: Path) -> None:
    RunFolder.open(tmp_path / "run", CONFIG, resume=False)
    with pytest.raises(UsageError, match=r"run: not an empty folder;.*--resume"):
        RunFolder.open(tmp_path / "run", CONFIG, resume=False)
    RunFolder.open(tmp_path / "run", CONFIG, resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: not an empty folder"):
        RunFolder.open(tmp_path / "file", CONFIG, resume=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed was 0 and is now 1"),
        ({"stages": [{"size": 64, "epochs": 6}]}, "stages.0.size was 32 and is now 64"),
        ({"stages": [*SETTINGS["stages"], *SETTINGS["stages"]]}, "stages.1.batch was None and is now 32"),  # type: ignore[misc]
        ({"patience": None}, "patience was 2 and is now None"),
        ({"hardware": {"precision": "bf16-mixed"}}, "hardware.precision was '32-true' and is now 'bf16-mixed'"),
    ],
)
def test_resuming_with_other_settings_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    RunFolder.open(tmp_path / "run", CONFIG, resume=False)
    with pytest.raises(UsageError, match=message):
        RunFolder.open(tmp_path / "run", TrainingConfig.from_mapping({**SETTINGS, **change}), resume=True)


def test_resuming_with_other_workers_is_allowed(tmp_path: Path) -> None:
    RunFolder.open(tmp_path / "run", CONFIG, resume=False)
    other = TrainingConfig.from_mapping({**SETTINGS, "hardware": {"workers": 2}})
    assert RunFolder.open(tmp_path / "run", other, resume=True).folder == tmp_path / "run"
