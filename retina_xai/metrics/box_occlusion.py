"""Box occlusion (VEBI, Oramas et al., ICLR 2019): boxes where a map is large hide up to 30 % of the image.

The centres of the boxes are drawn at random, in proportion to the map; each box is filled with a constant. The score of
the class over the share of hidden pixels falls faster for maps that show what the class depends on: the mean over the
shares, relative to the score of the whole image, is the figure, lower is better. A constant map is chance.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from retina_xai.errors import InputError, UsageError
from retina_xai.models.scored_model import scored
from retina_xai.models.scores import Score, score_spec


@dataclass(frozen=True)
class BoxOcclusion:
    """Settings.

    shares: of the pixels that are hidden, rising, in (0, 1). side: of a box, as a share of the shorter side of the
    image. fill: value of hidden pixels in the normalised space. seed: of the places.

    Raises:
        UsageError: a value outside these ranges.
    """

    shares: tuple[float, ...] = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30)
    side: float = 0.05
    fill: float = 0.0
    seed: int = 0
    score: Score = "softmax"

    def __post_init__(self) -> None:
        rising = list(self.shares) == sorted(set(self.shares))
        within = all(0 < value < 1 for value in (*self.shares, self.side))
        if not self.shares or not rising or not within:
            raise UsageError(
                f"shares {self.shares}, side {self.side:g}: give rising shares in (0, 1) and a side in (0, 1)"
            )


def box_occlusion(
    model: nn.Module, image: Tensor, heat: Tensor, target: int, settings: BoxOcclusion = BoxOcclusion()
) -> Tensor:
    """The score of the class at each of the shares, divided by that of the whole image, (S,).

    Args:
        image: (C, H, W). heat: (H, W), not negative; a map of zeros counts as constant. target: class index.

    Raises:
        InputError: a map of another shape, or with negative values.
    """
    if heat.shape != image.shape[1:] or not (heat >= 0).all():
        raise InputError(
            f"map {tuple(heat.shape)} for an image {tuple(image.shape)}: give (H, W), at least 0 everywhere"
        )
    hidden = hidden_pixels(heat, settings).to(image.device)
    views = torch.cat([image[None], torch.where(hidden[:, None], settings.fill, image[None])])
    with scored(model, settings.score) as network, torch.no_grad():
        scores = score_spec(settings.score).value(
            network(views), torch.full((len(views),), target, device=image.device)
        )
    return (scores[1:] / scores[0]).cpu()


def hidden_pixels(heat: Tensor, settings: BoxOcclusion) -> Tensor:
    """Which pixels are hidden at each share, (S, H, W) bool; at least that share, by boxes of the same sequence."""
    height, width = heat.shape
    side = max(1, round(settings.side * min(height, width)))
    rng = np.random.default_rng(settings.seed)
    chances = heat.double().cpu().flatten().numpy()
    chances = chances / chances.sum() if chances.sum() > 0 else np.full(chances.size, 1 / chances.size)
    hidden, found = np.zeros((height, width), dtype=bool), []
    places: list[int] = []
    for share in settings.shares:
        while hidden.mean() < share:
            if not places:
                # a map of few pixels cannot hide more than these and their boxes: chance fills the rest
                if hidden.ravel()[chances > 0].all():
                    chances = np.full(chances.size, 1 / chances.size)
                places = rng.choice(chances.size, 256, p=chances).tolist()
            place = places.pop()
            top, left = place // width - side // 2, place % width - side // 2
            hidden[max(0, top) : top + side, max(0, left) : left + side] = True
        found.append(hidden.copy())
    return torch.from_numpy(np.stack(found))
