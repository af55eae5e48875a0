"""Files of a run that are needed to resume it: settings, data, and one checkpoint per stage.

A checkpoint is Lightning's (weights, moving average, optimiser, schedule, progress) with the state of `BestCheckpoint`
(scores of all epochs, best weights). It is one file, replaced atomically and read with weights_only=True, so loading it
executes no code. Before it is read, the checksums of its parts are compared, which torch does not do.

Lightning's own callbacks do not resume exactly. Tried with version 2.6.6:

    ModelCheckpoint   saves best weights and state in two files, and loses the best score if the folder was moved.
    EarlyStopping     does not save that a stage has ended; a resumed run trains one more epoch.
    CSVLogger         deletes the rows of the epochs before the interruption.

Read in the source of that version, not tried:

    CheckpointIO      writes to the system's temporary folder and moves the file. A move to another file system is a
                      copy; a process killed during the copy leaves a damaged file.
    WeightAveraging   uses the same AveragedModel as `module`, but the average is not accessible at the end of an epoch.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning_utilities.core.rank_zero import rank_zero_only

from retina_xai.errors import InputError, UsageError
from retina_xai.grades.photographs import LabelledPhotograph
from retina_xai.io.files import remove_stale, write_bytes, write_csv, write_text
from retina_xai.io.locks import LOCK_FILE
from retina_xai.training.config import TrainingConfig
from retina_xai.training.data.cache import Cache
from retina_xai.training.data.split import write_split
from retina_xai.training.module import EpochScore, RdrModule

LOG_COLUMNS = "stage,size,epoch,train_loss,val_loss,val_auroc"
FREE_SETTINGS = ("hardware.workers", "hardware.tensorboard", "data.cache")


@dataclass(frozen=True)
class RunFolder:
    """The output folder of a run."""

    folder: Path

    @classmethod
    def open(cls, folder: Path, config: TrainingConfig, resume: bool) -> "RunFolder":
        """Begin a run, or resume one with the same settings; only the first process checks and writes.

        Raises:
            UsageError: the folder is not empty and `resume` is not given, or a setting has changed.
        """
        run = cls(folder)
        if not first_process():
            return run
        if folder.exists() and not resume and (not folder.is_dir() or _used(folder)):
            raise UsageError(f"{folder}: not an empty folder; choose another --out, or resume its run with --resume")
        remove_stale(folder, depth=2)
        settings = folder / "config.toml"
        if settings.is_file():
            _refuse_changes(settings, TrainingConfig.from_toml(settings), config)
        write_text(settings, config.to_toml())
        return run

    @property
    def weights(self) -> Path:
        """The resulting weights."""
        return self.folder / "rdr.safetensors"

    def checkpoint(self, stage: int) -> Path:
        """The checkpoint of a stage (counted from 0)."""
        return self.folder / "state" / f"stage-{stage + 1}.ckpt"

    def record_data(self, photographs: Sequence[LabelledPhotograph], parts: Mapping[str, str], cache: Cache) -> None:
        """Write split.csv and left_out.csv.

        Raises:
            UsageError: the run was started with other photographs, grades or parts.
        """
        if not first_process():
            return
        rows = [
            f"{photo.image},{photo.level},{parts[photo.image]},{cache.hashes[photo.image]}" for photo in photographs
        ]
        digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()
        if self._fingerprint.is_file() and self._fingerprint.read_text(encoding="utf-8") != digest:
            raise UsageError(
                f"{self.folder}: photographs, grades or split changed since this run began; choose another --out"
            )
        write_split(self.folder / "split.csv", photographs, parts)
        write_csv(self.folder / "left_out.csv", ["image", "reason"], cache.left_out.items())
        write_text(self._fingerprint, digest)

    @property
    def _fingerprint(self) -> Path:
        return self.folder / "state" / "data.sha256"


class AtomicCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoint plugin with atomic writes, and reads that execute no code."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the file at `path` (atomic)."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_bytes(Path(path), content.getbuffer())

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        """Read a checkpoint to the CPU; `weights_only` is always true."""
        return read_state(Path(path)) or {}


class BestCheckpoint(Checkpoint):
    """After every epoch: update score and best weights, decide whether to stop, write checkpoint and log."""

    def __init__(self, run: RunFolder, config: TrainingConfig, stage: int) -> None:
        self.run, self.config, self.stage = run, config, stage
        self.scores: list[EpochScore] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_epoch = -1

    @property
    def finished(self) -> bool:
        """Whether the stage has completed its epochs, or `patience` epochs without an improvement."""
        waited = len(self.scores) - 1 - self.best_epoch
        done = len(self.scores) >= self.config.stages[self.stage].epochs
        return done or (self.config.patience is not None and waited >= self.config.patience)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Runs after validation and after all other callbacks."""
        if not isinstance(pl_module, RdrModule):
            raise TypeError(f"BestCheckpoint expects an RdrModule, not a {type(pl_module).__name__}")
        self.update(pl_module.last, pl_module.result.state_dict())
        trainer.should_stop = trainer.should_stop or self.finished
        trainer.save_checkpoint(self.run.checkpoint(self.stage))
        self.write_log()

    def update(self, score: EpochScore, weights: Mapping[str, torch.Tensor]) -> None:
        """Append an epoch's score, and copy its weights if it is the best so far (ties: the first)."""
        self.scores.append(score)
        if self.best_epoch < 0 or score.rank > self.scores[self.best_epoch].rank:
            self.best_epoch = len(self.scores) - 1
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}

    def state_dict(self) -> dict[str, Any]:
        """Scores, best epoch and best weights, as plain numbers and tensors."""
        scores = [list(astuple(score)) for score in self.scores]
        return {"scores": scores, "best_epoch": self.best_epoch, "best": self.best}

    def restore(self, state: Mapping[str, Any], path: Path) -> None:
        """Restore from `state`, the checkpoint read from `path`.

        Raises:
            InputError: it was written by another version.
        """
        if self.state_key not in state["callbacks"]:
            raise InputError(f"{path}: checkpoint of another version of retina-xai; delete it to repeat this stage")
        self.load_state_dict(state["callbacks"][self.state_key])

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.scores = [EpochScore(*score) for score in state_dict["scores"]]
        self.best_epoch, self.best = state_dict["best_epoch"], state_dict["best"]

    def write_log(self) -> None:
        """Replace this stage's rows of log.csv; only the first process writes."""
        if not first_process():
            return
        path, number = self.run.folder / "log.csv", self.stage + 1
        former = path.read_text(encoding="utf-8").splitlines()[1:] if path.is_file() else []
        rows = [(row, int(stage)) for row in former if (stage := row.split(",")[0]).isdecimal()]
        earlier = [row for row, stage in rows if stage < number]
        later = [row for row, stage in rows if stage > number]
        size = self.config.stages[self.stage].size
        own = [
            f"{number},{size},{epoch},{score.train_loss!r},{score.loss!r},{score.auroc!r}"
            for epoch, score in enumerate(self.scores, start=1)
        ]
        write_text(path, "\n".join([LOG_COLUMNS, *earlier, *own, *later]) + "\n")


