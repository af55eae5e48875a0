"""The retina protocol (ours): FGVis with smoother evidence, averaged over flips, for fundus photographs.

Game and defence are those of the paper. Six changes turn its scattered masks into evidence of lesions:

    change_F = mean over channels of F^-1[ (1 - m_F) min(|F x - r|, 1) ]      for every flip F
    e        = (mean over flips of sqrt(G * change_F))^2,       evidence = p_c(x) e / max e

1. Weighting by the change: if a pixel equals its reference, deleting it changes nothing, so its mask value is not
   evidence. The change is capped at one unit of the network's input; otherwise bright exudates would dominate
   haemorrhages. Mask values of the start mask (at most 0.01 deleted) count as 0, so a photograph whose score is below
   the stop from the beginning has no evidence.
2. Smoothing by a Gaussian G of a few network pixels, the size of small lesions, because the mask consists of scattered
   pixels.
3. Averaging over the image, both flips and their composition. The network has no preferred orientation, so evidence in
   only one of the four games is random. The power mean (exponent 1/2) is between the arithmetic mean, which shows all
   evidence, and the geometric mean, which shows only what the four games agree on.
4. Fewer steps: the score of a fundus photograph either falls quickly, or oscillates for hundreds of steps that only
   enlarge the mask.
5. Scaling by the score p_c(x), so that evidence is comparable between photographs: it is weak if the network gives the
   disease a low score.
6. Candidates start at 7 % of the maximum instead of 4 %, because lower values are the tails of the Gaussians. The map
   still contains them.

Use weights whose preprocessing subtracts the local background: then r = 0 is the background of a pixel, and |x - r| its
contrast.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import Explainer, Explanation, Plan
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games.engine import OnStep
from retina_xai.games.game import GAMES
from retina_xai.games.references import reference_for

RETINA_GAME = FGVis(lam=1e-10, lr=0.25, iterations=80, stop_score=0.1)
START_MASK_MIN = GAMES["deletion"].start[0]
MAX_CHANGE = 1.0
"""In units of the network's normalised input."""
FLIPS = ((3,), (2,), (2, 3))


@dataclass(frozen=True)
class RetinaFGVis(Explainer):
    """FGVis with evidence that is weighted by the change, smoothed, averaged over flips and scaled by the score.

    Mask, explained image, scores and iterations of the explanation are those of the game on the image without a flip.

    Args:
        game: a deletion game.
        smoothing: standard deviation of G as a share of the longer side, in [0, 0.1]; 0 disables smoothing.
        fraction: share of the maximum at which lesion candidates start, in [0, 1]; it does not change the evidence.

    Raises:
        UsageError: another game, or a value outside these ranges.
    """

    method: ClassVar[str] = "retina"
    game: FGVis = RETINA_GAME
    smoothing: float = 2.5 / 448
    fraction: float = 0.07

    def __post_init__(self) -> None:
        if self.game.game != "deletion":
            raise UsageError(
                f"the retina protocol plays deletion, not {self.game.game}: give FGVis(game='deletion', ...)"
            )
        if not 0 <= self.smoothing <= 0.1:
            raise UsageError(f"smoothing {self.smoothing}: give a share of the side from 0 to 0.1")
        if not 0 <= self.fraction <= 1:
            raise UsageError(f"fraction {self.fraction}: give a share of the maximum from 0 to 1")

    def __call__(
        self, model: nn.Module, images: Tensor, targets: Tensor | int | None = None, *, on_step: OnStep | None = None
    ) -> Explanation:
        """Explain images (N, C, H, W); see `FGVis` and `Explainer`."""
        played = self.game(model, images, targets, on_step=on_step)
        roots = self._smooth(self._change(played, images)).sqrt()
        for flip in FLIPS:
            flipped = images.flip(flip)
            change = self._change(self.game(model, flipped, played.target, on_step=on_step), flipped)
            roots += self._smooth(change.flip(flip)).sqrt()
        mean = roots[:, 0].square()
        peak = mean.amax(dim=(1, 2), keepdim=True)
        evidence = (mean / torch.where(peak > 0, peak, 1)).clamp(0, 1) * played.score_before[:, None, None]
        return replace(played, evidence=evidence, settings=self.settings(), candidate_fraction=self.candidate_fraction)

    def plan(self) -> Plan:
        """The game on the image and on each of its flips."""
        games, steps = self.game.plan()
        return Plan(games * (1 + len(FLIPS)), steps)

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

    def settings(self) -> dict[str, Any]:
        """All settings that change the result, as plain values for reports."""
        return {**self.game.settings(), "method": self.method, "smoothing": self.smoothing, "fraction": self.fraction}

    def _change(self, played: Explanation, images: Tensor) -> Tensor:
        """The change by the deletion, mean over channels, (N, 1, H, W)."""
        reference = reference_for(self.game.reference, images, self.game.seed)
        deleted = torch.zeros_like(images) if played.mask is None else 1 - played.mask
        deleted = deleted * (deleted > 1 - START_MASK_MIN)
        return (deleted * (images - reference).abs().clamp(max=MAX_CHANGE)).mean(dim=1, keepdim=True)

    def _smooth(self, change: Tensor) -> Tensor:
        from torchvision.transforms.v2.functional import gaussian_blur  # imported here because the import is slow

        sigma = self.smoothing * max(change.shape[-2:])
        if sigma == 0:
            return change
        radius = min(int(3 * sigma) + 1, min(change.shape[-2:]) - 1)
        smoothed: Tensor = gaussian_blur(change, [2 * radius + 1] * 2, [sigma] * 2)
        return smoothed


def undefended() -> RetinaFGVis:
    """The protocol without the defence, for comparison."""
    return RetinaFGVis(replace(RETINA_GAME, defended=False))
