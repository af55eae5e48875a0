"""FGVis: fine-grained explanations by the defended optimisation games (Wagner et al., CVPR 2019).

>>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
>>> explain = FGVis(game="deletion", lam=1e-4, iterations=5)
>>> result = explain(model, torch.rand(2, 3, 16, 16), targets=1)
>>> result.evidence.shape, result.mask.shape, result.polarity
(torch.Size([2, 16, 16]), torch.Size([2, 3, 16, 16]), 'removes')

`attribution` is the mask as evidence, for every pixel and channel: m of games that keep the class, 1 - m of those that
remove it, in [0, 1]. A mask has no sign. `evidence` is its mean over the channels.

The theory is in `games.game` (objectives), `games.defence`, `games.engine` (the step) and `games.line_search`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import (
    Explainer,
    Explanation,
    Plan,
    Targets,
    check_images,
    check_logits,
    concatenate,
    given_targets,
    one_of,
    resolve_targets,
)
from retina_xai.games.defence import DEFENCES, SLACK
from retina_xai.games.engine import SCALES, OnStep, Outcome, Settings
from retina_xai.games.game import GAMES, Game
from retina_xai.games.line_search import LAMBDAS, line_search
from retina_xai.games.position import Position
from retina_xai.games.references import Reference, check_reference, reference_for
from retina_xai.models.folding import folded, repeatable
from retina_xai.models.inference import check_precision
from retina_xai.models.scores import score_spec
from retina_xai.models.throughput import batch_for

START_SEEDS = 1_000_003
"""Distance of the seeds of the start masks of one explanation."""


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
        judged_at_end: the stop ends no game, but says whether its result is a success (A4.1: p_c(e) < 0.02 p_c(x) after
            all steps). A game that ends at the first dip below the stop takes few steps, and most pixels of its mask
            are as they were at the start.
        defence: a key of `games.defence.DEFENCES`: "fgvis" (the paper's bounds), "reference" (bounds that contain the
            reference image), "staged" (first the one, then the other), "one-sided" (the paper's, cutting only what goes
            further out), "hull" or "none".
        strict_steps: steps under the paper's bounds if `defence` is "staged".
        scale: of a step, a key of `games.engine.SCALES`: "max" (the paper's) or "q99".
        fold: use a faster copy of the network (see `models.folding`). Its scores differ by rounding only.
        slack: share of a layer's largest output by which its bounds are widened, at least 0.
        starts: number of games of each image, each from a random start mask of its own. `mask`, `evidence`, `explained`
            and `score_after` are those of the mean of the K masks; `converged` says whether that mean reaches the goal,
            which it can miss if all K games reach it. `iterations` is the sum over the games, `lam` the smallest.
        defended: True is another name of defence "fgvis", False of "none".
        reference: the value of removed pixels: "zero", "noise", "blur", a `games.Reference`, or a tensor that expands
            to the shape of the images.
        seed: of the start mask and of random references.
        batch_size: images per batch; default: one on a CPU, all on an accelerator. Games amplify rounding errors: if a
            unit is on the other side of its bound, all later steps change. With batches of one, the result of an image
            does not depend on the other images; batches of four can be faster per image (docs/benchmarks.md).

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
    judged_at_end: bool = field(default=False, kw_only=True)
    defence: str = "fgvis"
    strict_steps: int = 40
    scale: str = "max"
    fold: bool = True
    slack: float = SLACK
    starts: int = 1
    defended: bool | None = None
    reference: str | Reference | Tensor = "zero"
    seed: int = 0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.defended is not None:
            object.__setattr__(self, "defence", "fgvis" if self.defended else "none")
            object.__setattr__(self, "defended", None)
        if self.defence not in DEFENCES:
            raise UsageError(f"unknown defence {self.defence!r}: choose one of {', '.join(DEFENCES)}")
        if self.scale not in SCALES:
            raise UsageError(f"unknown scale {self.scale!r}: choose one of {', '.join(SCALES)}")
        if self.strict_steps < 0:
            raise UsageError(f"strict_steps {self.strict_steps}: give a number of at least 0")
        if not 0 <= self.slack < float("inf") or self.starts < 1:
            raise UsageError(
                f"slack {self.slack}, starts {self.starts}: give a share of at least 0 and at least 1 start"
            )
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
        if self.judged_at_end and not stops:
            raise UsageError("judged_at_end without a stop: give stop_score or stop_ratio too")
        if stops and self.score == "logit":
            raise UsageError("stop_score and stop_ratio with score 'logit', which has no range: leave them out")

    @property
    def _lams(self) -> tuple[float, ...]:
        return tuple(map(float, self.lam)) if isinstance(self.lam, Iterable) else (float(self.lam),)

    def __call__(
        self,
        model: nn.Module,
        images: Tensor,
        targets: Targets = None,
        *,
        target: Targets = None,
        start: Tensor | None = None,
        on_step: OnStep | None = None,
    ) -> Explanation:
        """Explain a batch; every image has its own game, with its own lambda, stop and result.

        Args:
            model: any torch classifier (N, C, H, W) -> logits (N, K), on the images' device; it is not changed.
            images: (N, C, H, W) in the model's normalised space.
            targets: class index for all, or (N,); the most likely class by default.
            target: another name of `targets`; give one of the two.
            start: start mask in [0, 1] that expands to the shape of the images; default: the game's random start mask.
            on_step: progress, called as (step, scores of the current batch), with steps from 0 in each game; an
                exception raised in it cancels the call.

        Raises:
            InputError, ModelError, UsageError: unfit images, model or arguments.
        """
        check_images(images)
        return self.explain(model, images, one_of(targets, target), on_step, start)

    def explain(
        self,
        model: nn.Module,
        images: Tensor,
        targets: Targets,
        on_step: OnStep | None,
        start: Tensor | None = None,
    ) -> Explanation:
        """Explain images that `check_images` accepts; the arguments are those of a call."""
        images = _plain(images)
        references = reference_for(self.reference, images, self.seed)
        masks = self._start_masks(images, start)
        targets = None if targets is None else given_targets(targets, images)
        size = batch_for(images, self.batch_size or (1 if images.device.type == "cpu" else len(images)))
        parts = []
        with self.network(model) as network:
            check_precision(network, images)
            faster = (folded if self.fold else repeatable)(network, images[:1])
            for first in range(0, len(images), size):
                rows = slice(first, first + size)
                wanted = targets[rows] if targets is not None and len(targets) > 1 else targets
                own = [mask[rows] for mask in masks]
                parts.append(self._explain(faster, images[rows], references[rows], own, wanted, on_step))
        return concatenate(parts)

    def _explain(
        self,
        network: nn.Module,
        images: Tensor,
        references: Tensor,
        starts: Sequence[Tensor],
        targets: Tensor | None,
        on_step: OnStep | None,
    ) -> Explanation:
        game = replace(GAMES[self.game], score=score_spec(self.score))
        bounds, logits = DEFENCES[self.defence].record(network, images, references, self.strict_steps, self.slack)
        target = resolve_targets(targets, check_logits(logits))
        before = self.scores_of(logits, target)
        position = Position(images, references, starts[0], target, torch.zeros_like(before), self._stop(before))
        settings = Settings(self.lr, self.iterations, self.scale, stop_ends=not self.judged_at_end)
        played = [
            line_search(network, game, replace(position, mask=start), bounds, settings, self._lams, on_step)
            for start in starts
        ]
        outcome, lam = played[0] if len(played) == 1 else _mean_of(network, game, position, played)
        return Explanation(
            evidence=game.evidence(outcome.mask),
            attribution=outcome.mask if game.keeps_class else 1 - outcome.mask,
            target=target,
            score_before=before,
            score_after=outcome.score,
            iterations=outcome.iterations,
            lam=lam,
            converged=outcome.converged,
            settings=self.settings(),
            mask=outcome.mask,
            explained=position.explained(outcome.mask),
            polarity="keeps" if game.keeps_class else "removes",
            reference=references if isinstance(self.reference, Tensor) else self.reference,
            seed=self.seed,
            candidate_fraction=self.candidate_fraction,
            score=self.score,
        )

    def plan(self) -> Plan:
        """One game for each start mask and lambda."""
        return Plan(games=self.starts * len(self._lams), steps=self.iterations)

    def settings(self) -> dict[str, Any]:
        """All settings that change the result, as plain values for reports."""
        values = super().settings()
        values["lam"] = list(self._lams) if len(self._lams) > 1 else self._lams[0]
        if not isinstance(self.reference, str):
            values["reference"] = "tensor" if isinstance(self.reference, Tensor) else repr(self.reference)
        return values

    def _start_masks(self, images: Tensor, start: Tensor | None) -> list[Tensor]:
        """The start masks (N, C, H, W) of each game; those of two neighbouring seeds are all different."""
        if start is not None:
            if self.starts > 1:
                raise UsageError(f"starts {self.starts} with a given start mask: give one of the two")
            return [_checked(start, images)]
        seeds = [self.seed + START_SEEDS * number for number in range(self.starts)]
        return [GAMES[self.game].start_mask(images.shape, seed, images).expand_as(images) for seed in seeds]

    def _stop(self, before: Tensor) -> Tensor:
        stop = torch.full_like(before, -torch.inf if self.stop_score is None else self.stop_score)
        return stop if self.stop_ratio is None else torch.maximum(stop, self.stop_ratio * before)


def _mean_of(
    model: nn.Module, game: Game, position: Position, played: Sequence[tuple[Outcome, Tensor]]
) -> tuple[Outcome, Tensor]:
    """The outcome of the mean mask of several games of each image, and the smallest lambda of each image."""
    outcomes = [outcome for outcome, _ in played]
    mean = torch.stack([outcome.mask for outcome in outcomes]).mean(dim=0)
    with torch.no_grad():
        logits = model(position.explained(mean))
    score = game.score.value(logits, position.targets)
    reached = torch.where(position.stop.isinf(), game.succeeded(logits, position.targets), score < position.stop)
    steps = torch.stack([outcome.iterations for outcome in outcomes]).sum(dim=0)
    lam = torch.stack([lam for _, lam in played]).amin(dim=0)
    return Outcome(mean, score, steps, reached), lam


def _plain(images: Tensor) -> Tensor:
    """The images without gradient, and as tensors that can be used in a graph."""
    with torch.inference_mode(False):
        return images.clone() if images.is_inference() else images.detach()


def _checked(start: Tensor, images: Tensor) -> Tensor:
    try:
        mask = start.detach().to(images).expand_as(images)
    except RuntimeError as error:
        shapes = f"{tuple(start.shape)}, images are {tuple(images.shape)}"
        raise UsageError(f"start mask has shape {shapes}: give one that expands to the images' shape") from error
    if not ((mask >= 0) & (mask <= 1)).all():
        raise UsageError("start mask has values outside [0, 1]: clamp it first")
    return mask