def first_process() -> bool:
    """Whether this is the first process of the run, the only one that writes."""
    return not getattr(rank_zero_only, "rank", 0)


def read_state(path: Path) -> dict[str, Any] | None:
    """A checkpoint, on the CPU; None if the file does not exist.

    Raises:
        InputError: the file is damaged or is not a checkpoint of a training.
    """
    if not path.is_file():
        return None
    try:
        content = io.BytesIO(path.read_bytes())
        with zipfile.ZipFile(content) as archive:
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"wrong checksum of {damaged}")
        content.seek(0)
        state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile and torch raise anything on damaged files
        raise InputError(f"{path}: damaged, or not a training checkpoint; delete it to repeat this stage") from error
    if not isinstance(state, dict) or "callbacks" not in state:
        raise InputError(f"{path}: not a training checkpoint; delete it to repeat this stage")
    return state


def _used(folder: Path) -> bool:
    return any(path.name != LOCK_FILE for path in folder.iterdir())


def _refuse_changes(path: Path, former: TrainingConfig, config: TrainingConfig) -> None:
    old, new = _flat(former.model_dump(mode="json")), _flat(config.model_dump(mode="json"))
    changed = [key for key in sorted(old.keys() | new) if old.get(key) != new.get(key) and key not in FREE_SETTINGS]
    if changed:
        key = changed[0]
        raise UsageError(
            f"{path}: {key} was {old.get(key)!r} and is now {new.get(key)!r}; resume with the settings the run began"
            " with, or choose another --out"
        )


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dicts and lists as one level: {"stages.0.size": 112}."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    flat: dict[str, Any] = {}
    for key, value in items:
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict | list) else {f"{prefix}{key}": value}
    return flat
