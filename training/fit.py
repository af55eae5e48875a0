"""The training: read and split the photographs, prepare them, fit every stage, measure the best weights.

    retina-xai train --data DIR [--data DIR] --out DIR [--labels FILE.csv] [--config FILE.toml] [--resume]
    torchrun --nproc-per-node 8 -m retina_xai.app.cli.main train --devices 8 ...    # or srun: one shared OUT

OUT contains rdr.safetensors, metrics.json, scores.csv (of the validation and the test part), roc.png, calibration.png,
learning_curve.png, log.csv, split.csv, left_out.csv (unreadable or ungradable photographs), config.toml (all settings),
cache/, and state/ (checkpoints).

Resuming: after every epoch, a checkpoint with the whole state is written atomically, so a killed run loses at most the
current epoch. Every random number is a function of (seed, stage, epoch, position), so a resumed run repeats that epoch
exactly. On the CPU its result is bit-equal to that of an uninterrupted run. Ctrl-C (exit code 130 of the command) and
SIGTERM (143 = 128 + 15) end the run at the next step; it can be resumed too.
"""

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from retina_xai.errors import InputError, ModelError, ServerError, UsageError
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.grades.photographs import LabelledPhotograph, LabelledSet
from retina_xai.grades.reading import read_labelled
from retina_xai.io.files import remove_stale
from retina_xai.io.locks import only_process
from retina_xai.models.checkpoint import load_classifier
from retina_xai.models.rdr import RdrNet
from retina_xai.runner import NO_MEMORY
from retina_xai.training.config import TrainingConfig
from retina_xai.training.data.cache import Cache, CacheRequest, fill_cache
from retina_xai.training.data.loading import StageData, check_parts
from retina_xai.training.data.split import LEARNING, PARTS, check_disjoint, read_split, split_patients
from retina_xai.training.hardware import check_hardware, quiet, trainer_arguments
from retina_xai.training.measure import Trained, write_results
from retina_xai.training.module import RdrModule
from retina_xai.training.processes import Team
from retina_xai.training.state import AtomicCheckpoints, BestCheckpoint, RunFolder, first_process, read_state

SIGTERM_EXIT = 143

GLOO = "/gloo/transport/"
"""Part of the message of torch, which raises a plain RuntimeError where a connection on the CPU breaks."""


@dataclass(frozen=True)
class TrainingResult:
    """The path of the weights, and the content of metrics.json (empty in all processes but the first)."""

    weights: Path
    metrics: dict[str, Any]


@dataclass(frozen=True)
class TrainingData:
    """The cache, and the photographs of the training and validation sets."""

    cache: Cache
    parts: dict[str, list[LabelledPhotograph]]


def train(
    data: Path | Sequence[Path],
    out: Path,
    config: TrainingConfig,
    *,
    resume: bool = False,
    allow_missing: bool = False,
    progress: bool = True,
) -> TrainingResult:
    """Train on one or several folders of labelled photographs and write all results to `out`.

    Args:
        resume: resume the run in `out`, or start one if there is none.
        allow_missing: count labelled images without a file instead of raising an error.
        progress: show progress bars on the terminal.

    Raises:
        InputError: unfit data (see `retina_xai.grades.reading`).
        UsageError: `out` is not empty and `resume` is not given, settings or data have changed, another process trains
            into `out`, this machine has not the hardware that the settings name, or too little memory.
        ModelError: unfit start weights, or a loss that is not finite.
        SystemExit: code 143 after SIGTERM.
    """
    team = Team.join(config.hardware.num_nodes)
    with ExitStack() as held:

        def prepared() -> tuple[RunFolder, LabelledSet, TrainingData]:
            check_hardware(config.hardware, team.count)
            if first_process():
                held.enter_context(only_process(out))
                held.callback(remove_stale, out, depth=2)
            run = RunFolder.open(out, config, resume)
            found = read_labelled([data] if isinstance(data, Path) else data, config.data.options(), allow_missing)
            return run, found, _prepare(run, found, config, progress)

        return _train(*team.first_then_others(prepared), config, progress)


def _train(
    run: RunFolder, found: LabelledSet, photographs: TrainingData, config: TrainingConfig, progress: bool
) -> TrainingResult:
    net = _first_network(config)
    history: list[BestCheckpoint] = []
    for stage in range(len(config.stages)):
        history.append(_fit_stage(net, run, photographs, config, stage, progress))
        net.load_state_dict(history[-1].best)
    if not first_process():
        return TrainingResult(run.weights, {})
    trained = Trained(net, config, found, photographs.parts, photographs.cache.left_out, history)
    last = StageData(photographs.parts, photographs.cache, config, len(config.stages) - 1)
    return TrainingResult(run.weights, write_results(run, trained, last))


