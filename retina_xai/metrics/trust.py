"""How far an explanation can be trusted: what it does to the score, beside chance, other seeds and a random network.

A share k in [0, 1] of every pixel and channel is the evidence: 1 - m for the games that remove the class (deletion,
repression), m for those that keep it; for a method without a mask, 1 on the `fraction` of the pixels with the highest
evidence and 0 elsewhere. r is the reference.

    alone       p_c(k x + (1 - k) r)     high is good: the evidence is enough for the class (what preservation wants)
    complement  p_c((1 - k) x + k r)     low is good: the class cannot do without it (what deletion wants)

Deletion finds the least that must go, so its `alone` is often low; preservation the least that must stay, so its
`complement` is often high. Neither figure means anything without the same two for evidence of equal area in a random
place (`random_*`: mean, lowest and highest of several). Good: the explanation's complement is below the lowest random
one, or its alone above the highest. Bad: it lies between them, so any other place would have done as well.

    seed_correlation  Spearman's rank correlation of the evidence with that of other seeds, mean over seeds
    seed_iou          intersection over union of the `fraction` of pixels with the most evidence, mean over seeds

Near 1 is good. Two random maps give 0, and an IoU of f / (2 - f), which is 0.05 for a tenth of the pixels.

    randomised_last, _half, _all   Spearman with the evidence for a copy of the network whose last layer, last half of
                                   the layers, all layers have lost their weights (Adebayo et al., 2018, cascading)

Near 0 is good. Where it stays near 1, the map shows the photograph's edges and not what the network learned.

Ours: weights are lost by shuffling the values of each parameter tensor instead of drawing them anew. Their scale
survives, without which a network with folded batch normalisation would give one answer to everything. A network whose
random weights leave nothing to explain (a class behind a dead ReLU, so a flat map) is drawn again, up to 5 times.
What does not apply, was not asked for, or cannot be computed is NaN.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.explainers.explainer import Explainer, Explanation, check_images, check_logits
from retina_xai.games.game import class_score
from retina_xai.games.references import Reference, reference_for
from retina_xai.metrics.deletion import removal_order
from retina_xai.models.inference import inference

DRAWS = 5


@dataclass(frozen=True)
class TrustSettings:
    """What is asked.

    Args:
        fraction: share of the pixels that counts as evidence without a mask, and in the IoU; in (0, 1).
        random_masks: evidences of equal area to compare with, at least 1.
        placement: a key of `PLACEMENTS`: "moved" keeps blobs and texture (a fair rival), "scattered" only the area.
        seeds: of the repetitions, each added to the explanation's own; none leaves them out.
        randomise: also try networks without their weights.
        reference: what stands for removed pixels; None takes the explanation's own, zero for methods without one.
        seed: of random places, of shuffled weights, of ties, and of random references.

    Raises:
        UsageError: a value outside these ranges.
    """

    fraction: float = 0.1
    random_masks: int = 8
    placement: str = "moved"
    seeds: tuple[int, ...] = (1, 2)
    randomise: bool = False
    reference: str | Reference | Tensor | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1 or self.random_masks < 1:
            raise UsageError(
                f"fraction {self.fraction:g}, random_masks {self.random_masks}: give a share between 0 and 1, "
                "and at least 1 mask"
            )
        if self.placement not in PLACEMENTS:
            raise UsageError(f"unknown placement {self.placement!r}: choose one of {', '.join(PLACEMENTS)}")


@dataclass(frozen=True)
class Trust:
    """The figures of the module's docstring; `area` is the mean of k, `score` p_c(x). Undefined is NaN."""

    score: float
    area: float
    alone: float
    random_alone: float
    random_alone_low: float
    random_alone_high: float
    complement: float
    random_complement: float
    random_complement_low: float
    random_complement_high: float
    seed_correlation: float = math.nan
    seed_iou: float = math.nan
    randomised_last: float = math.nan
    randomised_half: float = math.nan
    randomised_all: float = math.nan

    def to_dict(self) -> dict[str, float | None]:
        """Plain values for JSON; undefined ones are None."""
        return {name: None if math.isnan(value) else float(f"{value:.7g}") for name, value in asdict(self).items()}


