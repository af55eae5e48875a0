"""The retina protocol (ours): FGVis evidence as a clinician can read it.

The game is the paper's, with the same defence; six things make lesions of its masks:

    change_F = mean over channels of F^-1[ (1 - m_F) min(|F x - r|, 1) ]      for every flip F
    e        = (mean over flips of sqrt(G * change_F))^2,       evidence = p_c(x) e / max e

1. Weight by the change that the deletion makes: a pixel that equals its reference is not changed by deleting it, so
   whatever its mask says, nothing was shown to depend on it. Beyond one unit of the network's input more contrast
   counts no more, or bright exudates would hide the haemorrhages. What the start mask deleted by chance (at most 0.01)
   counts as nothing, so a photograph whose score is low from the start has no evidence at all.
2. A Gaussian G of a few network pixels, the width of small lesions: the mask is a scatter of pixels, a lesion a blob.
3. Both flips and their product: a retina has no up and down for this network, so what only one of the four games
   deletes is chance. The power mean lies between the mean, which shows all of it, and the product, which shows what all
   four agree on.
4. Fewer steps: the score of a fundus photograph falls at once or swings for hundreds of steps, which only add paint.
5. Scaled by the score p_c(x): evidence for a disease that the network hardly sees is weak, and weaker than that of a
   photograph which it refers, so evidence of one strength means the same in all photographs.
6. A candidate begins at 7 % of the maximum, not at 4 %: below lie the feet of the Gaussians. They stay in the map.

It wants weights whose preprocessing takes the local background off: then r = 0 is the surroundings of a pixel, and the
change |x - r| its contrast against them.
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
    """FGVis whose evidence is weighted by the change, smoothed, averaged over flips and scaled by the score.

    Mask, explained image, scores and iterations of its explanations are those of the game on the image as it is.

    Args:
        game: the deletion game that is played.
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
        """What the deletion changes, mean over channels, (N, 1, H, W)."""
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
