"""The retina protocol (ours): FGVis with smoother evidence, averaged over flips and two magnifications, for fundus
photographs.

The game is that of the paper. Five changes turn its scattered masks into evidence of lesions:

    change_V = mean over channels of (1 - m_V) min(|V x - r|, 1)          for every view V: a magnification and a flip
    e        = p_c(x) (mean over views of V^-1 sqrt(G * change_V))^2,     evidence = e / (e + h)

1. Weighting by the change: if a pixel equals its reference, deleting it changes nothing, so its mask value is not
   evidence. The change is capped at one unit of the network's input; otherwise bright exudates would dominate
   haemorrhages. Mask values of the start mask (at most 0.01 deleted) count as 0, so a photograph whose score is below
   the stop from the beginning has no evidence; it is not enlarged.
2. Smoothing by a Gaussian G of a few network pixels, the size of small lesions, because the mask consists of scattered
   pixels. G has as many pixels in an enlarged image, so it is smaller on the retina there.
3. Averaging over eight views: the image, both flips and their composition, each at the size of the network's input and
   enlarged by 10/7 (448 to 640 pixels, bicubic). The network has no preferred orientation and tolerates some change of
   scale, so evidence in only one of the games is random. In the enlarged image the smallest lesions are large enough
   for the network. The power mean (exponent 1/2) is between the arithmetic mean, which shows all evidence, and the
   geometric mean, which shows only what the games agree on.
4. Fewer steps, and a defence in two stages ("staged", see `games.defence`): 40 steps under the paper's bounds find
   sparse evidence, then the reference bounds let the score fall below the stop, nearly always within 5 more steps.
   Under the paper's bounds alone, the score oscillates for hundreds of steps that only enlarge the mask.
5. Scaling by the score p_c(x) and by a constant h (`half_change`), so that evidence is comparable between photographs:
   it is weak if the network gives the disease a low score, or if the games delete little anywhere. e is at most 1;
   where it equals h, evidence is 0.5. Divided by the maximum of its photograph instead, the strongest place of a
   photograph with few and faint lesions would count as much as the strongest lesion of one with many.

The attribution is (mean over views of V^-1 sqrt(G * change_V))^2, without the score and h; it has no sign.

Use weights whose preprocessing subtracts the local background: then r = 0 is the background of a pixel, and |x - r| its
contrast.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from retina_xai.errors import ModelError, UsageError
from retina_xai.explainers.explainer import (
    Explainer,
    Explanation,
    Plan,
    Targets,
    check_logits,
    check_photographs,
    given_targets,
    resolve_targets,
    rows,
)
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games.engine import OnStep
from retina_xai.games.game import GAMES
from retina_xai.games.references import reference_for
from retina_xai.games.smoothing import gaussian_blur
from retina_xai.models.scores import score_name, score_spec

RETINA_GAME = FGVis(lam=1e-10, lr=0.25, iterations=80, stop_score=0.1, defence="staged")
START_MASK_MIN = GAMES["deletion"].start[0]
MAX_CHANGE = 1.0
"""In units of the network's normalised input."""
FLIPS: tuple[tuple[int, ...], ...] = ((), (3,), (2,), (2, 3))
"""Dimensions that are flipped in each of the four games of a magnification."""
MAGNIFICATIONS = (1.0, 10 / 7)
MAX_MAGNIFICATION = 4.0