def trust(
    model: nn.Module,
    image: Tensor,
    explanation: Explanation,
    settings: TrustSettings | None = None,
    explainer: Explainer | None = None,
) -> Trust:
    """Judge the explanation of one image (C, H, W) for its own target class.

    Args:
        explainer: what made it; without it, nothing is repeated and the figures over seeds and random networks are
            NaN. It runs once per seed, and at least three times to randomise.

    Raises:
        InputError: the explanation is not of one image, or of one of another size.
        ModelError: the model gives no finite logits.
    """
    settings = settings or TrustSettings()
    _check(image, explanation)
    kept = evidence_share(explanation, image, settings)
    generator = torch.Generator().manual_seed(settings.seed)
    place = PLACEMENTS[settings.placement]
    shares = torch.stack([kept, *(place(kept, generator) for _ in range(settings.random_masks))])
    score, alone, complement = _scores(model, image, shares, explanation, settings)
    figures = {
        "score": score,
        "area": float(kept.mean()),
        "alone": alone[0],
        "complement": complement[0],
        **_spread("random_alone", alone[1:]),
        **_spread("random_complement", complement[1:]),
    }
    if explainer is not None:
        figures |= _over_seeds(explainer, model, image, explanation, settings)
        if settings.randomise:
            figures |= _over_networks(explainer, model, image, explanation, settings)
    return Trust(**figures)


def score_alone(model: nn.Module, image: Tensor, explanation: Explanation) -> float:
    """`alone` of the explanation of one image (C, H, W) by a method with a mask; NaN for a method without one."""
    _check(image, explanation)
    if explanation.mask is None:
        return math.nan
    settings = TrustSettings()
    share = evidence_share(explanation, image, settings)
    return _scores(model, image, share[None], explanation, settings)[1][0]


def evidence_share(explanation: Explanation, image: Tensor, settings: TrustSettings) -> Tensor:
    """k of the one image explained, in [0, 1], of the shape of `image` (C, H, W)."""
    if explanation.mask is not None and explanation.polarity is not None:
        mask = explanation.mask[0].to(image)
        return mask if explanation.polarity == "keeps" else 1 - mask
    return _top(explanation.evidence[0], settings.fraction, settings.seed).to(image).expand_as(image)


def moved(share: Tensor, generator: torch.Generator) -> Tensor:
    """`share` (C, H, W) mirrored at random and shifted round the edges: same area, blobs and texture."""
    mirrored = share.flip([axis for axis in (1, 2) if torch.rand(1, generator=generator) < 0.5])
    shifts = [int(torch.randint(side, (1,), generator=generator)) for side in share.shape[1:]]
    return mirrored.roll(shifts, (1, 2))


def scattered(share: Tensor, generator: torch.Generator) -> Tensor:
    """The pixels of `share` (C, H, W) in random order: same area and values."""
    order = torch.randperm(share[0].numel(), generator=generator).to(share.device)
    return share.flatten(1)[:, order].reshape(share.shape)


PLACEMENTS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {"moved": moved, "scattered": scattered}


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's rank correlation of two maps in [-1, 1], ties at their mean rank; NaN if one map is constant."""
    one, other = (values.detach().cpu().double().flatten().numpy() for values in (first, second))
    if one.min() == one.max() or other.min() == other.max():
        return math.nan  # spearmanr returns NaN too, with a warning
    return float(spearmanr(one, other).statistic)


def randomised(model: nn.Module, share: float, seed: int) -> nn.Module:
    """A copy of `model` in which the values of every parameter in the last `share` of the layers are shuffled.

    A layer is a module with parameters of its own; they are counted in the order in which the model lists them, at
    least one.
    """
    twin = copy.deepcopy(model)
    layers = [module for module in twin.modules() if next(module.parameters(recurse=False), None) is not None]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in layers[-max(1, round(share * len(layers))) :]:
            for parameter in layer.parameters(recurse=False):
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return twin


