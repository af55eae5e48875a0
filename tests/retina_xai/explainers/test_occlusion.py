"""The sliding window against its closed form."""

import pytest
import torch
from helpers.linear_score import LinearScore, weights

from retina_xai.errors import UsageError
from retina_xai.explainers.occlusion import Occlusion


def test_a_square_decreases_the_score_by_its_weights():
    weight = weights(16, 16)
    weight[8:, 8:] *= -0.1
    evidence = Occlusion(window=0.25, stride=0.25)(LinearScore(weight), torch.ones(1, 3, 16, 16).double(), 0).evidence
    squares = weight.reshape(4, 4, 4, 4).sum(dim=(1, 3)).clamp(min=0)
    expected = (squares / squares.max()).repeat_interleave(4, 0).repeat_interleave(4, 1)
    torch.testing.assert_close(evidence[0], expected, rtol=1e-4, atol=1e-5)


def test_overlapping_squares_are_averaged_over_those_that_cover_a_pixel():
    weight = weights(6, 6)
    evidence = Occlusion(window=0.5, stride=1 / 6)(LinearScore(weight), torch.ones(1, 1, 6, 6).double(), 0).evidence
    fall = [[weight[top : top + 3, left : left + 3].sum() for left in range(4)] for top in range(4)]
    expected = torch.zeros(6, 6).double()
    for row in range(6):
        for column in range(6):
            covering = [
                fall[top][left]
                for top in range(4)
                for left in range(4)
                if 0 <= row - top < 3 and 0 <= column - left < 3
            ]
            expected[row, column] = torch.stack(covering).mean()
    torch.testing.assert_close(evidence[0], expected / expected.max(), rtol=1e-4, atol=1e-5)


def test_window_and_stride_are_shares_of_the_longer_side():
    model = LinearScore(torch.zeros(40, 56))
    Occlusion(batch=1)(model, torch.ones(1, 3, 40, 56), 0)
    # window 8, stride 2: 1 + (40 - 8) / 2 by 1 + (56 - 8) / 2 positions, besides the image itself once for the
    # end of the network, once for the scores, once for the layout and once for the differences
    assert sum(model.shown) == 17 * 25 + 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 0.1, "stride": 0.2}, "window 0.1, stride 0.2: give shares of the side"),
        ({"stride": 0.0}, "give shares of the side, 0 < stride <= window <= 1"),
        ({"window": 32}, "window 32, stride"),
        ({"batch": 0}, "batch 0: give at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Occlusion(**settings)
