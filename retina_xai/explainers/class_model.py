"""Class model visualisation (Simonyan et al., 2014): an image that the network finds most typical of a class.

    I = arg max  S_c(I) - lam * ||I||^2,     S_c the unnormalised class score,  ||I||^2 the sum over all values

by gradient ascent in normalised space, g = d S_c / d I - 2 lam I, I <- I + lr * g / rms(g). It explains a class and not
an image: the images of a call say only how many maps of which size are made, and for which class if none is given.
`attribution` (N, C, H, W) is I; show it as a picture. `evidence` is its largest absolute value over the channels, and
says nothing about the photograph.

Ours: steps of fixed root mean square, because the scale of S_c differs by a factor of 100 between networks; and a start
from weak noise instead of zero, where a network whose scores end in a ReLU (SqueezeNet) has no gradient for every tenth
class. Where there is none either, I is 0 and `converged` False.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import Explainer, Explanation, Plan, Targets, check_logits, resolve_targets
from retina_xai.explainers.gradient_method import leaf_of
from retina_xai.games.engine import OnStep
from retina_xai.models.scored_model import ScoredModel

START = 0.1
"""Standard deviation of the noise at the start, in units of the normalised input."""


@dataclass(frozen=True)
class ClassModel(Explainer):
    """Class model visualisation.

    Args:
        lam: weight of the squared norm, at least 0.
        lr: root mean square of a step, in units of the normalised input, above 0.
        iterations: number of steps, at least 1.
        seed: of the noise at the start; the same for every image.

    Raises:
        UsageError: a value outside these ranges.
    """

    method: ClassVar[str] = "class-model"
    lam: float = 1e-3
    lr: float = 0.05
    iterations: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.lam < float("inf") or not 0 < self.lr < float("inf") or self.iterations < 1:
            raise UsageError(
                f"lam {self.lam:g}, lr {self.lr:g}, iterations {self.iterations}: give a weight of at least 0, a "
                "positive step and at least 1 iteration"
            )

    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Class images of the size of images (N, C, H, W), one after another; see `Explainer`."""
        images = images.detach()
        with self.network(model) as network:
            with torch.no_grad():
                logits = check_logits(network(images))
            target = resolve_targets(targets, logits)
            noise = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(self.seed))
            start = (START * noise).to(images)[None]
            made = [self._class_image(network, start, label, on_step) for label in torch.split(target, 1)]
        image = torch.cat(made)
        steps = torch.full_like(target, self.iterations)
        result = self.without_mask(image.abs().amax(dim=1), image, target, logits)
        return replace(result, iterations=steps, converged=image.flatten(1).any(dim=1))

    def plan(self) -> Plan:
        """One step per iteration."""
        return Plan(games=1, steps=self.iterations)

    def _class_image(self, network: ScoredModel, image: Tensor, label: Tensor, on_step: OnStep | None) -> Tensor:
        """The image (1, C, H, W) of a class (1,), from a start image."""
        for step in range(self.iterations):
            leaf = leaf_of(image)
            logits = check_logits(network(leaf))
            (slope,) = torch.autograd.grad(network.score.differentiated(logits, label).sum(), leaf)
            if step == 0 and not slope.any():
                image = torch.zeros_like(image)
            ascent = slope - 2 * self.lam * image
            size = ascent.square().mean().sqrt()
            image = image + self.lr * ascent / torch.where(size > 0, size, 1)
            if on_step is not None:
                on_step(step + 1, self.scores_of(logits, label))
        return image
