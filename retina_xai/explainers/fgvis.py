"""FGVis: fine-grained explanations by the defended optimisation games (Wagner et al., CVPR 2019).

>>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
>>> explain = FGVis(game="deletion", lam=1e-4, iterations=5)
>>> result = explain(model, torch.rand(2, 3, 16, 16), targets=1)
>>> result.evidence.shape, result.mask.shape, result.polarity
(torch.Size([2, 16, 16]), torch.Size([2, 3, 16, 16]), 'removes')

The theory is in `games.game` (objectives), `games.defence`, `games.engine` (the step) and `games.line_search`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import (
    Explainer,
    Explanation,
    Plan,
    check_images,
    check_logits,
    concatenate,
    resolve_targets,
)
from retina_xai.games.defence import Bounds, record_bounds
from retina_xai.games.engine import OnStep, Settings
from retina_xai.games.game import GAMES, class_score
from retina_xai.games.line_search import LAMBDAS, line_search
from retina_xai.games.position import Position
from retina_xai.games.references import Reference, check_reference, reference_for
from retina_xai.models.inference import inference
from retina_xai.models.throughput import batch_for


@dataclass(frozen=True)
class FGVis(Explainer):
    """One of the four games with its settings; every image plays a game of its own.

    Args:
        game: a key of `games.GAMES`: preservation, generation, deletion or repression.
        lam: weight of the mask's L1 norm in the loss; a sequence is a line search, largest first (default: the paper's
            13 values).
        lr: learning rate of the normalised gradient, in mask units.
        iterations: maximum number of steps of one game.
        stop_score: end a deletion or repression game when the target's score falls below this, in (0, 1].
        stop_ratio: the same, as a share of the original image's score. If both are set, the higher score applies.
        defended: apply the defence against adversarial evidence.
        reference: the value of removed pixels: "zero", "noise", "blur", a `games.Reference`, or a tensor that expands
            to the shape of the images.
        seed: of the start mask and of random references.
        batch_size: images per batch; default: one on a CPU, all on an accelerator. Games amplify rounding errors: if a
            unit is on the other side of its bound, all later steps change. With batches of one, the result of an image
            does not depend on the other images; on a CPU this is not slower.

    Raises:
        UsageError: a value outside these ranges.
    """

    method: ClassVar[str] = "fgvis"
    game: str = "deletion"
    lam: float | Sequence[float] = LAMBDAS
    lr: float = 0.1
    iterations: int = 500
    stop_score: float | None = None
    stop_ratio: float | None = None
    defended: bool = True
    reference: str | Reference | Tensor = "zero"
    seed: int = 0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.game not in GAMES:
            raise UsageError(f"unknown game {self.game!r}: choose one of {', '.join(GAMES)}")
        if not self._lams or any(not 0 <= lam < float("inf") for lam in self._lams):
            raise UsageError(f"lam {self.lam!r}: give one number >= 0, or several for a line search")
        if not 0 < self.lr < float("inf") or self.iterations < 0:
            raise UsageError(
                f"lr {self.lr} and iterations {self.iterations}: give a positive rate and at least 0 steps"
            )
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError(f"batch_size {self.batch_size}: give at least 1, or None for the device's default")
        if isinstance(self.reference, str):
            check_reference(self.reference)
        stops = [stop for stop in (self.stop_score, self.stop_ratio) if stop is not None]
        if any(not 0 < stop <= 1 for stop in stops):
            raise UsageError(
                f"stop_score {self.stop_score}, stop_ratio {self.stop_ratio}: give numbers above 0 and up to 1"
            )
        if stops and GAMES[self.game].keeps_class:
            raise UsageError(
                f"stop_score and stop_ratio apply to deletion and repression only, not to {self.game}: leave them out"
            )

    @property
    def _lams(self) -> tuple[float, ...]:
        return tuple(map(float, self.lam)) if isinstance(self.lam, Iterable) else (float(self.lam),)

    def __call__(
        self,
        model: nn.Module,
        images: Tensor,
        targets: Tensor | Sequence[int] | int | None = None,
        *,
        start: Tensor | None = None,
        on_step: OnStep | None = None,
    ) -> Explanation:
        """Explain a batch; every image has its own game, with its own lambda, stop and result.

        Args:
            model: any torch classifier (N, C, H, W) -> logits (N, K), on the images' device; it is not changed.
            images: (N, C, H, W) in the model's normalised space.
            targets: class index for all, or (N,); the most likely class by default.
            start: start mask in [0, 1] that expands to the shape of the images; default: the game's random start mask.
            on_step: progress, called as (step, scores of the current batch), with steps from 0 in each game; an
                exception raised in it cancels the call.

        Raises:
            InputError, ModelError, UsageError: unfit images, model or arguments.
        """
        check_images(images)
        images = images.detach()
        references = reference_for(self.reference, images, self.seed)
        random_start = GAMES[self.game].start_mask(images.shape, self.seed, images)
        mask = random_start.expand_as(images) if start is None else _checked(start, images)
        targets = None if targets is None else torch.as_tensor(targets).flatten()
        if targets is not None and len(targets) not in (1, len(images)):
            raise UsageError(
                f"{len(targets)} targets for {len(images)} images: give one class index each, or one for all"
            )
        size = batch_for(images, self.batch_size or (1 if images.device.type == "cpu" else len(images)))
        parts = []
        with inference(model):
            for first in range(0, len(images), size):
                rows = slice(first, first + size)
                wanted = targets[rows] if targets is not None and len(targets) > 1 else targets
                parts.append(self._explain(model, images[rows], references[rows], mask[rows], wanted, on_step))
        return concatenate(parts)

    def _explain(
        self,
        model: nn.Module,
        images: Tensor,
        references: Tensor,
        start: Tensor,
        targets: Tensor | None,
        on_step: OnStep | None,
    ) -> Explanation:
        game = GAMES[self.game]
        bounds, logits = self._original(model, images)
        target = resolve_targets(targets, logits)
        before = class_score(logits, target)
        position = Position(images, references, start, target, torch.zeros_like(before), self._stop(before))
        outcome, lam = line_search(
            model, game, position, bounds, Settings(self.lr, self.iterations), self._lams, on_step
        )
        return Explanation(
            evidence=game.evidence(outcome.mask),
            target=target,
            score_before=before,
            score_after=outcome.score,
            iterations=outcome.iterations,
            lam=lam,
            converged=outcome.converged,
            settings=self.settings(),
            mask=outcome.mask,
            explained=replace(position, mask=outcome.mask).explained(),
            polarity="keeps" if game.keeps_class else "removes",
            reference=references if isinstance(self.reference, Tensor) else self.reference,
            seed=self.seed,
            candidate_fraction=self.candidate_fraction,
        )

    def plan(self) -> Plan:
        """One game for each lambda."""
        return Plan(games=len(self._lams), steps=self.iterations)

    def settings(self) -> dict[str, Any]:
        """All settings that change the result, as plain values for reports."""
        values = super().settings()
        values["lam"] = list(self._lams) if len(self._lams) > 1 else self._lams[0]
        if not isinstance(self.reference, str):
            values["reference"] = "tensor" if isinstance(self.reference, Tensor) else repr(self.reference)
        return values

    def _original(self, model: nn.Module, images: Tensor) -> tuple[Bounds | None, Tensor]:
        if self.defended:
            bounds, logits = record_bounds(model, images)
            return bounds, check_logits(logits, images)
        with torch.no_grad():
            return None, check_logits(model(images), images)

    def _stop(self, before: Tensor) -> Tensor:
        stop = torch.full_like(before, -torch.inf if self.stop_score is None else self.stop_score)
        return stop if self.stop_ratio is None else torch.maximum(stop, self.stop_ratio * before)


def _checked(start: Tensor, images: Tensor) -> Tensor:
    try:
        mask = start.detach().to(images).expand_as(images)
    except RuntimeError as error:
        shapes = f"{tuple(start.shape)}, images are {tuple(images.shape)}"
        raise UsageError(f"start mask has shape {shapes}: give one that expands to the images' shape") from error
    if not ((mask >= 0) & (mask <= 1)).all():
        raise UsageError("start mask has values outside [0, 1]: clamp it first")
    return mask
