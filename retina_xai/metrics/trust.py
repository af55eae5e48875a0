"""Metrics of one explanation: faithfulness, seed sensitivity, and the model parameter randomisation test.

The evidence is a share k in [0, 1] of every pixel and channel: m for games that keep the class, 1 - m for games that
remove it (deletion, repression). For a method without a mask, k is 1 on the `fraction` of the pixels with the highest
evidence and 0 elsewhere. r is the reference.

Faithfulness, after DeYoung et al., "ERASER" (2020), but as plain scores, not differences from p_c(x):

    alone       p_c(k x + (1 - k) r)     sufficiency: score of the evidence only; high is good
    complement  p_c((1 - k) x + k r)     comprehensiveness: score without the evidence; low is good

Deletion minimises the evidence that is removed, so its sufficiency is often poor. Preservation minimises the evidence
that is kept, so its comprehensiveness is often poor. The baseline is the same two scores for evidence of equal area at
random places (`random_*`: mean, lowest and highest). An explanation is better than chance if its complement is below
the lowest random one, or its alone above the highest random one.

Seed sensitivity:

    seed_correlation  Spearman's rank correlation with the evidence of other seeds, mean over seeds
    seed_iou          intersection over union of the `fraction` of pixels with the highest evidence, mean over seeds

Near 1 is good. Two independent random maps have correlation 0 and an IoU of f / (2 - f) (0.05 for a tenth of the
pixels).

Randomisation test (Adebayo et al., 2018, cascading):

    randomised_last, _half, _all   Spearman's rank correlation with the evidence of a copy of the network with random
                                   weights in the last layer, the last half of the layers, or all layers

Near 0 is good. Near 1, the map depends on edges of the image, not on what the network learned.

Our choices: weights are randomised by shuffling the values of each parameter tensor. This keeps their scale; otherwise
a network with folded batch normalisation would give the same output for every image. If the evidence of a randomised
network is constant (for example, because a ReLU before the class is dead), another network is drawn, up to 5 times.
Values that do not apply, were not requested or cannot be computed are NaN.
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
from retina_xai.explainers.explainer import Explainer, Explanation, Plan, check_images, check_logits
from retina_xai.games.engine import OnStep
from retina_xai.games.references import Reference, reference_for
from retina_xai.metrics.deletion import removal_order
from retina_xai.models.scored_model import scored

MAX_DRAWS = 5
RANDOMISED = {"last": 0.0, "half": 0.5, "all": 1.0}
"""Shares of the layers that the randomisation test shuffles, at least one layer."""

Again = Callable[[Explainer, nn.Module], Tensor]
"""The evidence (H, W) of another method or model for the same image and target."""


@dataclass(frozen=True)
class TrustSettings:
    """Settings of the metrics.

    Args:
        fraction: share of the pixels that are evidence if there is no mask, and for the IoU; in (0, 1).
        random_masks: number of random masks of equal area in the baseline, at least 1.
        placement: of the random masks, a key of `PLACEMENTS`: "moved" keeps shapes and texture, "scattered" only the
            area.
        seeds: offsets that are added to the explanation's seed for seed sensitivity; empty to skip it.
        randomise: also run the randomisation test.
        reference: the value of removed pixels; None takes the explanation's own reference (zero if it has none).
        seed: of random masks, shuffled weights, ties and random references.

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

    def plan(self, explainer: Explainer) -> Plan:
        """The further runs of the method, for a progress bar; networks that have to be drawn again are not counted."""
        runs = len(self.seeds) * (explainer.seed is not None) + len(RANDOMISED) * self.randomise
        games, steps = explainer.plan()
        return Plan(runs * games, steps)


@dataclass(frozen=True)
class Trust:
    """The metrics of the module docstring; `alone` is sufficiency and `complement` comprehensiveness.

    `score` is p_c(x), `area` the mean of k. Scores are those of the explanation, `Explanation.score`. Areas, and
    scores that are probabilities, are in [0, 1]; undefined values are NaN.
    """

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
        """Plain values for JSON; undefined values are None."""
        return {name: None if math.isnan(value) else float(f"{value:.7g}") for name, value in asdict(self).items()}


