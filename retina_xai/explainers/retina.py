"""The retina protocol: evidence of FGVis that a clinician can read. The protocol is ours.

The game is that of the paper, with the same defence. Six steps turn its masks into lesions:

    change_F = mean over channels of F^-1[ (1 - m_F) min(|F x - r|, 1) ]      for every flip F
    e        = (mean over flips of sqrt(G * change_F))^2,       evidence = p_c(x) e / max e

1. Weight the mask by the change of the image. Deleting a pixel that equals its reference changes nothing, so its mask
   is no evidence. The change is cut at one unit of the network's input; without the cut, bright exudates would hide
   the haemorrhages. A deletion of at most 0.01 is part of the random start mask and counts as 0. A photograph whose
   score is low from the start therefore has no evidence.
2. Smooth with a Gaussian G of a few network pixels, the width of small lesions: masks are scattered pixels, lesions
   are connected.
3. Average over the image, both flips and their product. The network has no preferred orientation, so a pixel that is
   deleted in one of the four games only is noise. The power mean of exponent 1/2 lies between the mean, which keeps
   such pixels, and the product, which keeps only what all four games delete.
4. Use fewer steps. The score of a fundus photograph falls within a few steps or oscillates for hundreds; the later
   steps only enlarge the mask.
5. Scale by the score p_c(x), so that evidence of the same strength has the same meaning in all photographs.
6. Begin a candidate at 7 % of the maximum instead of 4 %: the margins of the Gaussians lie below. They stay in the map.

The protocol needs weights whose preprocessing subtracts the local background: then r = 0 is the surroundings of a
pixel, and the change |x - r| is its contrast with them.
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
START = GAMES["deletion"].start[0]
CONTRAST = 1.0
"""In units of the network's normalised input."""
FLIPS = ((3,), (2,), (2, 3))


@dataclass(frozen=True)
class RetinaFGVis(Explainer):
    """FGVis with evidence that is weighted by the change, smoothed, averaged over flips and scaled by the score.

    Mask, explained image, scores and iterations of its explanations are those of the game on the image as it is.

    Args:
        game: the deletion game.
        smoothing: standard deviation of G as a share of the longer side; 0 leaves it out.
        fraction: share of the maximum at which a lesion candidate begins; it changes no evidence.

    Raises:
        UsageError: another game, a smoothing outside [0, 0.1], or a fraction outside [0, 1].
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
        """What the result depends on, as plain values."""
        return {**self.game.settings(), "method": self.method, "smoothing": self.smoothing, "fraction": self.fraction}

    def _change(self, played: Explanation, images: Tensor) -> Tensor:
        """The change of the image by the deletion, mean over channels, (N, 1, H, W)."""
        reference = reference_for(self.game.reference, images, self.game.seed)
        deleted = torch.zeros_like(images) if played.mask is None else 1 - played.mask
        deleted = deleted * (deleted > 1 - START)
        return (deleted * (images - reference).abs().clamp(max=CONTRAST)).mean(dim=1, keepdim=True)

    def _smooth(self, change: Tensor) -> Tensor:
        from torchvision.transforms.v2.functional import gaussian_blur  # takes longer to import than torch

        sigma = self.smoothing * max(change.shape[-2:])
        if sigma == 0:
            return change
        radius = min(int(3 * sigma) + 1, min(change.shape[-2:]) - 1)
        smoothed: Tensor = gaussian_blur(change, [2 * radius + 1] * 2, [sigma] * 2)
        return smoothed


def undefended() -> RetinaFGVis:
    """The protocol with its game played without the defence, for comparison."""
    return RetinaFGVis(replace(RETINA_GAME, defended=False))
