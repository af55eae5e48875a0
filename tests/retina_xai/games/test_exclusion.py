"""The share of units whose bounds exclude the reference, against values computed by hand."""

import pytest
import torch
from helpers.networks import TinyNet, smooth_images
from torch import nn

from retina_xai.games.exclusion import exclusion


class TwoUnits(nn.Module):
    """Leaky ReLU of the two pixels minus 1, and then ReLU of the first two minus 1."""

    def forward(self, images):
        first = nn.functional.leaky_relu(images.flatten(1) - 1, 0.5)
        return torch.relu(first - 1)


def test_the_share_by_hand():
    # first call: (3, -2) -> (2, -1.5), box [0, 2] x [-1.5, 0]; second call: (1, 0), box [0, 1] x {0}
    images = torch.tensor([3.0, -2.0]).reshape(1, 1, 1, 2)
    cases = {
        (3.0, -2.0): 0,  # the image itself
        (1.0, 1.0): 0,  # outputs (0, 0) and (0, 0)
        (0.0, 0.0): 1,  # outputs (-0.5, -0.5): the first unit is below its box
        (4.0, 2.0): 3,  # outputs (3, 1) and (2, 0): both units, then the first
    }
    for values, count in cases.items():
        reference = torch.tensor(values).reshape(1, 1, 1, 2)
        found = exclusion(TwoUnits(), images, reference)
        assert found.of_units.tolist() == [count / 4] == found.of_layers.tolist()
        assert found.units.tolist() == [2, 2]
    wide = exclusion(TwoUnits(), images, torch.tensor([4.0, 2.0]).reshape(1, 1, 1, 2), slack=1.0)
    assert wide.of_units.tolist() == [0]


def test_layers_of_other_sizes_weigh_alike_in_the_mean_over_layers():
    class Narrowing(nn.Module):
        def forward(self, images):
            return torch.relu(torch.tanh(images.flatten(1)).mean(dim=1, keepdim=True))

    images, references = torch.zeros(1, 1, 1, 4), torch.tensor([2.0, 0.0, 0.0, -1.0]).reshape(1, 1, 1, 4)
    found = exclusion(Narrowing(), images, references)
    assert found.excluded.tolist() == [[2, 1]], "tanh above and below 0, and the mean above 0"
    assert found.of_units.tolist() == pytest.approx([3 / 5])
    assert found.of_layers.tolist() == [(2 / 4 + 1) / 2]


def test_images_of_a_batch_have_shares_of_their_own_and_the_image_excludes_none_of_itself():
    model, images = TinyNet().train(), smooth_images(3, 24)
    references = torch.zeros_like(images)
    shares = exclusion(model, images, references).of_units
    assert ((shares > 0) & (shares < 1)).all()
    for row in range(3):
        own = slice(row, row + 1)
        alone = exclusion(model, images[own], references[own]).of_units
        torch.testing.assert_close(alone, shares[own], atol=1e-3, rtol=0)
    assert not exclusion(model, images, images).excluded.any()
    assert model.training
