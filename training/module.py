"""Loss, optimiser and validation of one stage: cross-entropy of two classes, exponential moving average of the weights.

AdamW's learning rate rises linearly during the warm-up and then follows a cosine down to a hundredth (our choice, see
`config`); `sgd` is the o_O recipe. Both schedules depend only on the step, so a resumed run continues them exactly.

The average is a_n = d_n a_(n-1) + (1 - d_n) w_n, with d_n = min(d, (1 + n) / (10 + n)), so that the initial weights
have little influence. Batch-norm statistics are averaged too. Validation and the result use the average.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from monai.metrics.rocauc import ROCAUCMetric
from torch import nn
from torch.optim.swa_utils import AveragedModel

from retina_xai.errors import ModelError
from retina_xai.grades.photographs import REFERABLE
from retina_xai.models.rdr import RdrNet
from retina_xai.training.config import OptimiserSettings, TrainingConfig

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class EpochScore:
    """Scores of an epoch: mean training loss, validation loss and validation AUROC (NaN if a class is missing)."""

    train_loss: float
    loss: float
    auroc: float

    @property
    def rank(self) -> float:
        """The criterion of the best epoch (higher is better): AUROC, or the negative loss if AUROC is undefined."""
        return -self.loss if math.isnan(self.auroc) else self.auroc


class RdrModule(LightningModule):
    """One stage of a training: the network, its moving average, loss, optimiser and validation."""

    def __init__(self, net: RdrNet, config: TrainingConfig, stage: int) -> None:
        super().__init__()
        self.settings, self.stage = config.optimiser, config.stages[stage]
        self.stage_number = stage + 1
        self.memory_format = torch.channels_last if config.hardware.channels_last else torch.contiguous_format
        self.net = net.to(memory_format=self.memory_format)
        self.average = _averaged(self.net, self.settings.average) if self.settings.average else None
        self.loss = nn.CrossEntropyLoss(label_smoothing=self.settings.label_smoothing)
        # MONAI's AUROC gathers over processes and counts pairs, so equal epochs have exactly equal values
        self.roc = ROCAUCMetric()
        self.last = EpochScore(math.nan, math.nan, math.nan)
        self._train_losses: list[torch.Tensor] = []
        self._losses: list[torch.Tensor] = []

    @property
    def result(self) -> RdrNet:
        """The network that is validated and saved: the moving average, or the network if averaging is disabled."""
        return self.net if self.average is None else cast(RdrNet, self.average.module)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Loss of a batch of images (N, 3, S, S) and grades (N,).

        Raises:
            ModelError: the loss is not finite; the checkpoint of the last completed epoch is kept.
        """
        loss: torch.Tensor = self.loss(*self._logits(self.net, batch))
        if not torch.isfinite(loss):
            raise ModelError(
                f"training loss became {loss.item()} in stage {self.stage_number}, epoch {self.current_epoch + 1}, step"
                f" {batch_idx + 1}; earlier epochs are kept in the output folder: lower optimiser.lr and train again"
            )
        self._train_losses.append(loss.detach())
        self.log("loss", loss, prog_bar=True, logger=False)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update the moving average."""
        if self.average is not None:
            self.average.update_parameters(self.net)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect scores and losses."""
        logits, labels = self._logits(self.result, batch)
        self.roc(y_pred=logits.float().softmax(dim=1)[:, 1], y=labels)
        self._losses.append(nn.functional.cross_entropy(logits.float(), labels, reduction="none"))

    def on_validation_epoch_end(self) -> None:
        """Compute the scores of the epoch over all processes."""
        auroc = float(np.asarray(self.roc.aggregate()))
        self.roc.reset()  # type: ignore[no-untyped-call]
        self.last = EpochScore(self._mean(self._train_losses), self._mean(self._losses), auroc)
        self._train_losses, self._losses = [], []
        self.log("auroc", auroc, prog_bar=True, rank_zero_only=True)
        self.log("val_loss", self.last.loss, rank_zero_only=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimiser with a schedule per step."""
        lr = self.stage.lr or self.settings.lr
        optimiser = OPTIMISERS[self.settings.name](self.net.parameters(), lr, self.settings.weight_decay)
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        factor = SCHEDULES[self.settings.name]
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: factor(self.settings, step / steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _logits(self, net: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        images, levels = batch
        return net(images.contiguous(memory_format=self.memory_format)), (levels >= REFERABLE).long()

    def _mean(self, losses: list[torch.Tensor]) -> float:
        """Mean over the values of all processes."""
        if not losses:
            return math.nan
        values = torch.cat([loss.reshape(-1).double() for loss in losses])
        total = self.trainer.strategy.reduce(values.sum(), reduce_op="sum")
        count = self.trainer.strategy.reduce(torch.tensor(float(len(values)), device=values.device), reduce_op="sum")
        return float(total / count)


def warmup_cosine(settings: OptimiserSettings, share: float) -> float:
    """Factor on the learning rate after a share of the steps: linear to 1, then a half cosine to 0.01."""
    if share < settings.warmup:
        return max(share / settings.warmup, 0.01)
    progress = (min(share, 1.0) - settings.warmup) / max(1e-9, 1 - settings.warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))


def step_decay(settings: OptimiserSettings, share: float) -> float:
    """Factor on the learning rate: 1, then 0.1 from 150/250 and 0.01 from 220/250 of the steps."""
    return 0.1 ** ((share >= 150 / 250) + (share >= 220 / 250))


OPTIMISERS: dict[str, Callable[[Any, float, float], torch.optim.Optimizer]] = {
    "adamw": lambda parameters, lr, decay: torch.optim.AdamW(parameters, lr, weight_decay=decay),
    "sgd": lambda parameters, lr, decay: torch.optim.SGD(parameters, lr, 0.9, weight_decay=decay, nesterov=True),
}
SCHEDULES: dict[str, Callable[[OptimiserSettings, float], float]] = {"adamw": warmup_cosine, "sgd": step_decay}


def _averaged(net: RdrNet, decay: float) -> AveragedModel:
    def update(averages: Any, values: Any, count: torch.Tensor | int) -> None:
        kept = min(decay, (1 + int(count)) / (10 + int(count)))
        for average, value in zip(averages, values, strict=True):
            if average.is_floating_point():
                average.lerp_(value.to(average.dtype), 1 - kept)
            else:
                average.copy_(value)

    average = AveragedModel(net, multi_avg_fn=update, use_buffers=True)
    return average.requires_grad_(False).eval()