def _check(image: Tensor, explanation: Explanation) -> None:
    check_images(image[None])
    expected = (1, *image.shape[1:])
    if explanation.evidence.shape != expected:
        raise InputError(
            f"evidence has shape {tuple(explanation.evidence.shape)}, expected {expected}: "
            "judge the explanation of one image at a time"
        )


def _top(evidence: Tensor, fraction: float, seed: int) -> Tensor:
    """1 on the pixels of evidence (H, W) with the highest values, at least one, 0 elsewhere."""
    chosen = removal_order(evidence, seed)[: max(1, round(fraction * evidence.numel()))]
    return torch.zeros(evidence.numel()).scatter_(0, chosen, 1).reshape(evidence.shape)


def _scores(
    model: nn.Module, image: Tensor, shares: Tensor, explanation: Explanation, settings: TrustSettings
) -> tuple[float, list[float], list[float]]:
    """p_c of the image, and of the shares (S, C, H, W) alone and their complements."""
    images = image.detach()[None]
    removed = _removed(explanation, settings, images)
    target = explanation.target.to(image.device)
    values = []
    with inference(model), torch.no_grad():
        for share in torch.cat([torch.ones_like(images), shares, 1 - shares]):
            shown = share * images + (1 - share) * removed
            values.append(float(class_score(check_logits(model(shown), shown), target)))
    return values[0], values[1 : 1 + len(shares)], values[1 + len(shares) :]


def _removed(explanation: Explanation, settings: TrustSettings, images: Tensor) -> Tensor:
    """What stands for removed pixels: the reference of the settings, else the explanation's own with its own seed."""
    if settings.reference is not None:
        return reference_for(settings.reference, images, settings.seed)
    seed = settings.seed if explanation.seed is None else explanation.seed
    return reference_for(explanation.reference, images, seed)


def _spread(name: str, values: list[float]) -> dict[str, float]:
    return {name: float(np.mean(values)), f"{name}_low": min(values), f"{name}_high": max(values)}


def _over_seeds(
    explainer: Explainer, model: nn.Module, image: Tensor, explanation: Explanation, settings: TrustSettings
) -> dict[str, float]:
    own = explanation.seed or 0
    others = [other for seed in settings.seeds if (other := explainer.with_seed(own + seed)) is not None]
    maps = [other(model, image[None], explanation.target).evidence[0] for other in others]
    if not maps:
        return {}
    evidence = explanation.evidence[0]
    # Ties of the two maps are broken apart from one another: a shared order would count as agreement.
    top = _top(evidence, settings.fraction, settings.seed).bool()
    tops = [_top(values, settings.fraction, settings.seed + 1 + row).bool() for row, values in enumerate(maps)]
    return {
        "seed_correlation": float(np.mean([rank_correlation(evidence, values) for values in maps])),
        "seed_iou": float(np.mean([float((top & other).sum() / (top | other).sum()) for other in tops])),
    }


def _over_networks(
    explainer: Explainer, model: nn.Module, image: Tensor, explanation: Explanation, settings: TrustSettings
) -> dict[str, float]:
    figures = {}
    for name, share in (("last", 0.0), ("half", 0.5), ("all", 1.0)):
        for draw in range(DRAWS):
            twin = randomised(model, share, settings.seed + draw)
            figures[f"randomised_{name}"] = _against(explainer, twin, image, explanation)
            if not math.isnan(figures[f"randomised_{name}"]):
                break
    return figures


def _against(explainer: Explainer, twin: nn.Module, image: Tensor, explanation: Explanation) -> float:
    """Rank correlation with what the method says of another network; NaN where it says nothing."""
    try:
        values = explainer(twin, image[None], explanation.target).evidence[0]
    except ModelError:
        return math.nan
    return rank_correlation(explanation.evidence[0], values)
