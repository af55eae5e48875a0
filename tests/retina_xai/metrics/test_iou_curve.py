"""The IoU at every threshold against counting, and the extremes of its area."""

import pytest
import torch

from retina_xai.errors import InputError
from retina_xai.metrics.iou_curve import THRESHOLDS, iou_area, iou_curve


def test_every_threshold_is_counted():
    generator = torch.Generator().manual_seed(0)
    heat, mask = torch.rand(9, 7, generator=generator), torch.rand(9, 7, generator=generator) > 0.6
    found = iou_curve(heat, mask)
    for threshold, value in zip(THRESHOLDS.tolist(), found.tolist(), strict=True):
        pairs = [
            (one >= threshold, bool(other)) for one, other in zip(heat.flatten().tolist(), mask.flatten(), strict=True)
        ]
        assert value == pytest.approx(sum(a and b for a, b in pairs) / sum(a or b for a, b in pairs))
    assert iou_area(found) == pytest.approx(float(torch.trapezoid(found, THRESHOLDS)))


def test_the_mask_itself_has_area_1_and_its_complement_almost_none():
    mask = torch.zeros(6, 6, dtype=torch.bool)
    mask[2:5, 1:4] = True
    assert iou_area(iou_curve(mask.float(), mask)) == pytest.approx(1, abs=0.01)
    assert iou_area(iou_curve((~mask).float(), mask)) < 0.01
    assert iou_curve(torch.zeros(6, 6), mask)[:2].tolist() == [0.25, 0.0]


def test_unfit_maps_are_refused():
    mask = torch.ones(3, 3, dtype=torch.bool)
    with pytest.raises(InputError, match=r"mask \(3, 3\) with 0 pixels"):
        iou_curve(torch.ones(3, 3), ~mask)
    with pytest.raises(InputError, match="map from 0 to 2: scale it"):
        iou_curve(torch.tensor([[0.0, 2.0]]), mask[:1, :2])