def trust(
    model: nn.Module,
    image: Tensor,
    explanation: Explanation,
    settings: TrustSettings | None = None,
    explainer: Explainer | None = None,
    on_step: OnStep | None = None,
) -> Trust:
    """Compute the metrics of the explanation of one image (C, H, W) for its target class.

    Args:
        explainer: the method that made the explanation. Without it, seed sensitivity and the randomisation test are
            NaN. It runs once per seed, and at least three times for the randomisation test.
        on_step: progress of these runs, see `Explainer`; `TrustSettings.plan` says how many they are.

    Raises:
        InputError: the explanation is not of exactly one image, or of an image of another size.
        ModelError: the model's logits are not finite.
    """
    settings = settings or TrustSettings()
    check_one(image, explanation)
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

        def again(method: Explainer, network: nn.Module) -> Tensor:
            return method(network, image[None], explanation.target, on_step=on_step).evidence[0]

        figures |= _seed_sensitivity(again, explainer, model, explanation, settings)
        if settings.randomise:
            figures |= _randomisation_test(again, explainer, model, explanation, settings)
    return Trust(**figures)


def correlation_without_weights(
    model: nn.Module, image: Tensor, explanation: Explanation, explainer: Explainer, stage: str, seed: int = 0
) -> float:
    """`Trust.randomised_*` of one image (C, H, W) for one stage, a key of `RANDOMISED`; NaN where undefined.

    Raises:
        UsageError: unknown stage.
    """
    if stage not in RANDOMISED:
        raise UsageError(f"unknown stage {stage!r}: choose one of {', '.join(RANDOMISED)}")
    check_one(image, explanation)

    def again(method: Explainer, network: nn.Module) -> Tensor:
        return method(network, image[None], explanation.target).evidence[0]

    return _without_weights(again, explainer, model, explanation, (stage, seed))


def sufficiency(model: nn.Module, image: Tensor, explanation: Explanation) -> float:
    """`Trust.alone`, in [0, 1], of the explanation of one image (C, H, W); NaN for methods without a mask."""
    check_one(image, explanation)
    if explanation.mask is None:
        return math.nan
    settings = TrustSettings()
    share = evidence_share(explanation, image, settings)
    return _scores(model, image, share[None], explanation, settings)[1][0]


def evidence_share(explanation: Explanation, image: Tensor, settings: TrustSettings) -> Tensor:
    """k, in [0, 1], of the explanation of one image, with the shape of `image`, (C, H, W) or (C, D, H, W)."""
    if explanation.mask is not None and explanation.polarity is not None:
        mask = explanation.mask[0].to(image)
        return mask if explanation.polarity == "keeps" else 1 - mask
    return _top(explanation.evidence[0], settings.fraction, settings.seed).to(image).expand_as(image)