def _prepare(run: RunFolder, found: LabelledSet, config: TrainingConfig, progress: bool) -> TrainingData:
    """Fill the cache, split the readable photographs, and record both."""
    sizes = tuple(sorted({stage.photograph_size for stage in config.stages}))
    folder, by_side = config.data.cache or run.folder / "cache", any(stage.least_side for stage in config.stages)
    request = CacheRequest(folder, sizes, config.data.drop_ungradable, by_side)
    cache = fill_cache(found.photographs, request, progress and first_process())
    usable = [photo for photo in found.photographs if photo.image in cache.hashes]
    if config.data.split is None:
        chosen = config.data
        parts = split_patients(usable, chosen.folds, chosen.fold, chosen.split_seed, chosen.test_fold)
    else:
        parts = read_split(config.data.split, usable)
    check_disjoint(parts, usable, "split.csv")
    run.record_data(usable, parts, cache)
    sides = {side: [photo for photo in usable if parts[photo.image] == side] for side in PARTS}
    if empty := [side for side in LEARNING if not sides[side]]:
        raise InputError(f"{run.folder}: no photograph is left for {empty[0]}; see left_out.csv and the split")
    check_parts(sides, cache, config)
    return TrainingData(cache, sides)


def _first_network(config: TrainingConfig) -> RdrNet:
    """A network with random weights (by the seed), or with the start weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        net = RdrNet(config.network.architecture, config.network.width)
    if config.network.start is not None:
        facts = (start := load_classifier(config.network.start)).facts
        if (facts.architecture, facts.width) != (config.network.architecture, config.network.width):
            raise ModelError(
                f"{config.network.start}: {facts.architecture} of width {facts.width}, the settings say"
                f" {config.network.architecture} of width {config.network.width}; make them equal"
            )
        _check_preprocessing(config, facts.preprocessing)
        net.load_state_dict(start.model.state_dict())
    return net


def _check_preprocessing(config: TrainingConfig, start: Preprocessing) -> None:
    """Raise ModelError where the start weights were trained with another preprocessing; its size may differ."""
    wanted = config.preprocessing.at(start.size)
    for name in ("mean", "std", "background"):
        former, now = getattr(start, name), getattr(wanted, name)
        if former != now:
            raise ModelError(
                f"{config.network.start}: {name} was {former} and is {now} in the settings; make them equal"
            )


def _fit_stage(
    net: RdrNet, run: RunFolder, photographs: TrainingData, config: TrainingConfig, stage: int, progress: bool
) -> BestCheckpoint:
    """Train one stage, from its checkpoint if there is one, otherwise from `net`; returns best weights and scores."""
    path = run.checkpoint(stage)
    best = BestCheckpoint(run, config, stage)
    state = read_state(path)
    if state is not None:
        best.restore(state, path)
        if best.finished:
            best.write_log()  # needed if the run was killed between checkpoint and log
            return best
    data = StageData(photographs.parts, photographs.cache, config, stage)
    data.epoch = len(best.scores)
    with _stage_errors(stage), quiet():
        trainer = _trainer(config, stage, run, best, progress)
        trainer.fit(RdrModule(net, config, stage), data, ckpt_path=path if state else None, weights_only=True)
    return best


@contextmanager
def _stage_errors(stage: int) -> Iterator[None]:
    """What interrupts Lightning, or exceeds the memory, as the errors of this package."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException as error:
        raise SystemExit(SIGTERM_EXIT) from error
    except SystemExit as leaving:
        if isinstance(leaving.__context__, KeyboardInterrupt):  # Lightning turns Ctrl-C into exit code 1
            raise KeyboardInterrupt from leaving
        raise
    except MemoryError as error:
        raise _too_large(stage) from error
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or NO_MEMORY in str(error):
            raise _too_large(stage) from error
        if isinstance(error, torch.distributed.DistError) or GLOO in str(error):
            raise ServerError(
                f"stage {stage + 1}: another process of this training ended; earlier epochs are kept: resume all with"
                " --resume"
            ) from error
        if "DataLoader worker" in str(error) and "exited unexpectedly" in str(error):
            raise InputError(
                f"stage {stage + 1}: a process of the data loader was killed; earlier epochs are kept: free some memory"
                " or lower hardware.workers, and resume with --resume"
            ) from error
        raise
    finally:
        signal.signal(signal.SIGINT, handler)


def _too_large(stage: int) -> UsageError:
    return UsageError(
        f"stage {stage + 1}: not enough memory for its batches; lower stages.{stage}.batch in the settings, or close"
        " other programs"
    )


def _trainer(config: TrainingConfig, stage: int, run: RunFolder, best: BestCheckpoint, progress: bool) -> Trainer:
    chosen = config.hardware
    return Trainer(
        **trainer_arguments(chosen),
        max_epochs=config.stages[stage].epochs,
        callbacks=[best, *([RichProgressBar(leave=True)] if progress else [])],
        plugins=[AtomicCheckpoints()],
        logger=TensorBoardLogger(run.folder, name="tensorboard", version=f"stage-{stage + 1}")
        if chosen.tensorboard
        else False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_progress_bar=progress,
        enable_model_summary=False,
        default_root_dir=run.folder,
    )
