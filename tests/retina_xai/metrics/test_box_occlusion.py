"""Box occlusion: shares, places, and a score that only a good map lowers."""

import pytest
import torch
from torch import nn

from retina_xai.errors import InputError, UsageError
from retina_xai.metrics.box_occlusion import BoxOcclusion, box_occlusion, hidden_pixels

SETTINGS = BoxOcclusion(shares=(0.05, 0.1, 0.2), side=0.1, seed=3)


class Corner(nn.Module):
    """The score of class 0 rises with the upper left quarter."""

    def forward(self, images):
        value = 8 * images[:, :, :20, :20].mean(dim=(1, 2, 3)) - 4
        return torch.stack([value, -value], dim=1)


def test_boxes_hide_the_shares_where_the_map_is():
    heat = torch.zeros(40, 40)
    heat[:20, :20] = 1
    hidden = hidden_pixels(heat, SETTINGS)
    shares = hidden.double().mean(dim=(1, 2))
    assert ((shares >= torch.tensor(SETTINGS.shares)) & (shares < torch.tensor(SETTINGS.shares) + 0.01)).all()
    assert (hidden[0] <= hidden[1]).all()
    assert (hidden[1] <= hidden[2]).all()
    assert not hidden[:, 22:, :].any()
    assert torch.equal(hidden, hidden_pixels(heat, SETTINGS))
    assert not torch.equal(hidden, hidden_pixels(heat, BoxOcclusion(SETTINGS.shares, 0.1, seed=4)))
    # a map of one pixel: chance fills the rest
    point = torch.zeros(40, 40)
    point[5, 5] = 1
    assert hidden_pixels(point, SETTINGS)[-1].double().mean() >= 0.2


def test_a_good_map_lowers_the_score_more_than_a_constant_one():
    image = torch.ones(3, 40, 40)
    good, bad = torch.zeros(40, 40), torch.zeros(40, 40)
    good[:20, :20] = 1
    bad[20:, 20:] = 1
    found = {
        name: box_occlusion(Corner(), image, heat, 0, SETTINGS)
        for name, heat in {"good": good, "flat": torch.ones(40, 40), "zero": torch.zeros(40, 40), "bad": bad}.items()
    }
    assert found["good"].shape == (3,)
    assert (found["good"].diff() < 0).all()
    assert found["good"][-1] < found["flat"][-1] < found["bad"][-1]
    assert found["bad"][0] == pytest.approx(1)
    assert torch.equal(found["zero"], found["flat"])


def test_unfit_arguments_are_refused():
    with pytest.raises(UsageError, match="give rising shares in"):
        BoxOcclusion(shares=(0.2, 0.1))
    with pytest.raises(InputError, match=r"map \(4, 5\) for an image \(3, 4, 4\)"):
        box_occlusion(Corner(), torch.ones(3, 4, 4), torch.ones(4, 5), 0)
