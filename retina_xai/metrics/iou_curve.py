"""Localisation of a known region: intersection over union at every threshold of a map (VEBI, Oramas et al., 2019).

A map in [0, 1] is binarised at each threshold t (value >= t) and compared with the mask; the area under the curve of
the IoU over t in [0, 1] (trapezoids) is the figure, higher is better. It favours maps that cover the region evenly: the
mask itself has 1, a map with one strong pixel about 0.
"""

import torch
from torch import Tensor

from retina_xai.errors import InputError

THRESHOLDS = torch.linspace(0, 1, 51, dtype=torch.float64)
"""The thresholds of the curve."""


def iou_curve(heat: Tensor, mask: Tensor) -> Tensor:
    """The IoU (51,) of a map (H, W) in [0, 1] with a mask (H, W) bool at each of THRESHOLDS.

    >>> mask = torch.tensor([[True, False, False, False]])
    >>> iou_curve(torch.tensor([[1.0, 0.5, 0.0, 0.0]]), mask)[[0, 10, 40]].tolist()
    [0.25, 0.5, 1.0]

    Raises:
        InputError: shapes that differ, values outside [0, 1], or an empty mask.
    """
    if heat.shape != mask.shape or not mask.any():
        raise InputError(
            f"map {tuple(heat.shape)}, mask {tuple(mask.shape)} with {int(mask.sum())} pixels: give equal shapes and a "
            "mask that is not empty"
        )
    if not ((heat >= 0) & (heat <= 1)).all():
        raise InputError(f"map from {float(heat.min()):g} to {float(heat.max()):g}: scale it to [0, 1]")
    found = heat.double()[None] >= THRESHOLDS.to(heat.device)[:, None, None]
    both, either = (found & mask).flatten(1).sum(dim=1), (found | mask).flatten(1).sum(dim=1)
    return (both.double() / either).cpu()


def iou_area(curve: Tensor) -> float:
    """The area under a curve of `iou_curve`, in [0, 1].

    >>> round(iou_area(torch.ones(51)), 6)
    1.0
    """
    return float(torch.trapezoid(curve.double(), THRESHOLDS))
