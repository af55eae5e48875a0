"""The ablations of the reference bounds have exactly one of their two parts, and the slack widens all bounds."""

import pytest
import torch
from helpers.networks import TinyNet, smooth_images

from retina_xai.games.defence import DEFENCES

IMAGES = 2 * smooth_images(2, 24)


def bounds_of(key, slack=1e-5):
    """The bounds of a defence on two images, with a reference of ones."""
    model = TinyNet().eval().requires_grad_(False)
    return DEFENCES[key].record(model, IMAGES, torch.ones_like(IMAGES), 3, slack)[0]


def same(first, second):
    """Whether all bounds are equal, whatever side of them is cut."""
    pairs = list(zip(first.calls, second.calls, strict=True))
    return all(torch.equal(one.upper, other.upper) and _equal(one.lower, other.lower) for one, other in pairs)


def _equal(one, other):
    return one is other is None or torch.equal(one, other)


def test_the_hull_has_the_bounds_of_both_images_and_the_cut_of_the_paper():
    hull, reference = bounds_of("hull"), bounds_of("reference")
    assert same(hull, reference)
    assert (hull.one_sided, reference.one_sided) == (False, True)


def test_the_one_sided_cut_has_the_bounds_of_the_paper():
    one_sided, strict = bounds_of("one-sided"), bounds_of("fgvis")
    assert same(one_sided, strict)
    assert (one_sided.one_sided, strict.one_sided) == (True, False)
    assert not same(strict, bounds_of("reference"))


@pytest.mark.parametrize("key", ["fgvis", "one-sided"])
def test_the_slack_is_a_share_of_the_largest_output(key):
    exact, wide = bounds_of(key, 0.0), bounds_of(key, 0.5)
    for narrow, other in zip(exact.calls, wide.calls, strict=True):
        output = narrow.upper if narrow.lower is None else narrow.upper + narrow.lower
        room = 0.5 * output.abs().amax(dim=tuple(range(1, output.ndim)), keepdim=True)
        torch.testing.assert_close(other.upper, narrow.upper + room)


def test_the_slack_reaches_both_stages_and_both_images():
    staged = bounds_of("staged", 0.5)
    assert same(staged.first, bounds_of("fgvis", 0.5))
    assert same(staged.then, bounds_of("reference", 0.5))
    assert not same(staged.then, bounds_of("reference", 0.0))