@dataclass(frozen=True)
class RetinaFGVis(Explainer):
    """FGVis with evidence that is weighted by the change, smoothed, averaged over views and scaled by the score.

    Mask, explained image, scores and iterations of the explanation are those of the game on the image itself.

    Args:
        game: a deletion game.
        smoothing: standard deviation of G as a share of the longer side of the image, in [0, 0.1], in pixels the same
            for every magnification; 0 disables smoothing.
        fraction: share of the maximum at which lesion candidates start, in [0, 1]; it does not change the evidence.
        half_change: the h above, at least 0; with 0, evidence is e divided by its maximum and multiplied by p_c(x).
        magnifications: of the image, from 1 to 4; the first is 1. Four games are played at each. Give (1.0,) for a
            network of one input size.

    Raises:
        UsageError: another game, or a value outside these ranges.
    """

    method: ClassVar[str] = "retina"
    game: FGVis = RETINA_GAME
    smoothing: float = 4 / 448
    fraction: float = 0.08
    half_change: float = 0.05
    magnifications: tuple[float, ...] = MAGNIFICATIONS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.game.game != "deletion":
            raise UsageError(
                f"the retina protocol plays deletion, not {self.game.game}: give FGVis(game='deletion', ...)"
            )
        if not 0 <= self.smoothing <= 0.1:
            raise UsageError(f"smoothing {self.smoothing}: give a share of the side from 0 to 0.1")
        if not 0 <= self.fraction <= 1:
            raise UsageError(f"fraction {self.fraction}: give a share of the maximum from 0 to 1")
        if not 0 <= self.half_change < math.inf:
            raise UsageError(f"half_change {self.half_change}: give a finite number of at least 0")
        if self.magnifications[:1] != (1.0,) or not all(1 <= one <= MAX_MAGNIFICATION for one in self.magnifications):
            raise UsageError(
                f"magnifications {self.magnifications}: give 1.0 first, and factors from 1 to {MAX_MAGNIFICATION:g}"
            )
        if not score_spec(self.score).probability:
            raise UsageError(
                f"score {score_name(self.score)!r}: the retina protocol scales evidence by a score in [0, 1], give "
                "'softmax' or 'sigmoid'"
            )
        if self.game.score not in ("softmax", self.score):
            raise UsageError(
                f"score {score_name(self.game.score)!r} of the game: give it to the retina protocol instead"
            )

    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Explain images (N, C, H, W), no volumes; see `FGVis` and `Explainer`."""
        check_photographs(images, "the retina protocol")
        if targets is None:  # those of the image, for all of its flips
            with self.network(model) as network, torch.no_grad():
                targets = resolve_targets(None, check_logits(network(images)))
        target = given_targets(targets, images).expand(len(images))
        sigma = self.smoothing * max(images.shape[-2:])
        played, root = self._play(model, images, target, sigma, on_step)
        first = rows(played, slice(None, None, len(FLIPS)))
        stop = self.game.stop_score
        shown = torch.ones_like(first.converged) if stop is None else first.score_before >= stop
        for magnification in self.magnifications[1:] if shown.any() else ():
            enlarged = self._magnified(model, images[shown], magnification)
            _, more = self._play(model, enlarged, target[shown], sigma, on_step)
            root[shown] += nn.functional.interpolate(more, images.shape[-2:], mode="bilinear", antialias=True)
        mean = (root / len(self.magnifications))[:, 0].square()
        return replace(
            first,
            evidence=self._evidence(mean, first.score_before[:, None, None]),
            attribution=mean[:, None],
            settings=self.settings(),
            candidate_fraction=self.candidate_fraction,
        )

    def plan(self) -> Plan:
        """One batch of games per magnification: on the image and on each of its flips."""
        games, steps = self.game.plan()
        return Plan(games * len(self.magnifications), steps)

    @property
    def seed(self) -> int:
        """The seed of the game."""
        return self.game.seed

    @property
    def candidate_fraction(self) -> float:
        """`fraction`."""
        return self.fraction

    def with_seed(self, seed: int) -> "RetinaFGVis":
        """The same protocol with another seed of its game."""
        return replace(self, game=replace(self.game, seed=seed))

    def with_batch(self, size: int) -> "RetinaFGVis":
        """The same protocol with so many images per batch of its game."""
        return replace(self, game=replace(self.game, batch_size=size))

    def settings(self) -> dict[str, Any]:
        """All settings that change the result, as plain values for reports."""
        own = {"method": self.method, "smoothing": self.smoothing, "fraction": self.fraction}
        views = {"magnifications": list(self.magnifications), "half_change": self.half_change}
        return {**self.game.settings(), **own, **views, "score": score_name(self.score)}

    def _evidence(self, mean: Tensor, score: Tensor) -> Tensor:
        """Evidence (N, H, W) in [0, 1] from the mean change (N, H, W) and the score (N, 1, 1)."""
        if self.half_change:
            change = (mean * score).clamp(min=0)
            return change / (change + self.half_change)
        peak = mean.amax(dim=(1, 2), keepdim=True)
        return (mean / torch.where(peak > 0, peak, 1)).clamp(0, 1) * score

    def _magnified(self, model: nn.Module, images: Tensor, magnification: float) -> Tensor:
        size = [round(magnification * side) for side in images.shape[-2:]]
        enlarged = nn.functional.interpolate(images, size, mode="bicubic", align_corners=False)
        try:
            with self.network(model) as network, torch.no_grad():
                network(enlarged[:1])
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, AssertionError, ValueError) as error:
            raise ModelError(
                f"the network does not accept images of {size[0]} x {size[1]} pixels: give magnifications=(1.0,)"
            ) from error
        return enlarged

    def _play(
        self, model: nn.Module, images: Tensor, target: Tensor, sigma: float, on_step: OnStep | None
    ) -> tuple[Explanation, Tensor]:
        """Four games per image (N, C, h, w), and the mean over the flips of sqrt(G * change), (N, 1, h, w).

        `sigma`: standard deviation of G in pixels.
        """
        views = torch.stack([_flipped(images, flip) for flip in FLIPS], dim=1).flatten(0, 1)
        # on a CPU, the games of one image are one batch, so that its result does not depend on the other images
        batch = self.game.batch_size or (len(FLIPS) if images.device.type == "cpu" else None)
        game = replace(self.game, batch_size=batch, score=self.score)
        played = game(model, views, target.repeat_interleave(len(FLIPS)), on_step=on_step)
        changes = self._change(played, views).reshape(len(images), len(FLIPS), 1, *images.shape[-2:])
        smoothed = [_smooth(_flipped(changes[:, index], flip), sigma).sqrt() for index, flip in enumerate(FLIPS)]
        return played, torch.stack(smoothed).mean(dim=0)

    def _change(self, played: Explanation, images: Tensor) -> Tensor:
        """The change by the deletion, mean over channels, (N, 1, H, W)."""
        reference = reference_for(self.game.reference, images, self.game.seed)
        deleted = torch.zeros_like(images) if played.mask is None else 1 - played.mask
        deleted = deleted * (deleted > 1 - START_MASK_MIN)
        return (deleted * (images - reference).abs().clamp(max=MAX_CHANGE)).mean(dim=1, keepdim=True)


def _smooth(change: Tensor, sigma: float) -> Tensor:
    if sigma == 0:
        return change
    radius = min(int(3 * sigma) + 1, min(change.shape[-2:]) - 1)
    return gaussian_blur(change, radius, sigma)


def _flipped(images: Tensor, flip: tuple[int, ...]) -> Tensor:
    return images.flip(flip) if flip else images


def undefended() -> RetinaFGVis:
    """The protocol without the defence, for comparison."""
    return RetinaFGVis(replace(RETINA_GAME, defended=False))
