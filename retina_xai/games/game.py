"""The four games (FGVis eq. 1-3, supplement A2). The mask m is the share of every pixel and channel that is kept.

    e = m * x + (1 - m) * r                                                             (1)

| game         | start of m   | minimised                  | succeeds when                      |
|--------------|--------------|----------------------------|------------------------------------|
| preservation | U(0.99, 1)   | CE(e) + lambda ||m||_1     | c is the most likely class of e    |
| generation   | U(0, 0.01)   | CE(e) + lambda ||m||_1     | c is the most likely class of e    |
| deletion     | U(0.99, 1)   | p_c(e) - lambda ||m||_1    | c is no longer the most likely     |
| repression   | U(0, 0.01)   | p_c(e) - lambda ||m||_1    | c is no longer the most likely     |

||m||_1 is the sum over all mask elements; with a mean, the published lambdas would not apply (our reading). For scores
other than the softmax, `models.scores` defines p_c, CE and when a class counts as present.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from retina_xai.models.scores import SCORES, ScoreSpec


@dataclass(frozen=True)
class Game:
    """One row of the table above."""

    name: str
    start: tuple[float, float]
    keeps_class: bool
    score: ScoreSpec = SCORES["softmax"]

    @property
    def sparsity_sign(self) -> int:
        """Sign of lambda in the loss: +1 if the game minimises the mask, -1 if it maximises it."""
        return 1 if self.keeps_class else -1

    def similarity(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss without lambda, (N,): cross-entropy of the target, or its score."""
        return self.score.loss(logits, targets) if self.keeps_class else self.score.value(logits, targets)

    def succeeded(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Whether the explanation ends the game, (N,) bool."""
        return self.score.present(logits, targets) == self.keeps_class

    def start_mask(self, shape: torch.Size | tuple[int, ...], seed: int, like: Tensor) -> Tensor:
        """The random start mask (1, C, H, W), one per seed for all images: results do not depend on the batch."""
        noise = torch.rand((1, *shape[1:]), generator=torch.Generator().manual_seed(seed))
        low, high = self.start
        return (low + (high - low) * noise).to(like)

    def evidence(self, mask: Tensor) -> Tensor:
        """Evidence of each pixel, (N, H, W) in [0, 1]: channel mean of the mask, or of 1 - mask for deletion games."""
        kept = mask if self.keeps_class else 1 - mask
        return kept.mean(dim=1)


GAMES: dict[str, Game] = {
    game.name: game
    for game in (
        Game("preservation", start=(0.99, 1.0), keeps_class=True),
        Game("generation", start=(0.0, 0.01), keeps_class=True),
        Game("deletion", start=(0.99, 1.0), keeps_class=False),
        Game("repression", start=(0.0, 0.01), keeps_class=False),
    )
}
