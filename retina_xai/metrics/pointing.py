"""Does the evidence lie on the object? Metrics against a mask or box of the object, as in Quantus' localisation group.

    pointing_hit    whether the pixel of the highest evidence lies on the object (pointing game, Zhang et al., 2016)
    mass_accuracy   share of the evidence that lies on the object (Arras, Osman and Samek, 2022)
    rank_accuracy   share of the K pixels of the highest evidence that lie on the object, which has K pixels (the same)

All are in [0, 1], high is good, and depend on the size of the object: a random map reaches its share of the picture.
Pixels of equal evidence are in a random order that is drawn from the seed. Without an object, or without any evidence
for `mass_accuracy`, they are undefined (NaN).
"""

import math

from torch import Tensor

from retina_xai.errors import InputError
from retina_xai.metrics.deletion import removal_order


def pointing_hit(evidence: Tensor, truth: Tensor, seed: int = 0) -> float:
    """1 if the strongest pixel of evidence (H, W) lies in truth (H, W) bool, otherwise 0."""
    inside = _inside(evidence, truth)
    return float(inside[removal_order(evidence, seed)[0]]) if inside.any() else math.nan


def mass_accuracy(evidence: Tensor, truth: Tensor) -> float:
    """Share of evidence (H, W) >= 0 in truth (H, W) bool."""
    inside, values = _inside(evidence, truth), evidence.detach().cpu().double().flatten()
    total = float(values.sum())
    return float(values[inside].sum()) / total if inside.any() and total > 0 else math.nan


def rank_accuracy(evidence: Tensor, truth: Tensor, seed: int = 0) -> float:
    """Share of the strongest pixels of evidence (H, W), as many as truth (H, W) bool has, that lie in it."""
    inside = _inside(evidence, truth)
    count = int(inside.sum())
    return float(inside[removal_order(evidence, seed)[:count]].double().mean()) if count else math.nan


def _inside(evidence: Tensor, truth: Tensor) -> Tensor:
    if evidence.shape != truth.shape:
        raise InputError(f"the object has shape {tuple(truth.shape)}, expected {tuple(evidence.shape)} as the evidence")
    return truth.cpu().flatten().bool()
