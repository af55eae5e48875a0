"""LIME (Ribeiro, Singh and Guestrin, 2016): a linear model of the score over superpixels that are shown or hidden.

    z in {0, 1}^K,  each z_k = 1 with probability 1/2;   x(z) shows superpixel k if z_k = 1, and r = 0 otherwise
    w = argmin  sum_i pi(z_i) (p_c(x(z_i)) - w . z_i - b)^2 + |w|^2,   evidence = relu(w_k) on all of superpixel k
    pi(z) = exp(-D(z)^2 / (2 sigma^2)),   D = 1 - sqrt(sum z / K), the cosine distance to "all shown",  sigma 0.25

Sampling and regression are Captum's (with scikit-learn's ridge regression). Superpixels are scikit-image's SLIC on the
image scaled to its own range. The number of samples (1000), the ridge weight (1) and the kernel sqrt(exp(-D^2 /
sigma^2)) are those of the authors' image code. Differences: about 50 SLIC superpixels instead of quickshift, and the
mean colour r = 0 for hidden superpixels instead of each superpixel's mean. The attribution (N, 1, H, W) is w_k, with
its sign.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from retina_xai.errors import UsageError
from retina_xai.explainers.explainer import Plan
from retina_xai.explainers.perturbation import PerturbationExplainer, Scores, check_batch
from retina_xai.models.throughput import batch_for

KERNEL_WIDTH = 0.25


@dataclass(frozen=True)
class LIME(PerturbationExplainer):
    """Superpixel LIME.

    Args:
        samples: number of masked images, at least 2.
        segments: requested number of superpixels, at least 2; SLIC gives about as many.
        seed: of z; the same for every image.
        batch: samples per forward pass, None for the device's default; it changes the result by rounding only.

    Raises:
        UsageError: a value outside these ranges.
    """

    method: ClassVar[str] = "lime"
    samples: int = 1000
    segments: int = 50
    seed: int = 0
    batch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples < 2 or self.segments < 2:
            raise UsageError(f"samples {self.samples}, segments {self.segments}: give at least 2 of each")
        check_batch(self.batch)

    def plan(self) -> Plan:
        """One step per sample."""
        return Plan(games=1, steps=self.samples)

    def attribution_of(self, scores: Scores, image: Tensor) -> Tensor:
        """The weights of the linear model, each on the pixels of its superpixel."""
        from captum._utils.models.linear_model import SkLearnRidge
        from captum.attr import Lime as CaptumLime

        segments = torch.from_numpy(superpixels(image[0].cpu().double().numpy(), self.segments)).to(image.device)
        lime = CaptumLime(scores, interpretable_model=SkLearnRidge(alpha=1.0), similarity_func=_kernel)
        # Captum uses torch's global CPU generator.
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.default_generator.manual_seed(self.seed)
            weights: Tensor = lime.attribute(
                image,
                feature_mask=segments[None, None],
                n_samples=self.samples,
                perturbations_per_eval=batch_for(image, self.batch),
            )
        return weights[0, 0].detach().to(image)


def superpixels(image: npt.NDArray[np.float64], segments: int) -> npt.NDArray[np.int64]:
    """About `segments` SLIC superpixels of (C, H, W) or (C, D, H, W) of any range: labels from 0, without gaps."""
    from skimage.segmentation import slic

    low, high = image.min(), image.max()
    scaled = (image - low) / (high - low) if high > low else np.zeros_like(image)
    labels = slic(
        np.moveaxis(scaled, 0, -1),
        n_segments=segments,
        compactness=10,
        sigma=1,
        start_label=0,
        channel_axis=-1,
        convert2lab=image.ndim == 3 and len(image) == 3,
    )
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int64)


def _kernel(original: Tensor, copy: Tensor, shown: Tensor, **_: object) -> float:
    """pi(z) of `shown` = z (1, K)."""
    distance = 1 - math.sqrt(float(shown.double().mean()))
    return math.exp(-(distance**2) / (2 * KERNEL_WIDTH**2))