def moved(share: Tensor, generator: torch.Generator) -> Tensor:
    """`share` (C, H, W) randomly mirrored and cyclically shifted: same area, shapes and texture."""
    axes = tuple(range(1, share.ndim))
    mirrored = share.flip([axis for axis in axes if torch.rand(1, generator=generator) < 0.5])
    shifts = [int(torch.randint(side, (1,), generator=generator)) for side in share.shape[1:]]
    return mirrored.roll(shifts, axes)


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

    A layer is a module with its own parameters, in the order of `model.modules()`. At least one layer is shuffled.
    """
    random_model = copy.deepcopy(model)
    layers = [module for module in random_model.modules() if next(module.parameters(recurse=False), None) is not None]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in layers[-max(1, round(share * len(layers))) :]:
            for parameter in layer.parameters(recurse=False):
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return random_model


def check_one(image: Tensor, explanation: Explanation) -> None:
    """Raise InputError unless the explanation is that of exactly one image, of the size of `image` (C, H, W)."""
    check_images(image[None])
    expected = (1, *image.shape[1:])
    if explanation.evidence.shape != expected:
        raise InputError(
            f"evidence has shape {tuple(explanation.evidence.shape)}, expected {expected}: "
            "pass the explanation of one image"
        )


def _top(evidence: Tensor, fraction: float, seed: int) -> Tensor:
    """1 on the pixels of evidence (H, W) with the highest values, at least one, 0 elsewhere."""
    chosen = removal_order(evidence, seed)[: max(1, round(fraction * evidence.numel()))]
    return torch.zeros(evidence.numel()).scatter_(0, chosen, 1).reshape(evidence.shape)


def _scores(
    model: nn.Module, image: Tensor, shares: Tensor, explanation: Explanation, settings: TrustSettings
) -> tuple[float, list[float], list[float]]:
    """p_c of the image, of the shares (S, C, H, W) only, and of their complements."""
    images = image.detach()[None]
    removed = _removed(explanation, settings, images)
    target = explanation.target.to(image.device)
    values = []
    with scored(model, explanation.score) as network, torch.no_grad():
        for share in torch.cat([torch.ones_like(images), shares, 1 - shares]):
            shown = share * images + (1 - share) * removed
            values.append(float(network.score.value(check_logits(network(shown)), target)))
    return values[0], values[1 : 1 + len(shares)], values[1 + len(shares) :]


def _removed(explanation: Explanation, settings: TrustSettings, images: Tensor) -> Tensor:
    """The value of removed pixels: the reference of the settings, or the explanation's own with its own seed."""
    if settings.reference is not None:
        return reference_for(settings.reference, images, settings.seed)
    seed = settings.seed if explanation.seed is None else explanation.seed
    return reference_for(explanation.reference, images, seed)


def _spread(name: str, values: list[float]) -> dict[str, float]:
    return {name: float(np.mean(values)), f"{name}_low": min(values), f"{name}_high": max(values)}


def _seed_sensitivity(
    again: Again, explainer: Explainer, model: nn.Module, explanation: Explanation, settings: TrustSettings
) -> dict[str, float]:
    own = explanation.seed or 0
    others = [other for seed in settings.seeds if (other := explainer.with_seed(own + seed)) is not None]
    maps = [again(other, model) for other in others]
    if not maps:
        return {}
    evidence = explanation.evidence[0]
    # Ties are broken with a different seed in each map. With the same seed, two constant maps would have an IoU of 1.
    top = _top(evidence, settings.fraction, settings.seed).bool()
    tops = [_top(values, settings.fraction, settings.seed + 1 + row).bool() for row, values in enumerate(maps)]
    return {
        "seed_correlation": float(np.mean([rank_correlation(evidence, values) for values in maps])),
        "seed_iou": float(np.mean([float((top & other).sum() / (top | other).sum()) for other in tops])),
    }


def _randomisation_test(
    again: Again, explainer: Explainer, model: nn.Module, explanation: Explanation, settings: TrustSettings
) -> dict[str, float]:
    return {
        f"randomised_{stage}": _without_weights(again, explainer, model, explanation, (stage, settings.seed))
        for stage in RANDOMISED
    }


def _without_weights(
    again: Again, explainer: Explainer, model: nn.Module, explanation: Explanation, drawn: tuple[str, int]
) -> float:
    """The correlation for a stage and a seed; another network is drawn while it is undefined."""
    stage, seed = drawn
    found = math.nan
    for draw in range(MAX_DRAWS):
        found = _correlation_with(again, explainer, randomised(model, RANDOMISED[stage], seed + draw), explanation)
        if not math.isnan(found):
            break
    return found


def _correlation_with(again: Again, explainer: Explainer, model: nn.Module, explanation: Explanation) -> float:
    """Rank correlation of an explanation with that of another model; NaN if the method fails on that model."""
    try:
        values = again(explainer, model)
    except ModelError:
        return math.nan
    return rank_correlation(explanation.evidence[0], values)
