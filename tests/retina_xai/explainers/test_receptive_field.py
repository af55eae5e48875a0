"""Receptive fields against the pixels that really change a position, and average images of planted patches."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from retina_xai.explainers.average_image import average_images
from retina_xai.explainers.explainer import RankedFilter
from retina_xai.explainers.receptive_field import receptive_field
from retina_xai.models.scored_model import scored


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(1, 2, 5, padding=2, stride=2), nn.Conv2d(1, 2, 1, stride=2)
        self.last = nn.Conv2d(4, 1, 3, dilation=2)

    def forward(self, images):
        images = F.max_pool2d(images, 3, 2, 1)
        return self.last(torch.cat([self.wide(images).relu(), self.narrow(images)], dim=1))


STACKS = {
    "branches": Branches(),
    "pools": nn.Sequential(nn.Conv2d(1, 1, 3, 2), nn.AvgPool2d(2), nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2)),
    "squeezenet": nn.Sequential(nn.Conv2d(1, 3, 1), models.squeezenet1_0(weights=None).features[:6]),
}


@pytest.mark.parametrize("name", STACKS)
def test_it_is_where_nan_reaches_the_position(name):
    """NaN in a row or column reaches the position exactly if that row or column is in the field."""
    model, image = STACKS[name].eval(), torch.ones(1, 1, 64, 56, requires_grad=True)
    maps = model(image)
    position = tuple(side // 2 for side in maps.shape[2:])
    seen = receptive_field(maps.grad_fn, position, (64, 56))
    for axis, side in enumerate((64, 56)):
        lines = torch.ones(side, 1, 64, 56)
        lines.transpose(1, 2 + axis)[range(side), range(side)] = torch.nan
        with torch.no_grad():
            values = model(lines)[:, :, *position]
        reached = values.isnan().any(dim=1).nonzero().flatten().tolist()
        assert (reached[0], reached[-1] + 1) == (max(0, seen[axis][0]), min(side, seen[axis][1]))


def test_units_without_a_position_see_everything():
    image = torch.ones(1, 1, 8, 6, requires_grad=True)
    pooled = nn.Conv2d(1, 2, 3)(image).mean(dim=(2, 3))
    assert receptive_field(pooled.grad_fn, (), (8, 6)) == ((0, 8), (0, 6))
    gated = nn.Conv2d(1, 2, 3)(image) * pooled[..., None, None]
    assert receptive_field(gated.grad_fn, (1, 1), (8, 6)) == ((0, 8), (0, 6))


def test_the_average_image_is_the_patch_that_the_filter_looks_for():
    torch.manual_seed(0)
    patch = torch.randn(3, 5, 5)
    model = nn.Sequential(nn.Conv2d(3, 2, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.append(nn.Linear(2, 2))
    with torch.no_grad():
        model[0].weight[0], model[0].weight[1] = patch, -1
        model[0].bias.zero_()
    images = []
    for place in ((3, 4), (9, 2), (0, 0)):  # the last patch begins at the edge: it is seen whole
        image = torch.zeros(1, 3, 16, 16)
        image[0, :, place[0] : place[0] + 5, place[1] : place[1] + 5] = patch
        images.append(image)
    cut = torch.zeros(1, 3, 16, 16)  # half of the patch above the edge: only its lower part is averaged
    cut[0, :, :3, 7:12] = patch[:, 2:]
    filters = [RankedFilter("0", 0, 1.0), RankedFilter("0", 1, 1.0)]
    with scored(model) as network:
        mean, other = average_images(network, [*images, cut], filters)
        (first,) = average_images(network, [cut, *images, torch.zeros(1, 3, 16, 16)], filters[:1], count=2)
        (none,) = average_images(network, [torch.zeros(1, 3, 16, 16)], filters[1:])
    torch.testing.assert_close(mean, patch)
    assert other.shape == (3, 5, 5)
    torch.testing.assert_close(first, patch)
    assert none.shape == (3, 1, 1)
