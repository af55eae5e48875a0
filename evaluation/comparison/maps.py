"""The map of a method as the metrics see it, and the same map under the controls.

Ranking: pixels are ordered by their evidence, highest first. Pixels of equal evidence are ordered by the signed
attribution (sum over the channels, interpolated to the size of the photograph), because evidence is clipped at 0 where
a method has negative values: 30 to 53 % of the pixels of occlusion are 0 then. What is still equal is in a random order
drawn from the seed (`metrics.deletion`). A game that changes few pixels leaves most of them in that order;
`largest_tie` says how many.

Controls: the evidence times white noise U(0, 1), which scatters it without adding knowledge; the evidence after a
Gaussian blur with the same scale for every method, so that all have the same granularity; the clipped evidence.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from retina_xai.adapters import values_of
from retina_xai.explainers.explainer import Explainer, Explanation
from retina_xai.games.smoothing import gaussian_blur
from retina_xai.metrics.deletion import CurveSettings, removal_curve, removal_order
from retina_xai.models.network import Network

GRANULARITY = 8 / 224
"""Standard deviation of the blur as a share of the longer side: 8 pixels of 224."""

NOISE_SEED = 1_000_003
"""Distance of the seed of the noise from that of the methods: with the same, noise and random map would be equal."""


@dataclass(frozen=True)
class ExplainedCase:
    """One photograph with its explanation: what a metric is computed from.

    image: (1, C, H, W) in the network's normalised space. seed: of everything random in the metrics, the same for all
    methods. truth: (H, W) bool, where the object is; None without annotations. areas: those computed so far, by the
    order of the pixels and the settings of the curve: the controls of many methods have the order of the map itself.
    """

    network: Network
    image: Tensor
    explainer: Explainer
    explanation: Explanation
    seed: int
    truth: Tensor | None = None
    areas: dict[tuple[bytes, CurveSettings], float] = field(default_factory=dict, repr=False, compare=False)

    def area(self, ranked: Tensor, settings: CurveSettings) -> float:
        """Area under the curve of `metrics.deletion` while pixels are moved by a map (H, W)."""
        key = removal_order(ranked, settings.seed).numpy().tobytes(), settings
        if key not in self.areas:
            curve = removal_curve(self.network.model, self.image[0], ranked, self.target, settings)
            self.areas[key] = curve.auc
        return self.areas[key]

    @property
    def target(self) -> int:
        """The explained class."""
        return int(self.explanation.target)

    @property
    def evidence(self) -> Tensor:
        """Evidence (H, W) in [0, 1]."""
        return self.explanation.evidence[0]

    @property
    def ranking(self) -> Tensor:
        """Evidence (H, W), ties broken by the signed attribution, as whole numbers from 0 (double)."""
        signed = values_of(self.explanation, self.image, "attribution")[0].sum(dim=0)
        return dense_ranks(self.evidence, signed)

    @property
    def times_noise(self) -> Tensor:
        """Evidence times white noise, (H, W)."""
        generator = torch.Generator().manual_seed(self.seed + NOISE_SEED)
        return self.evidence.cpu() * torch.rand(self.evidence.shape, generator=generator)

    @property
    def smoothed(self) -> Tensor:
        """Evidence at the granularity that all methods share, (H, W)."""
        sigma = GRANULARITY * max(self.evidence.shape)
        radius = min(max(1, round(3 * sigma)), min(self.evidence.shape) - 1)
        return gaussian_blur(self.evidence[None, None].float(), radius, sigma)[0, 0]


def dense_ranks(first: Tensor, second: Tensor) -> Tensor:
    """Rank of every pixel by `first`, then by `second`, both (H, W): 0 for the lowest; equal pixels share a rank.

    >>> dense_ranks(torch.tensor([[0.0, 0.0, 1.0, 0.0]]), torch.tensor([[2.0, -1.0, 0.0, 2.0]]))
    tensor([[1., 0., 2., 1.]], dtype=torch.float64)
    """
    one, other = (values.detach().cpu().double().flatten().numpy() for values in (first, second))
    order = np.lexsort((other, one))
    changes = (np.diff(one[order]) != 0) | (np.diff(other[order]) != 0)
    ranks = np.empty(len(one))
    ranks[order] = np.concatenate([[0], np.cumsum(changes)])
    return torch.from_numpy(ranks).reshape(first.shape)


def largest_tie(ranking: Tensor) -> float:
    """Share of the pixels in the largest group of one rank, in (0, 1]."""
    return float(np.unique(ranking.numpy(), return_counts=True)[1].max()) / ranking.numel()
